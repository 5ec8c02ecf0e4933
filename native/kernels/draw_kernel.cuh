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

// A chunk of a line as its block finds it: in the tile, or where it does not fit in memory.
struct Chunk {
  Tile& tile;
  const float* line;
  ops::Range range;

  __device__ float operator[](int64_t i) const {
    return range.count <= kTileSize ? tile[static_cast<int32_t>(i - range.first)] : line[i];
  }
};

// Called for very few: kept apart, so that its registers are nobody else's.
static __device__ __noinline__ double noisy(float logit, float temperature, uint32_t bits) {
  return static_cast<double>(logit) / static_cast<double>(temperature) + ops::gumbel(bits);
}

// Calls body(i, logit, bits) for the logits above `least`, whose noise could make them the largest; four share their
// bits.
template <typename Body>
__device__ void for_likely(const Chunk& chunk, float least, const ops::NoiseKey& noise, const Body& body) {
  const int64_t first = chunk.range.first, end = first + chunk.range.count;
  for (int64_t block = first / 4 + threadIdx.x; block * 4 < end; block += kPeakThreads) {
    float logits[4];
    bool any = false;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const int64_t i = block * 4 + k;
      logits[k] = i >= first && i < end ? chunk[i] : ops::kForbidden;
      any = any || logits[k] > least;
    }
    if (!any) continue;
    const ops::Philox bits = noise.four(block);
#pragma unroll
    for (int k = 0; k < 4; ++k)
      if (logits[k] > least) body(block * 4 + k, logits[k], bits[static_cast<size_t>(k)]);
  }
}

// Of a chunk whose largest logit is `most`. Valid in thread 0.
__device__ inline Draw best_draw(const Chunk& chunk, float temperature, const ops::NoiseKey& noise, float most) {
  __shared__ float rough_of_warps[kPeakThreads / 32];
  __shared__ Draw draws[kPeakThreads / 32];
  if (most == ops::kForbidden) return {static_cast<double>(ops::kForbidden), -1};
  const float spread = static_cast<float>(ops::kMostNoise - ops::kLeastNoise) + 0.1f;
  const float least = most - spread * temperature - fabsf(most) * 1e-5f;
  const float margin = 0.01f + 1e-5f * (fabsf(most) / temperature);

  float rough = ops::kForbidden;
  for_likely(chunk, least, noise, [&](int64_t, float logit, uint32_t bits) {
    rough = fmaxf(rough, logit / temperature + rough_gumbel(bits));
  });
  const float of_warp = of_order(__reduce_max_sync(kAllLanes, order_of(rough)));
  if (threadIdx.x % 32 == 0) rough_of_warps[threadIdx.x / 32] = of_warp;
  __syncthreads();
  const uint32_t lane = threadIdx.x % 32;
  const float wanted =
      of_order(__reduce_max_sync(kAllLanes, lane < kPeakThreads / 32 ? order_of(rough_of_warps[lane]) : 0)) - margin;

  Draw best{static_cast<double>(ops::kForbidden), -1};
  if (rough >= wanted) {
    for_likely(chunk, least, noise, [&](int64_t i, float logit, uint32_t bits) {
      if (logit / temperature + rough_gumbel(bits) < wanted) return;
      const double value = noisy(logit, temperature, bits);
      if (value > best.value) best = {value, i};
    });
  }
  __syncwarp();
  for (int step = 16; step > 0; step /= 2) {
    const Draw other{__shfl_xor_sync(kAllLanes, best.value, step), __shfl_xor_sync(kAllLanes, best.index, step)};
    if (better(other, best)) best = other;
  }
  if (lane == 0) draws[threadIdx.x / 32] = best;
  __syncthreads();
  if (threadIdx.x != 0) return best;
  for (int warp = 1; warp < kPeakThreads / 32; ++warp)
    if (better(draws[warp], best)) best = draws[warp];
  return best;
}

// The draw of a line from those of its chunks.
__device__ inline int64_t join_draws(const Draw* draws, const ops::Peak& peak, double temperature) {
  Draw best{static_cast<double>(peak.most) / temperature + ops::kLeastNoise, peak.index};
  for (int32_t i = 0; i < ops::kChunks; ++i)
    if (draws[i].index >= 0 && draws[i].value > best.value) best = draws[i];
  return best.index;
}

}  // namespace wtrt::kernels
