// The largest logit of a range and the sum of its exponentials, by one block, in the order of ops/peak.hpp and with the
// arithmetic of the CPU's vector levels (row_kernels.hpp).
#pragma once

#include <cuda_runtime.h>

#include "ops/peak.hpp"

namespace wtrt::kernels {

constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int32_t kPeakThreads = 512;  // of a block

// The larger the float, the larger the number; both zeros are the same, and 0 is nobody's.
__device__ inline uint32_t order_of(float value) {
  const uint32_t bits = __float_as_uint(value + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
__device__ inline float of_order(uint32_t order) {
  return __uint_as_float((order & 0x80000000u) != 0 ? order & 0x7fffffffu : ~order);
}

// A place in an order: the larger `order` first, of equal ones the lower index.
struct Place {
  uint32_t order, index;
};
__device__ inline Place first_of_warp(Place mine) {
  const uint32_t order = __reduce_max_sync(kAllLanes, mine.order);
  return {order, __reduce_min_sync(kAllLanes, mine.order == order ? mine.index : 0xffffffffu)};
}

// e^x for x ≤ 0: exp_of of simd.hpp. Below 2^-126 nothing counts beside the 1 that every sum holds.
__device__ inline float vector_exp(float x) {
  constexpr float kShift = 12582912.0f;  // 1.5 · 2²³: adding it rounds to a whole number
  x = fmaxf(x, -88.0f);
  const float shifted = __fadd_rn(__fmul_rn(x, 1.44269504f), kShift), n = __fsub_rn(shifted, kShift);
  float f = __fmaf_rn(n, -0.693359375f, x);
  f = __fmaf_rn(n, 2.12194440e-4f, f);
  float p = 1.383684397e-3f;
  p = __fmaf_rn(p, f, 8.374817332e-3f);
  p = __fmaf_rn(p, f, 4.166822569e-2f);
  p = __fmaf_rn(p, f, 1.666642015e-1f);
  p = __fmaf_rn(p, f, 4.999999208e-1f);
  p = __fmaf_rn(p, f, 1.000000036f);
  p = __fmaf_rn(p, f, 1.0f);
  return __fmul_rn(p, __uint_as_float((__float_as_uint(shifted) + 127u) << 23));
}

// A stretch of logits as a block holds it in registers: value k of thread t is that at t + k * kPeakThreads; -inf
// behind the end.
constexpr int32_t kTileStretches = 8;
constexpr int64_t kTileSize = kTileStretches * ops::kStretch;
constexpr int32_t kPerThread = static_cast<int32_t>(kTileSize / kPeakThreads);
struct Tile {
  float at[kPerThread];
};

// `count`: what is left from `values` on.
__device__ inline Tile load_tile(const float* values, int64_t count) {
  Tile tile;
#pragma unroll
  for (int32_t k = 0; k < kPerThread; ++k) {
    const int32_t i = static_cast<int32_t>(threadIdx.x) + k * kPeakThreads;
    tile.at[k] = i < count ? values[i] : ops::kForbidden;
  }
  return tile;
}

// The first of the largest of what all threads hold. For all threads of the block.
__device__ inline Place first_of_block(Place mine) {
  __shared__ Place firsts[kPeakThreads / 32];
  mine = first_of_warp(mine);
  __syncthreads();  // `firsts` may still be read from a call before
  if (threadIdx.x % 32 == 0) firsts[threadIdx.x / 32] = mine;
  __syncthreads();
  const uint32_t lane = threadIdx.x % 32;
  return first_of_warp(lane < kPeakThreads / 32 ? firsts[lane] : Place{0, 0xffffffffu});
}

struct NoEdit {
  __device__ void operator()(Tile&, int64_t) const {}
};

// edit(tile, first) may change what a tile holds, and memory with it, before it is looked at. `last`: the last tile.
// Index from the beginning of the range; for all threads of the block.
template <typename Edit>
__device__ Place largest_of(const float* values, int64_t count, Tile& last, const Edit& edit) {
  Place mine{0, 0xffffffffu};
  for (int64_t first = 0; first < count; first += kTileSize) {
    last = load_tile(values + first, count - first);
    edit(last, first);
#pragma unroll
    for (int32_t k = 0; k < kPerThread; ++k) {
      const uint32_t order = order_of(last.at[k]);
      if (order > mine.order)
        mine = {order, static_cast<uint32_t>(first) + threadIdx.x + static_cast<uint32_t>(k * kPeakThreads)};
    }
  }
  return first_of_block(mine);
}

// Sums of a tile's stretches in double, added to `total` in order. Valid in thread 0.
__device__ inline double add_tile(double total, const Tile& tile, int64_t count, float most) {
  constexpr int32_t kApart =
      static_cast<int32_t>(ops::kStretch) + ops::kSumLanes;  // of stretches: two are read from different banks
  __shared__ float exponentials[kTileStretches * kApart];
  __shared__ float sums[kTileStretches];
  const auto thread = static_cast<int32_t>(threadIdx.x);
  const auto stretches =
      static_cast<int32_t>(((count < kTileSize ? count : kTileSize) + ops::kStretch - 1) / ops::kStretch);
#pragma unroll
  for (int32_t k = 0; k < kPerThread; ++k) {
    const int32_t i = thread + k * kPeakThreads, stretch = i / static_cast<int32_t>(ops::kStretch);
    if (k * kPeakThreads < stretches * static_cast<int32_t>(ops::kStretch))
      exponentials[i + stretch * ops::kSumLanes] = vector_exp(__fsub_rn(tile.at[k], most));
  }
  __syncthreads();
  if (thread < kTileStretches * ops::kSumLanes) {
    const int32_t stretch = thread / ops::kSumLanes;
    const float* mine = exponentials + stretch * kApart + thread % ops::kSumLanes;
    float sum = 0.0f;
    if (stretch < stretches) {
#pragma unroll 32
      for (int32_t i = 0; i < static_cast<int32_t>(ops::kStretch); i += ops::kSumLanes) sum = __fadd_rn(sum, mine[i]);
    }
    __syncwarp();
    for (int step = ops::kSumLanes / 2; step > 0; step /= 2)
      sum = __fadd_rn(sum, __shfl_xor_sync(kAllLanes, sum, step));
    if (thread % ops::kSumLanes == 0) sums[stretch] = sum;
  }
  __syncthreads();
  if (thread == 0)
    for (int32_t i = 0; i < stretches; ++i) total += static_cast<double>(sums[i]);
  return total;
}

// `most` and `index` for all threads of the block, `sum` in thread 0.
template <typename Edit>
__device__ ops::Peak peak_of(const float* line, ops::Range range, const Edit& edit) {
  ops::Peak peak{ops::kForbidden, range.first, 0.0};
  if (range.count < 1) return peak;
  const float* values = line + range.first;
  Tile tile;
  const Place place = largest_of(values, range.count, tile, edit);
  peak.most = of_order(place.order);
  peak.index += place.index;
  if (peak.most == ops::kForbidden) return peak;
  for (int64_t first = 0; first < range.count; first += kTileSize) {
    if (range.count > kTileSize) tile = load_tile(values + first, range.count - first);
    peak.sum = add_tile(peak.sum, tile, range.count - first, peak.most);
  }
  return peak;
}

// ops::join by one warp, for all lanes.
__device__ inline ops::Peak join_in_warp(const ops::Peak* peaks) {
  const uint32_t lane = threadIdx.x % 32;
  const ops::Peak mine = lane < ops::kChunks ? peaks[lane] : ops::Peak{ops::kForbidden, 0, 0.0};
  const Place first = first_of_warp({lane < ops::kChunks ? order_of(mine.most) : 0, lane});
  ops::Peak all{of_order(first.order), __shfl_sync(kAllLanes, mine.index, first.index), 0.0};
  const double share = mine.share(all.most);
#pragma unroll
  for (int i = 0; i < ops::kChunks; ++i) all.sum += __shfl_sync(kAllLanes, share, i);
  return all;
}

}  // namespace wtrt::kernels
