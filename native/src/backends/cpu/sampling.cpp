// The next token of rows that need not know of each other: the likeliest, or a draw.
#include <algorithm>
#include <array>

#include "backends/cpu/logit_peaks.hpp"
#include "backends/cpu/token_policy.hpp"
#include "ops/random.hpp"
#include "ops/take_token.hpp"

namespace wtrt::cpu {
namespace {

struct Draw {
  double value;
  int64_t index;
};

// Of the range; no better than `floor`, with index -1, if nothing in it can win.
Draw best_draw(const float* logits, Range range, double temperature, const ops::NoiseKey& noise, double floor) {
  Draw best{floor, -1};
  int64_t block = -1;
  ops::Philox bits{};
  for (int64_t i = range.first; i < range.first + range.count; ++i) {
    const double value = static_cast<double>(logits[i]) / temperature;
    if (!(value + ops::kMostNoise > best.value)) continue;  // most of them, at low temperatures
    if (block != i / 4) {
      block = i / 4;
      bits = noise.four(block);
    }
    const uint32_t own = bits[static_cast<size_t>(i % 4)];
    if (!(value + ops::gumbel_bound(own) > best.value)) continue;  // nearly all that are left
    const double noisy = value + ops::gumbel(own);
    if (noisy > best.value) best = {noisy, i};
  }
  return best;
}

int64_t draw(ThreadPool& pool, const float* logits, int64_t size, const Peak& peak, double temperature,
             const ops::NoiseKey& noise) {
  const double floor = static_cast<double>(peak.most) / temperature + ops::kLeastNoise;
  std::array<Draw, kChunks> draws;
  pool.parallel_for(kChunks, [&](int32_t i) {
    draws[static_cast<size_t>(i)] = best_draw(logits, ops::chunk_of(size, i), temperature, noise, floor);
  });
  Draw best{floor, peak.index};
  for (const Draw& one : draws) {
    if (one.index >= 0 && one.value > best.value) best = one;
  }
  return best.index;
}

}  // namespace

void sample(Isa isa, ThreadPool& pool, const ops::Tensor& logits, const ops::StepState& state, const int32_t* rows,
            int32_t count, int32_t advance) {
  check_logits(logits, count);
  const auto unfinished = [&](int32_t i) { return state.rows[rows[i]].finished == 0; };
  for_peaks(isa, pool, logits, count, unfinished, [&](int32_t i, const Peak& peak) {
    const ops::RowState& row = state.rows[rows[i]];
    const ops::TokenPolicy& policy = state.policies[row.policy];
    const float* line = line_of(logits, i);
    int64_t token = peak.index;
    if (policy.temperature > 0) {
      const ops::NoiseKey noise{policy.seed, policy.window, static_cast<uint32_t>(row.candidate),
                                static_cast<uint32_t>(row.sampled)};
      token = draw(pool, line, logits.cols, peak, static_cast<double>(policy.temperature), noise);
    }
    ops::take_token(state, rows[i], static_cast<int32_t>(token), peak.logprob(line[token]), advance);
  });
}

}  // namespace wtrt::cpu
