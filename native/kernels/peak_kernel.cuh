// The largest logit of a range and the sum of its exponentials, by one block, in the order of ops/peak.hpp and with the
// arithmetic of the CPU's vector levels (row_kernels.hpp).
#pragma once

#include <cuda_runtime.h>

#include "ops/peak.hpp"

namespace wtrt::kernels {

constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int32_t kPeakThreads = 256;  // of a block

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

// Logits as a block holds them in registers: value k of thread t is that at t + k * kPeakThreads; -inf behind the end.
// Loads begin where fetch() is called, so that others can follow before the first is there.
constexpr int32_t kTileStretches = 8;
constexpr int32_t kTileSize = kTileStretches * static_cast<int32_t>(ops::kStretch);
constexpr int32_t kTileEach = kTileSize / kPeakThreads;
struct Tile {
  float at[kTileEach];
};
// `count`: what is left from `values` on.
__device__ inline Tile fetch(const float* values, int64_t count) {
  const float* mine = values + threadIdx.x;
  const int32_t left = static_cast<int32_t>(count < kTileSize ? count : kTileSize) - static_cast<int32_t>(threadIdx.x);
  Tile tile;
#pragma unroll
  for (int32_t k = 0; k < kTileEach; ++k) {
    tile.at[k] = ops::kForbidden;
    if (k * kPeakThreads < left)
      asm volatile("ld.global.f32 %0, [%1];" : "=f"(tile.at[k]) : "l"(mine + k * kPeakThreads));
  }
  return tile;
}

// What the threads of a block share while they look for a peak. They must meet before it is used for another.
struct PeakBoard {
  static constexpr int32_t kApart =
      static_cast<int32_t>(ops::kStretch) + ops::kSumLanes;  // two stretches in different banks
  float exponentials[kTileStretches * kApart];
  Place firsts[kPeakThreads / 32];  // of the warps
  float sums[kTileStretches];
};

__device__ inline Place first_in_tile(const Tile& tile) {
  Place mine{0, 0xffffffffu};
#pragma unroll
  for (int32_t k = 0; k < kTileEach; ++k) {
    const uint32_t order = order_of(tile.at[k]);
    if (order > mine.order) mine = {order, threadIdx.x + static_cast<uint32_t>(k * kPeakThreads)};
  }
  return mine;
}

// The first of what all threads hold. For all threads of the block.
__device__ inline Place first_of_block(PeakBoard& board, Place mine) {
  mine = first_of_warp(mine);
  if (threadIdx.x % 32 == 0) board.firsts[threadIdx.x / 32] = mine;
  __syncthreads();
  const uint32_t lane = threadIdx.x % 32;
  return first_of_warp(lane < kPeakThreads / 32 ? board.firsts[lane] : Place{0, 0xffffffffu});
}

// Adds the sums of a tile's stretches to `total` in order. Valid in warp 0.
__device__ inline double add_tile(double total, PeakBoard& board, const Tile& tile, int64_t count, float most) {
  constexpr int32_t kStretch = static_cast<int32_t>(ops::kStretch);
  const auto thread = static_cast<int32_t>(threadIdx.x);
  const int32_t stretches = ((count < kTileSize ? static_cast<int32_t>(count) : kTileSize) + kStretch - 1) / kStretch;
#pragma unroll
  for (int32_t k = 0; k < kTileEach; ++k) {
    const int32_t i = thread + k * kPeakThreads, stretch = k * kPeakThreads / kStretch;
    if (stretch < stretches) board.exponentials[i + stretch * ops::kSumLanes] = vector_exp(__fsub_rn(tile.at[k], most));
  }
  __syncthreads();
  if (thread < kTileStretches * ops::kSumLanes) {
    const int32_t stretch = thread / ops::kSumLanes;
    const float* mine = board.exponentials + stretch * PeakBoard::kApart + thread % ops::kSumLanes;
    float sum = 0.0f;
    if (stretch < stretches) {
      constexpr int32_t kAtOnce = 16;  // loads under way
      for (int32_t first = 0; first < kStretch; first += kAtOnce * ops::kSumLanes) {
        float values[kAtOnce];
#pragma unroll
        for (int32_t k = 0; k < kAtOnce; ++k) values[k] = mine[first + k * ops::kSumLanes];
#pragma unroll
        for (int32_t k = 0; k < kAtOnce; ++k) sum = __fadd_rn(sum, values[k]);
      }
    }
    __syncwarp();
    for (int step = ops::kSumLanes / 2; step > 0; step /= 2)
      sum = __fadd_rn(sum, __shfl_xor_sync(kAllLanes, sum, step));
    if (thread % ops::kSumLanes == 0) board.sums[stretch] = sum;
  }
  __syncthreads();
  if (thread >= 32) return 0.0;
  const double sum = thread < stretches ? static_cast<double>(board.sums[thread % kTileStretches]) : 0.0;
#pragma unroll
  for (int32_t i = 0; i < kTileStretches; ++i) total += __shfl_sync(kAllLanes, sum, i);
  return total;
}

// The largest of a range, of which the first tile has been fetched. edit(tile, first) may change what a tile holds, and
// memory with it. `tile` is the last one then. For all threads of the block.
template <typename Edit>
__device__ Place largest_of(PeakBoard& board, Tile& tile, const float* values, int64_t count, const Edit& edit) {
  edit(tile, int64_t{0});
  Place mine = first_in_tile(tile);
  for (int64_t first = kTileSize; first < count; first += kTileSize) {
    tile = fetch(values + first, count - first);
    edit(tile, first);
    const Place here = first_in_tile(tile);
    if (here.order > mine.order) mine = {here.order, here.index + static_cast<uint32_t>(first)};
  }
  return first_of_block(board, mine);
}

// `most` and `index` for all threads of the block, `sum` in warp 0.
template <typename Edit>
__device__ ops::Peak peak_of(PeakBoard& board, Tile& tile, const float* line, ops::Range range, const Edit& edit) {
  ops::Peak peak{ops::kForbidden, range.first, 0.0};
  if (range.count < 1) return peak;
  const float* values = line + range.first;
  const Place place = largest_of(board, tile, values, range.count, edit);
  peak.most = of_order(place.order);
  peak.index += place.index;
  if (peak.most == ops::kForbidden) return peak;
  if (range.count > kTileSize) tile = fetch(values, range.count);  // the last one was in it
  for (int64_t first = 0;;) {
    peak.sum = add_tile(peak.sum, board, tile, range.count - first, peak.most);
    first += kTileSize;
    if (first >= range.count) break;
    tile = fetch(values + first, range.count - first);
  }
  return peak;
}
struct NoEdit {
  __device__ void operator()(Tile&, int64_t) const {}
};

// ops::join by one warp, for all lanes, of the chunks that its first lanes hold.
__device__ inline ops::Peak join_in_warp(const ops::Peak& mine) {
  const uint32_t lane = threadIdx.x % 32;
  const bool there = lane < ops::kChunks;
  const Place first = first_of_warp({there ? order_of(mine.most) : 0, lane});
  ops::Peak all{of_order(first.order), __shfl_sync(kAllLanes, mine.index, static_cast<int>(first.index)), 0.0};
  const double share = there ? mine.share(all.most) : 0.0;
#pragma unroll
  for (int i = 0; i < ops::kChunks; ++i) all.sum += __shfl_sync(kAllLanes, share, i);
  return all;
}

}  // namespace wtrt::kernels
