// Draws at a temperature: the distribution, and that nothing but the keys and the logits decides.
#include <algorithm>
#include <numeric>

#include "backends/cpu/token_policy.hpp"
#include "cpu_levels.hpp"
#include "ops/random.hpp"

namespace wtrt::cpu {
namespace {

using test::matrix;
using test::normal;

constexpr float kOut = -std::numeric_limits<float>::infinity();

// Rows under one policy, of which row r is draw r of its window.
struct Draws {
  std::vector<ops::RowState> rows;
  std::vector<int32_t> history, order;
  ops::TokenPolicy policy{};
  ops::StepState state{};

  Draws(int32_t count, float temperature)
      : rows(static_cast<size_t>(count)), history(static_cast<size_t>(count)), order(history.size()) {
    policy.eot = -1;
    policy.temperature = temperature;
    policy.seed = 0x0123456789abcdefull;
    policy.window = 3000;
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i].max_sampled = 1;
      rows[i].candidate = static_cast<int32_t>(i);
    }
    std::iota(order.begin(), order.end(), 0);
    state.rows = rows.data();
    state.policies = &policy;
    state.history = history.data();
    state.history_capacity = 1;
  }
};

std::vector<float> repeated(const std::vector<float>& line, size_t times) {
  std::vector<float> all;
  for (size_t i = 0; i < times; ++i) all.insert(all.end(), line.begin(), line.end());
  return all;
}

TEST(Philox, GivesThePublishedNumbers) {
  const ops::Philox zeros = ops::philox({0, 0, 0, 0}, 0);
  EXPECT_EQ(zeros, (ops::Philox{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  const ops::Philox ones = ops::philox({~0u, ~0u, ~0u, ~0u}, ~uint64_t{0});
  EXPECT_EQ(ones, (ops::Philox{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  const ops::Philox pi = ops::philox({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, 0x299f31d0a4093822ull);
  EXPECT_EQ(pi, (ops::Philox{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(Gumbel, StaysBelowItsBound) {
  for (uint32_t power = 0; power < 32; ++power) {
    for (int32_t near = -40; near <= 40; ++near) {
      for (const uint32_t bits :
           {(1u << power) + static_cast<uint32_t>(near), ~((1u << power) + static_cast<uint32_t>(near))}) {
        ASSERT_LE(ops::gumbel(bits), ops::gumbel_bound(bits)) << bits;
        ASSERT_LT(ops::gumbel(bits), ops::kMostNoise) << bits;
        ASSERT_GT(ops::gumbel(bits), ops::kLeastNoise) << bits;
      }
    }
  }
}

TEST(Sampling, FollowsTheSoftmaxOfTheTemperature) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const std::vector<float> line = {0.3f, kOut, 1.9f, -1.2f, 0.0f, 2.2f, 0.7f, kOut, -0.4f, 1.1f, -2.0f, 1.5f, kOut};
  constexpr int32_t kDraws = 20000;
  const auto logits = repeated(line, kDraws);
  for (const float temperature : {0.2f, 0.7f, 1.0f}) {
    Draws draws(kDraws, temperature);
    sample(widest_isa(), pool, matrix(logits, static_cast<int64_t>(line.size())), draws.state, draws.order.data(),
           kDraws, 0);
    std::vector<int> seen(line.size());
    for (const auto& row : draws.rows) ++seen[static_cast<size_t>(row.token)];
    double total = 0;
    for (const float logit : line) total += std::exp(static_cast<double>(logit) / static_cast<double>(temperature));
    double chi = 0;
    int cells = 0;
    for (size_t i = 0; i < line.size(); ++i) {
      const double expected =
          kDraws * std::exp(static_cast<double>(line[i]) / static_cast<double>(temperature)) / total;
      if (expected < 5) {
        EXPECT_LT(seen[i], 25) << "token " << i;
        continue;
      }
      ++cells;
      chi += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    EXPECT_GE(cells, 3);
    EXPECT_LT(chi, 30) << "of " << cells << " cells at temperature " << temperature;  // one in a thousand for ten cells
  }
}

TEST(Sampling, TakesTheLargestOfLogitsPlusNoise) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int64_t kVocabulary = 51865;
  constexpr int32_t kRows = 12;
  auto logits = normal(kRows * kVocabulary, 41, 2.5f);
  for (size_t i = 0; i < logits.size(); i += 3) logits[i] = kOut;
  for (const float temperature : {0.2f, 1.0f}) {
    for (const Isa isa : test::levels()) {
      Draws draws(kRows, temperature);
      sample(isa, pool, matrix(logits, kVocabulary), draws.state, draws.order.data(), kRows, 0);
      for (int32_t r = 0; r < kRows; ++r) {
        const float* line = logits.data() + r * kVocabulary;
        double best = -INFINITY, sum = 0;
        int32_t token = -1;
        for (int32_t i = 0; i < kVocabulary; ++i) {
          const auto bits =
              ops::philox({static_cast<uint32_t>(i / 4), 0, static_cast<uint32_t>(r), 3000}, draws.policy.seed);
          const double u = (bits[static_cast<size_t>(i % 4)] + 0.5) / 4294967296.0;
          const double noisy = static_cast<double>(line[i]) / static_cast<double>(temperature) - std::log(-std::log(u));
          if (noisy > best) {
            best = noisy;
            token = i;
          }
          sum += std::exp(static_cast<double>(line[i]));
        }
        const ops::RowState& row = draws.rows[static_cast<size_t>(r)];
        EXPECT_EQ(row.token, token) << "row " << r << " temperature " << temperature;
        // The log-probability is that of the plain softmax.
        EXPECT_NEAR(row.sum_logprob, static_cast<double>(line[token]) - std::log(sum), 1e-5);
      }
    }
  }
}

TEST(Sampling, ADrawIsTheSameAnywhereInABatch) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int64_t kVocabulary = 5003;
  constexpr int32_t kRows = 70;
  const auto line = normal(kVocabulary, 43, 1.0f);
  const auto logits = repeated(line, kRows);
  Draws together(kRows, 1.0f), apart(kRows, 1.0f);
  std::reverse(together.order.begin(), together.order.end());
  sample(widest_isa(), pool, matrix(logits, kVocabulary), together.state, together.order.data(), kRows, 0);
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < kRows; ++i) {
    sample(widest_isa(), pool, matrix(line, kVocabulary), apart.state, &i, 1, 0);
    tokens.push_back(apart.rows[static_cast<size_t>(i)].token);
    EXPECT_EQ(tokens.back(), together.rows[static_cast<size_t>(i)].token);
  }
  std::sort(tokens.begin(), tokens.end());
  EXPECT_GT(std::unique(tokens.begin(), tokens.end()) - tokens.begin(), kRows / 2) << "candidates must draw apart";
}

TEST(Sampling, EveryKeyCounts) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int64_t kVocabulary = 50000;
  const std::vector<float> line(kVocabulary, 0.0f);
  const int32_t first = 0;
  const auto token = [&](auto&& change) {
    Draws draws(1, 1.0f);
    draws.rows[0].max_sampled = 9;
    change(draws);
    sample(widest_isa(), pool, matrix(line, kVocabulary), draws.state, &first, 1, 0);
    return draws.rows[0].token;
  };
  const std::vector<int32_t> drawn = {token([](Draws&) {}),
                                      token([](Draws& d) { d.policy.seed ^= uint64_t{1} << 63; }),
                                      token([](Draws& d) { d.policy.seed ^= 1; }),
                                      token([](Draws& d) { d.policy.window = 3001; }),
                                      token([](Draws& d) { d.rows[0].candidate = 1; }),
                                      token([](Draws& d) { d.rows[0].sampled = 1; })};
  for (size_t i = 0; i < drawn.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(drawn[i], drawn[j]) << i << " and " << j;
  }
  EXPECT_EQ(drawn[0], token([](Draws&) {}));
}

}  // namespace
}  // namespace wtrt::cpu
