// Windows shorter than the caches' slots: what a longer one left behind must never be seen.
#include <limits>

#include "backends/cpu/attention.hpp"
#include "backends/cpu/isa.hpp"
#include "common/error.hpp"
#include "cpu_levels.hpp"

namespace wtrt::cpu {
namespace {

using test::matrix;
using test::normal;
using test::Poisoned;

constexpr DType kTypes[] = {DType::f32, DType::bf16, DType::i8};
constexpr int32_t kHeads = 2, kSize = 64, kWidth = kHeads * kSize, kPositions = 700;

struct Decoder {
  ThreadPool& pool;
  Isa isa;
  ops::RowState rows[2] = {};
  ops::StepState state{};
  const std::vector<float> q = normal(5 * kWidth, 4, 2.0f);
  const ops::TokenSlot tokens[5] = {{0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {1, -1, -1}, {1, 5, 1}};

  Decoder(ThreadPool& of, Isa level) : pool(of), isa(level) {
    rows[1].cross_slot = 1;
    state.rows = rows;
  }
  void store(CpuCrossKv& cache, const std::vector<float>& kv, int32_t slot) const {
    store_cross_kv(isa, pool, cache, 0, matrix(kv, 2 * kWidth), {&slot, 1});
  }
  void attend(const CpuCrossKv& cache, int32_t first, int32_t count, Poisoned& out) const {
    cross_attention(isa, pool, cache, 0, matrix(q, kWidth).slice(first, count), state, tokens + first, count,
                    out.tensor());
  }
  void score(const CpuCrossKv& cache, int32_t first, int32_t count, Poisoned& out) const {
    const int32_t head = 1;
    alignment_scores(isa, pool, cache, 0, {&head, 1}, matrix(q, kWidth).slice(first, count), state, tokens + first,
                     count, out.tensor());
  }
};

// Two rows over slots of different lengths, in a cache that held longer windows before; each must get, bit for bit,
// what it gets over a cache of its window's own length.
TEST(ShortWindow, ASlotIsAsLongAsTheWindowStoredLast) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const Isa isa : test::levels()) {
    for (const DType type : kTypes) {
      for (const int32_t length : {1, 17, 64, 513}) {
        Decoder decoder(pool, isa);
        CpuCrossKv cache({1, kHeads, kSize}, 2, kPositions, type);
        auto loud = normal(static_cast<size_t>(kPositions) * 2 * kWidth, 1, 50.0f);
        const auto low = normal(static_cast<size_t>(length) * 2 * kWidth, 2),
                   full = normal(static_cast<size_t>(kPositions) * 2 * kWidth, 3);
        decoder.store(cache, loud, 0);
        decoder.store(cache, loud, 1);
        decoder.store(cache, low, 0);
        decoder.store(cache, full, 1);
        EXPECT_EQ(cache.length(0), length);
        EXPECT_EQ(cache.length(1), kPositions);
        Poisoned together(5, kWidth), scores(5, kPositions);
        decoder.attend(cache, 0, 5, together);
        decoder.score(cache, 0, 5, scores);
        EXPECT_TRUE(together.intact() && scores.intact());

        CpuCrossKv narrow({1, kHeads, kSize}, 1, length, type), wide({1, kHeads, kSize}, 2, kPositions, type);
        decoder.store(narrow, low, 0);
        decoder.store(wide, full, 1);
        Poisoned first(3, kWidth), first_scores(3, length), second(2, kWidth), second_scores(2, kPositions);
        decoder.attend(narrow, 0, 3, first);
        decoder.score(narrow, 0, 3, first_scores);
        decoder.attend(wide, 3, 2, second);
        decoder.score(wide, 3, 2, second_scores);
        ASSERT_EQ(0, std::memcmp(first.data(), together.data(), 3 * kWidth * 4)) << length;
        ASSERT_EQ(0, std::memcmp(second.data(), together.data() + 3 * kWidth, 2 * kWidth * 4)) << length;
        for (int64_t i = 0; i < 3; ++i) {
          ASSERT_EQ(0, std::memcmp(first_scores.data() + i * length, scores.data() + i * kPositions,
                                   static_cast<size_t>(length) * 4));
          for (int64_t t = length; t < kPositions; ++t)
            ASSERT_EQ(scores[i * kPositions + t], -std::numeric_limits<float>::infinity());
        }
        ASSERT_EQ(0, std::memcmp(second_scores.data(), scores.data() + 3 * kPositions, 2 * kPositions * 4));
      }
    }
  }
}

TEST(ShortWindow, SlotsRefuseWhatDoesNotFitAndRowsWhatWasNeverStored) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const Decoder decoder(pool, widest_isa());
  CpuCrossKv cache({1, kHeads, kSize}, 2, 32, DType::f32);
  EXPECT_THROW(decoder.store(cache, normal(33 * 2 * kWidth, 1), 0), Error);
  EXPECT_THROW(decoder.store(cache, {}, 0), Error);
  decoder.store(cache, normal(32 * 2 * kWidth, 1), 0);
  Poisoned out(5, kWidth);
  EXPECT_NO_THROW(decoder.attend(cache, 0, 3, out));
  EXPECT_THROW(decoder.attend(cache, 0, 5, out), Error);  // slot 1
}

TEST(ShortWindow, TheEncodersAttentionForgetsLongerWindows) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const auto loud = normal(static_cast<size_t>(kPositions) * 3 * kWidth, 1, 50.0f);
  for (const Isa isa : test::levels()) {
    for (const auto type : {ops::ComputeType::f32, ops::ComputeType::bf16, ops::ComputeType::i8}) {
      if (type == ops::ComputeType::bf16 && !has_bf16(isa)) continue;
      for (const int64_t length : {1, 37, 64, 448}) {
        const auto qkv = normal(static_cast<size_t>(length) * 3 * kWidth, 2);
        EncoderAttention used(isa, type), fresh(isa, type);
        Poisoned before(kPositions, kWidth), after(length, kWidth), alone(length, kWidth);
        used.run(pool, matrix(loud, 3 * kWidth), before.tensor(), 1, kHeads);
        used.run(pool, matrix(qkv, 3 * kWidth), after.tensor(), 1, kHeads);
        fresh.run(pool, matrix(qkv, 3 * kWidth), alone.tensor(), 1, kHeads);
        ASSERT_EQ(0, std::memcmp(after.data(), alone.data(), static_cast<size_t>(length * kWidth) * 4))
            << static_cast<int>(isa) << " type " << static_cast<int>(type) << " T " << length;
      }
    }
  }
}

}  // namespace
}  // namespace wtrt::cpu
