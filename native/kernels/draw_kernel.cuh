// Draws at a temperature by one block: the twin of best_draw in sampling.cpp.
//
// Each logit's noise costs two logarithms in double. So a block first looks at all in f32, and then in double at those
// alone that come within a margin of the best: the margin is a hundred times what f32 gets wrong, and the draw the
// same.
#pragma once

#include "ops/random.hpp"
#include "peak_kernel.cuh"

namespace wtrt::kernels {

struct Draw {
  double value;
  int64_t index;  // -1: none
};

__device__ inline bool better(const Draw& a, const Draw& b) {
  return a.value > b.value || (a.value == b.value && a.index >= 0 && (b.index < 0 || a.index < b.index));
}

// gumbel() to within 5e-5: u and 1 - u of the same bits, each used where it is exact.
__device__ inline float rough_gumbel(uint32_t bits) {
  const float u = (static_cast<float>(bits) + 0.5f) * 0x1p-32f, v = (static_cast<float>(~bits) + 0.5f) * 0x1p-32f;
  const float e = v < 0x1p-6f ? v * (1.0f + v * (0.5f + v * (1.0f / 3.0f))) : -__logf(u);
  return -__logf(e);
}

// Called for very few: kept apart, so that its registers are nobody else's.
static __device__ __noinline__ double noisy(float logit, float temperature, uint32_t bits) {
  return static_cast<double>(logit) / static_cast<double>(temperature) + ops::gumbel(bits);
}

// Calls body(i, logit, bits) for this thread's logits above `least`, whose noise could make them the largest; four
// share their bits.
template <typename Body>
__device__ void for_likely(const float* line, ops::Range range, float least, const ops::NoiseKey& noise,
                           const Body& body) {
  constexpr int32_t kAtOnce = 4;  // fours whose logits are under way
  const int32_t skipped = static_cast<int32_t>(range.first % 4), end = skipped + static_cast<int32_t>(range.count);
  const int64_t begin = range.first - skipped;
  for (int32_t first = 4 * static_cast<int32_t>(threadIdx.x); first < end; first += 4 * kAtOnce * kPeakThreads) {
    const float* mine = line + begin + first;
    float logits[kAtOnce][4];
#pragma unroll
    for (int32_t q = 0; q < kAtOnce; ++q) {
#pragma unroll
      for (int32_t k = 0; k < 4; ++k) {
        const int32_t at = 4 * q * kPeakThreads + k;
        logits[q][k] = first + at >= skipped && first + at < end ? mine[at] : ops::kForbidden;
      }
    }
#pragma unroll
    for (int32_t q = 0; q < kAtOnce; ++q) {
      if (!(fmaxf(fmaxf(logits[q][0], logits[q][1]), fmaxf(logits[q][2], logits[q][3])) > least)) continue;
      const int64_t i = begin + first + 4 * q * kPeakThreads;
      const ops::Philox bits = noise.four(i / 4);
#pragma unroll
      for (int32_t k = 0; k < 4; ++k)
        if (logits[q][k] > least) body(i + k, logits[q][k], bits[static_cast<size_t>(k)]);
    }
  }
}

__device__ inline Draw better_of_warp(Draw best) {
  for (int step = 16; step > 0; step /= 2) {
    const Draw other{__shfl_xor_sync(kAllLanes, best.value, step), __shfl_xor_sync(kAllLanes, best.index, step)};
    if (better(other, best)) best = other;
  }
  return best;
}

// Of a range whose largest logit is `most`. Valid in warp 0.
static __device__ __noinline__ Draw best_draw(const float* line, ops::Range range, float temperature,
                                              const ops::NoiseKey& noise, float most) {
  __shared__ float rough_of_warps[kPeakThreads / 32];
  __shared__ Draw draws[kPeakThreads / 32];
  if (most == ops::kForbidden) return {static_cast<double>(ops::kForbidden), -1};
  const float spread = static_cast<float>(ops::kMostNoise - ops::kLeastNoise) + 0.1f;
  const float least = most - spread * temperature - fabsf(most) * 1e-5f;
  const float margin = 0.01f + 1e-5f * (fabsf(most) / temperature);
  const float unit = 1.0f / temperature;
  const auto rough = [&](float logit, uint32_t bits) { return logit * unit + rough_gumbel(bits); };

  float first = ops::kForbidden, second = ops::kForbidden, logit_of_first = 0.0f;
  int64_t index_of_first = -1;
  uint32_t bits_of_first = 0;
  for_likely(line, range, least, noise, [&](int64_t i, float logit, uint32_t bits) {
    const float value = rough(logit, bits);
    second = fmaxf(second, fminf(first, value));
    if (!(value > first)) return;
    first = value;
    logit_of_first = logit;
    index_of_first = i;
    bits_of_first = bits;
  });
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const float of_warp = of_order(__reduce_max_sync(kAllLanes, order_of(first)));
  if (lane == 0) rough_of_warps[warp] = of_warp;
  __syncthreads();
  const float wanted =
      of_order(__reduce_max_sync(kAllLanes, lane < kPeakThreads / 32 ? order_of(rough_of_warps[lane]) : 0)) - margin;

  Draw best{static_cast<double>(ops::kForbidden), -1};
  if (of_warp >= wanted) {
    if (first >= wanted) best = {noisy(logit_of_first, temperature, bits_of_first), index_of_first};
    if (second >= wanted) {  // hardly ever: once more, each that comes near
      for_likely(line, range, least, noise, [&](int64_t i, float logit, uint32_t bits) {
        if (rough(logit, bits) < wanted) return;
        const Draw one{noisy(logit, temperature, bits), i};
        if (better(one, best)) best = one;
      });
    }
    __syncwarp();
    best = better_of_warp(best);
  }
  if (lane == 0) draws[warp] = best;
  __syncthreads();
  if (warp == 0)
    best = better_of_warp(lane < kPeakThreads / 32 ? draws[lane] : Draw{static_cast<double>(ops::kForbidden), -1});
  return best;
}

}  // namespace wtrt::kernels
