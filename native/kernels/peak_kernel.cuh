// The largest logit of a range and the sum of its exponentials, by one block, in the order of ops/peak.hpp and with the arithmetic of
// the CPU's vector levels (row_kernels.hpp).
#pragma once

#include <cuda_runtime.h>

#include "ops/peak.hpp"

namespace wtrt::kernels {

constexpr unsigned kAllLanes = 0xffffffffu;

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

// The first of the largest; index relative to the range. For all threads of the block.
template <int kThreads>
__device__ Place largest_of(const float* values, int64_t count) {
  __shared__ Place firsts[kThreads / 32];
  Place mine{0, 0};
  const auto end = static_cast<uint32_t>(count);
#pragma unroll 8
  for (uint32_t i = threadIdx.x; i < end; i += kThreads) {
    const uint32_t order = order_of(values[i]);
    if (order > mine.order) mine = {order, i};
  }
  mine = first_of_warp(mine);
  __syncthreads();  // `firsts` may still be read from a call before
  if (threadIdx.x % 32 == 0) firsts[threadIdx.x / 32] = mine;
  __syncthreads();
  const uint32_t lane = threadIdx.x % 32;
  return first_of_warp(lane < kThreads / 32 ? firsts[lane] : Place{0, 0});
}

// Valid in thread 0.
template <int kThreads>
__device__ double sum_exp_of(const float* values, int64_t count, float most) {
  constexpr int kGroups = kThreads / ops::kSumLanes;
  __shared__ float sums[kGroups];
  const uint32_t group = threadIdx.x / ops::kSumLanes, lane = threadIdx.x % ops::kSumLanes;
  double total = 0.0;
  for (int64_t first = 0; first < count; first += kGroups * ops::kStretch) {
    const int64_t begin = first + group * ops::kStretch;
    const int64_t left = count - begin;
    const int32_t end = static_cast<int32_t>(left < ops::kStretch ? left : ops::kStretch);
    float sum = 0.0f;
    if (end == ops::kStretch) {
#pragma unroll 16
      for (int32_t i = 0; i < ops::kStretch; i += ops::kSumLanes)
        sum = __fadd_rn(sum, vector_exp(__fsub_rn(values[begin + lane + i], most)));
    } else {
      for (int32_t i = static_cast<int32_t>(lane); i < end; i += ops::kSumLanes)
        sum = __fadd_rn(sum, vector_exp(__fsub_rn(values[begin + i], most)));
    }
    __syncwarp();
    for (int step = ops::kSumLanes / 2; step > 0; step /= 2) sum = __fadd_rn(sum, __shfl_xor_sync(kAllLanes, sum, step));
    __syncthreads();  // thread 0 has taken what the stretches before left
    if (lane == 0) sums[group] = sum;
    __syncthreads();
    if (threadIdx.x != 0) continue;
    for (int64_t g = 0; g < kGroups && first + g * ops::kStretch < count; ++g) total += static_cast<double>(sums[g]);
  }
  return total;
}

// `most` and `index` for all threads of the block, `sum` in thread 0.
template <int kThreads>
__device__ ops::Peak peak_of(const float* line, ops::Range range) {
  ops::Peak peak{ops::kForbidden, range.first, 0.0};
  if (range.count < 1) return peak;
  const Place place = largest_of<kThreads>(line + range.first, range.count);
  peak.most = of_order(place.order);
  peak.index += place.index;
  if (peak.most != ops::kForbidden) peak.sum = sum_exp_of<kThreads>(line + range.first, range.count, peak.most);
  return peak;
}

// ops::join by one warp of a line's peaks, which other blocks have left; for all lanes.
__device__ inline ops::Peak join_in_warp(const ops::Peak* peaks) {
  const uint32_t lane = threadIdx.x % 32;
  ops::Peak mine{ops::kForbidden, 0, 0.0};
  if (lane < ops::kChunks) {
    mine.most = __ldcg(&peaks[lane].most);
    mine.index = __ldcg(reinterpret_cast<const long long*>(&peaks[lane].index));
    mine.sum = __ldcg(&peaks[lane].sum);
  }
  const Place first = first_of_warp({lane < ops::kChunks ? order_of(mine.most) : 0, lane});
  ops::Peak all{of_order(first.order), __shfl_sync(kAllLanes, mine.index, first.index), 0.0};
  const double share = lane < ops::kChunks ? mine.share(all.most) : 0.0;
  for (int i = 0; i < ops::kChunks; ++i) all.sum += __shfl_sync(kAllLanes, share, i);
  return all;
}

}  // namespace wtrt::kernels
