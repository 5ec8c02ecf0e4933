#include "backends/cpu/attention.hpp"
#include "backends/cpu/token_policy.hpp"
#include "common/error.hpp"
#include "cpu_levels.hpp"

namespace wtrt::cpu {
namespace {

using test::matrix;
using test::normal;
using test::Poisoned;

constexpr int32_t kHeads = 3, kSlots = 3;
constexpr DType kTypes[] = {DType::f32, DType::bf16, DType::i8};

// Keys of three windows in a cache of some type, and seven queries: five of one row, two of another.
struct Windows {
  int32_t size, positions;
  int64_t width = static_cast<int64_t>(kHeads) * size;
  std::vector<float> kv = normal(static_cast<size_t>(kSlots * positions * 2 * width), 3);
  std::vector<float> q = normal(static_cast<size_t>(7 * width), 4, 2.0f);
  ops::RowState rows[2] = {};
  ops::StepState state{};
  std::vector<ops::TokenSlot> tokens = {{0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {0, 3, 1}, {0, 4, 1}, {1, 0, 1}, {1, 1, 1}};
  CpuCrossKv cache;

  Windows(ThreadPool& pool, Isa isa, DType type, int32_t head_size, int32_t length)
      : size(head_size), positions(length), cache({2, kHeads, head_size}, kSlots, length, type) {
    const int32_t slots[] = {0, 1, 2};
    store_cross_kv(isa, pool, cache, 1, matrix(kv, 2 * width), slots);
    rows[0].cross_slot = 2;
    rows[1].cross_slot = 0;
    state.rows = rows;
  }
  float key(int32_t token, int32_t head, int32_t position, int32_t d) const {
    const int64_t at =
        static_cast<int64_t>(rows[tokens[static_cast<size_t>(token)].row].cross_slot) * positions + position;
    return kv[static_cast<size_t>(at * 2 * width + head * size + d)];
  }
  double exact(int32_t token, int32_t head, int32_t position) const {
    double sum = 0;
    for (int32_t d = 0; d < size; ++d) {
      sum += static_cast<double>(q[static_cast<size_t>(token * width + head * size + d)]) *
             static_cast<double>(key(token, head, position, d));
    }
    return sum / std::sqrt(static_cast<double>(size));
  }
};

TEST(AlignmentScores, AreTheScaledProductsOfQueryAndKey) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const std::vector<int32_t> heads = {2, 0};
  for (const Isa isa : test::levels()) {
    for (const DType type : kTypes) {
      for (const auto& [size, positions] :
           {std::pair(64, 1500), std::pair(80, 515), std::pair(7, 17), std::pair(256, 1)}) {
        const Windows windows(pool, isa, type, size, positions);
        Poisoned out(14, positions);
        alignment_scores(isa, pool, windows.cache, 1, heads, matrix(windows.q, windows.width), windows.state,
                         windows.tokens.data(), 7, out.tensor());
        double worst = 0;
        for (int32_t h = 0; h < 2; ++h) {
          for (int32_t i = 0; i < 7; ++i) {
            for (int32_t t = 0; t < positions; t += 1 + positions / 60) {
              const auto got = static_cast<double>(out[(h * 7 + i) * static_cast<int64_t>(positions) + t]);
              worst = std::max(worst, std::fabs(got - windows.exact(i, heads[static_cast<size_t>(h)], t)));
            }
          }
        }
        // Storing costs half a unit in the last place of each key: 2^-9 of bf16, 1/254 of the largest of int8.
        const double allowed = type == DType::f32 ? 1e-4 : type == DType::bf16 ? 4e-2 : 1.5e-1;
        EXPECT_LT(worst, allowed) << "level " << static_cast<int>(isa) << " type " << static_cast<int>(type) << " size "
                                  << size;
        EXPECT_TRUE(out.intact());
      }
    }
  }
}

TEST(AlignmentScores, ATokenIsTheSameInAnyCompany) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const std::vector<int32_t> heads = {0, 1};
  constexpr int32_t kPositions = 700;
  for (const Isa isa : test::levels()) {
    for (const DType type : kTypes) {
      const Windows windows(pool, isa, type, 64, kPositions);
      const ops::Tensor q = matrix(windows.q, windows.width);
      Poisoned together(14, kPositions);
      alignment_scores(isa, pool, windows.cache, 1, heads, q, windows.state, windows.tokens.data(), 7,
                       together.tensor());
      for (int32_t i = 0; i < 7; ++i) {
        Poisoned alone(2, kPositions);
        alignment_scores(isa, pool, windows.cache, 1, heads, q.slice(i, 1), windows.state,
                         &windows.tokens[static_cast<size_t>(i)], 1, alone.tensor());
        for (int32_t h = 0; h < 2; ++h) {
          ASSERT_EQ(0, std::memcmp(alone.data() + h * kPositions, together.data() + (h * 7 + i) * kPositions,
                                   kPositions * 4));
        }
      }
    }
  }
}

TEST(AlignmentScores, RefuseHeadsAndSlotsThatAreNotThere) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  Windows windows(pool, widest_isa(), DType::f32, 64, 16);
  Poisoned out(7, 16);
  const auto run = [&](int32_t head) {
    alignment_scores(widest_isa(), pool, windows.cache, 1, {&head, 1}, matrix(windows.q, windows.width), windows.state,
                     windows.tokens.data(), 7, out.tensor());
  };
  EXPECT_NO_THROW(run(2));
  EXPECT_THROW(run(3), Error);
  windows.rows[1].cross_slot = kSlots;
  EXPECT_THROW(run(2), Error);
}

TEST(TokenProbabilities, AreTheSoftmaxBelowTheLimit) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int64_t kVocabulary = 5003, kLimit = 4001;
  const auto logits = normal(3 * kVocabulary, 7, 3.0f);
  const int32_t targets[] = {17, 4000, 4001};
  for (const Isa isa : test::levels()) {
    float probabilities[3];
    token_probabilities(isa, pool, matrix(logits, kVocabulary), kLimit, targets, 3, probabilities);
    for (int64_t i = 0; i < 2; ++i) {
      double total = 0;
      for (int64_t v = 0; v < kLimit; ++v)
        total += std::exp(static_cast<double>(logits[static_cast<size_t>(i * kVocabulary + v)]));
      const double want =
          std::exp(static_cast<double>(logits[static_cast<size_t>(i * kVocabulary + targets[i])])) / total;
      EXPECT_NEAR(probabilities[i] / want, 1.0, 1e-5);
    }
    EXPECT_EQ(probabilities[2], 0.0f);  // not below the limit
    EXPECT_THROW(
        token_probabilities(isa, pool, matrix(logits, kVocabulary), kVocabulary + 1, targets, 3, probabilities), Error);
  }
}

}  // namespace
}  // namespace wtrt::cpu
