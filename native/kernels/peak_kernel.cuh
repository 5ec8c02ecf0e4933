// The largest logit of a range and the sum of its exponentials, by one block, in the order of ops/peak.hpp and with the
// arithmetic of the CPU's vector levels (row_kernels.hpp).
#pragma once

#include <cuda_runtime.h>

#include "ops/peak.hpp"
#include "ptx.cuh"

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

// Logits as a block holds them in shared memory, where two stretches are read from different banks. Thread t loads and
// looks at those at t, t + kPeakThreads and so on; -inf behind the end.
constexpr int32_t kTileStretches = 8;
constexpr int32_t kTileSize = kTileStretches * static_cast<int32_t>(ops::kStretch);
struct Tile {
  float values[kTileSize + kTileStretches * ops::kSumLanes];
  Place firsts[kPeakThreads / 32];
  float sums[kTileStretches];

  __device__ float& operator[](int32_t i) {
    return values[i + i / static_cast<int32_t>(ops::kStretch) * ops::kSumLanes];
  }
};

constexpr int32_t kTileEach = kTileSize / kPeakThreads;

// Calls body(i) for this thread's part of as many values as `count` need: whole stretches.
template <typename Body>
__device__ void for_mine(int64_t count, const Body& body) {
  constexpr int32_t kStretch = static_cast<int32_t>(ops::kStretch);
  const int32_t end =
      count < kTileSize ? (static_cast<int32_t>(count) + kStretch - 1) / kStretch * kStretch : kTileSize;
#pragma unroll
  for (int32_t k = 0; k < kTileEach; ++k)
    if (k * kPeakThreads < end) body(static_cast<int32_t>(threadIdx.x) + k * kPeakThreads);
}

// Sends this thread's part of `count` values on their way to a tile.
__device__ inline void fetch(Tile& tile, const float* values, int64_t count) {
  for_mine(count, [&](int32_t i) {
    if (i < count) {
      ptx::copy_async_float(ptx::shared_address(&tile[i]), values + i);
    } else {
      tile[i] = ops::kForbidden;
    }
  });
}
__device__ inline Place first_in_tile(Tile& tile, int64_t count) {
  Place mine{0, 0xffffffffu};
  for_mine(count, [&](int32_t i) {
    const uint32_t order = order_of(tile[i]);
    if (order > mine.order) mine = {order, static_cast<uint32_t>(i)};
  });
  return mine;
}

// The first of what all threads hold. For all threads of the block.
__device__ inline Place first_of_block(Tile& tile, Place mine) {
  mine = first_of_warp(mine);
  if (threadIdx.x % 32 == 0) tile.firsts[threadIdx.x / 32] = mine;
  __syncthreads();
  const uint32_t lane = threadIdx.x % 32;
  return first_of_warp(lane < kPeakThreads / 32 ? tile.firsts[lane] : Place{0, 0xffffffffu});
}

// Turns logits into exponentials and adds those of each stretch to `total` in order. Valid in thread 0.
__device__ inline double add_tile(double total, Tile& tile, int64_t count, float most) {
  const auto thread = static_cast<int32_t>(threadIdx.x);
  const auto stretches =
      static_cast<int32_t>(((count < kTileSize ? count : kTileSize) + ops::kStretch - 1) / ops::kStretch);
  for_mine(count, [&](int32_t i) { tile[i] = vector_exp(__fsub_rn(tile[i], most)); });
  __syncthreads();
  if (thread < kTileStretches * ops::kSumLanes) {
    const int32_t stretch = thread / ops::kSumLanes;
    const float* mine = &tile[stretch * static_cast<int32_t>(ops::kStretch)] + thread % ops::kSumLanes;
    float sum = 0.0f;
    if (stretch < stretches) {
#pragma unroll 16
      for (int32_t i = 0; i < static_cast<int32_t>(ops::kStretch); i += ops::kSumLanes) sum = __fadd_rn(sum, mine[i]);
    }
    __syncwarp();
    for (int step = ops::kSumLanes / 2; step > 0; step /= 2)
      sum = __fadd_rn(sum, __shfl_xor_sync(kAllLanes, sum, step));
    if (thread % ops::kSumLanes == 0) tile.sums[stretch] = sum;
  }
  __syncthreads();
  if (thread == 0)
    for (int32_t i = 0; i < stretches; ++i) total += static_cast<double>(tile.sums[i]);
  return total;
}

// The largest of a range, whose first tile is on its way. see(first) is called for each tile when it is
// there: it may look at this thread's part of it and change it, and memory with it. A range of one tile is left in the
// tile. For all threads of the block, which must meet before `tile` is used anew.
template <typename See>
__device__ Place largest_of(Tile& tile, const float* values, int64_t count, const See& see) {
  Place mine{0, 0xffffffffu};
  for (int64_t first = 0; first < count; first += kTileSize) {
    if (first > 0) fetch(tile, values + first, count - first);
    ptx::copy_async_wait_all();
    see(first);
    const Place here = first_in_tile(tile, count - first);
    if (here.order > mine.order) mine = {here.order, here.index + static_cast<uint32_t>(first)};
  }
  return first_of_block(tile, mine);
}

// Σ exp(value - most) over a range that largest_of() has been through. Valid in thread 0.
__device__ inline double sum_of(Tile& tile, const float* values, int64_t count, float most) {
  if (most == ops::kForbidden) return 0.0;
  double sum = 0.0;
  for (int64_t first = 0; first < count; first += kTileSize) {
    if (count > kTileSize) {
      fetch(tile, values + first, count - first);
      ptx::copy_async_wait_all();
    }
    sum = add_tile(sum, tile, count - first, most);
  }
  return sum;
}

// look(peak) is called when all but the sum is known, and the range, if it is one tile, still stands in it. `most` and
// `index` for all threads of the block, `sum` in thread 0.
template <typename See, typename Look>
__device__ ops::Peak peak_of(Tile& tile, const float* line, ops::Range range, const See& see, const Look& look) {
  ops::Peak peak{ops::kForbidden, range.first, 0.0};
  if (range.count < 1) return peak;
  const Place place = largest_of(tile, line + range.first, range.count, see);
  peak.most = of_order(place.order);
  peak.index += place.index;
  look(peak);
  peak.sum = sum_of(tile, line + range.first, range.count, peak.most);
  return peak;
}
struct NothingMore {
  template <typename... Arguments>
  __device__ void operator()(const Arguments&...) const {}
};

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
