// Softmax while it streams by, in registers, in the layout in which tensor cores leave their sums: a thread holds of
// two rows, h = 0 and 1, the values [4 g + 2 h + e] at columns 8 g + 2 (lane % 4) + e; four neighbouring threads hold a
// row.
#pragma once

#include "ptx.cuh"

namespace wtrt::kernels {

struct SoftmaxRows {
  float base[2] = {-INFINITY, -INFINITY};  // what exponents are relative to, times `scale`
  float sum[2] = {0.0f, 0.0f};             // this thread's share
};

// Columns from `valid` on do not count.
template <int kCount>
__device__ __forceinline__ void mask_scores(float (&s)[kCount], int valid) {
  const int first = 2 * (threadIdx.x % 4);
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if (first + 8 * (i / 4) + i % 2 >= valid) s[i] = -INFINITY;
  }
}

__device__ __forceinline__ float row_maximum(float value) {
  value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 1));
  return fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

// Moves the base of a row to its maximum when that outgrew it by more than 2^8, which 16 bits bear, and multiplies the
// sums so far accordingly. Moving seldom saves multiplications, and each row decides for itself: its neighbours do not
// change its bits.
template <int kCount, int kSums>
__device__ __forceinline__ void raise_base(SoftmaxRows& rows, const float (&s)[kCount], float (&o)[kSums],
                                           float scale) {
  constexpr float kMostGrowth = 8.0f;
  float most[4] = {s[0], s[1], s[2], s[3]};
#pragma unroll
  for (int i = 4; i < kCount; ++i) most[i % 4] = fmaxf(most[i % 4], s[i]);
  const float top[2] = {row_maximum(fmaxf(most[0], most[1])) * scale, row_maximum(fmaxf(most[2], most[3])) * scale};
  const bool moves[2] = {top[0] > rows.base[0] + kMostGrowth, top[1] > rows.base[1] + kMostGrowth};
  if (!__any_sync(0xffffffffu, moves[0] || moves[1])) return;
  float correction[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    correction[h] = moves[h] ? ptx::exp2(rows.base[h] - top[h]) : 1.0f;
    if (moves[h]) rows.base[h] = top[h];
    rows.sum[h] *= correction[h];
  }
#pragma unroll
  for (int i = 0; i < kSums; ++i) o[i] *= correction[i / 2 % 2];
}

// s → the fragments of a product's left side, 2^(s * scale - base), which are summed up.
template <typename T, int kCount>
__device__ __forceinline__ void exponentials(SoftmaxRows& rows, float (&s)[kCount], uint32_t (&p)[kCount / 2],
                                             float scale) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    s[i] = ptx::exp2(fmaf(s[i], scale, -rows.base[i / 2 % 2]));
    rows.sum[i / 2 % 2] += s[i];
  }
#pragma unroll
  for (int i = 0; i < kCount; i += 2) p[i / 2] = ptx::pack<T>(s[i], s[i + 1]);
}

// 1 / the rows' sums.
__device__ __forceinline__ void finish_rows(const SoftmaxRows& rows, float (&inverse)[2]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float sum = rows.sum[h];
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    inverse[h] = 1.0f / sum;
  }
}

}  // namespace wtrt::kernels
