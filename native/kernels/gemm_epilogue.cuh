// What follows the sum in every matrix product: bias, activation, residual, rounding, and where the values go.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "gemm.hpp"
#include "ptx.cuh"

namespace wtrt::kernels::gemm_device {

// x · Φ(x) = max(x, 0) − |x| · Φ(−|x|), with log2 Φ(−|x|) as a polynomial: no cancellation, one exponential. Against
// the exact value within 3.4e-7, for −5.5 < x < 0 within a part in 260,000, everywhere within 1/180 of an f16's last
// place.
__device__ inline float gelu_narrow(float x) {
  const float a = fabsf(x);
  float log2_phi = -1.3274717503009015e-07f;
  log2_phi = fmaf(log2_phi, a, 9.943343002305483e-07f);
  log2_phi = fmaf(log2_phi, a, 3.7281304685166106e-05f);
  log2_phi = fmaf(log2_phi, a, -0.0008226658683270216f);
  log2_phi = fmaf(log2_phi, a, 0.00824581179767847f);
  log2_phi = fmaf(log2_phi, a, -0.053619109094142914f);
  log2_phi = fmaf(log2_phi, a, -0.45867833495140076f);
  log2_phi = fmaf(log2_phi, a, -1.1512011289596558f);
  log2_phi = fmaf(log2_phi, a, -0.9999971389770508f);
  return fmaf(-a, ptx::exp2(log2_phi), fmaxf(x, 0.0f));
}

template <typename T>
__device__ inline float gelu(float x) {
  if constexpr (sizeof(T) == 4) return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
  return gelu_narrow(x);
}

__device__ inline float to_f32(float x) { return x; }
__device__ inline float to_f32(__half x) { return __half2float(x); }
__device__ inline float to_f32(__nv_bfloat16 x) { return __bfloat162float(x); }
template <typename T>
__device__ inline T from_f32(float x) {
  if constexpr (__is_same(T, __half)) return __float2half_rn(x);
  if constexpr (__is_same(T, __nv_bfloat16)) return __float2bfloat16_rn(x);
  if constexpr (__is_same(T, float)) return x;
}

// kCount neighbouring values as they lie in memory, moved at once.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  static constexpr int kPerWord = 4 / sizeof(T);
  uint32_t words[kCount / kPerWord];

  __device__ float get(int i) const {
    const uint32_t word = words[i / kPerWord];
    if constexpr (__is_same(T, float)) return __uint_as_float(word);
    if constexpr (__is_same(T, __half))
      return __half2float(__ushort_as_half(static_cast<uint16_t>(word >> i % 2 * 16)));
    if constexpr (__is_same(T, __nv_bfloat16)) return __uint_as_float(i % 2 == 0 ? word << 16 : word & 0xffff0000u);
  }
  __device__ void set(const float (&values)[kCount]) {
#pragma unroll
    for (int i = 0; i < kCount / kPerWord; ++i) {
      if constexpr (__is_same(T, float)) {
        words[i] = __float_as_uint(values[i]);
      } else {
        words[i] = ptx::pack<T>(values[2 * i], values[2 * i + 1]);
      }
    }
  }
};

// That the pointer is to global memory the compiler does not see by itself.
template <int kCount, typename T>
__device__ inline Vector<T, kCount> load_vector(const T* from) {
  __builtin_assume(__isGlobal(from));
  return *reinterpret_cast<const Vector<T, kCount>*>(from);
}
template <typename T, int kCount>
__device__ inline void store_vector(T* to, const Vector<T, kCount>& vector) {
  __builtin_assume(__isGlobal(to));
  *reinterpret_cast<Vector<T, kCount>*>(to) = vector;
}

// Where a row of `out` and of the residual (null: none) begins.
template <typename T>
struct Row {
  T* out;
  const T* residual;
};

// Of a row counted over all batches.
template <typename T>
__device__ inline Row<T> row_of(const GemmArgs& args, uint32_t row_of_all) {
  const uint32_t b = row_of_all / static_cast<uint32_t>(args.rows);
  const int64_t r = row_of_all - b * static_cast<uint32_t>(args.rows);
  Row<T> row;
  row.out = args.head_size > 0 ? static_cast<T*>(args.heads_out[b]) + r * args.head_size
                               : static_cast<T*>(args.out) + b * args.out_batch + r * args.out_row;
  row.residual =
      args.residual == nullptr ? nullptr : static_cast<const T*>(args.residual) + b * args.residual_batch + r * args.n;
  return row;
}

// Where column c lies in a row of `out`.
__device__ inline int64_t column_of(const GemmArgs& args, int32_t c) {
  if (args.head_size == 0) return c;
  const uint32_t size = static_cast<uint32_t>(args.head_size), head = static_cast<uint32_t>(c) / size;
  return head * args.head_stride + (c - head * size);
}

template <int kCount>
__device__ inline void load_bias(const float* from, float (&bias)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; i += 4) {
    const Vector<float, 4> four = load_vector<4>(from + i);
#pragma unroll
    for (int j = 0; j < 4; ++j) bias[i + j] = four.get(j);
  }
}

// kCount neighbouring columns, all of them inside n, stored at once.
template <typename T, int kCount>
__device__ inline void store_wide(const GemmArgs& args, const Row<T>& row, int32_t column,
                                  const float (&sums)[kCount]) {
  float values[kCount], bias[kCount] = {};
  if (args.bias != nullptr) load_bias(args.bias + column, bias);
#pragma unroll
  for (int i = 0; i < kCount; ++i) values[i] = args.gelu ? gelu<T>(sums[i] + bias[i]) : sums[i] + bias[i];
  if (row.residual != nullptr) {
    const Vector<T, kCount> residual = load_vector<kCount>(row.residual + column);
#pragma unroll
    for (int i = 0; i < kCount; ++i) values[i] += residual.get(i);
  }
  Vector<T, kCount> result;
  result.set(values);
  store_vector(row.out + column_of(args, column), result);
}

// The same for any alignment and at the end of a row.
template <typename T, int kCount>
__device__ inline void store_narrow(const GemmArgs& args, const Row<T>& row, int32_t column,
                                    const float (&sums)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const int32_t c = column + i;
    if (c >= args.n) return;
    float value = sums[i] + (args.bias == nullptr ? 0.0f : args.bias[c]);
    if (args.gelu) value = gelu<T>(value);
    if (row.residual != nullptr) value += to_f32(row.residual[c]);
    row.out[column_of(args, c)] = from_f32<T>(value);
  }
}

template <typename T, int kCount, bool kWide>
__device__ inline void store(const GemmArgs& args, const Row<T>& row, int32_t column, const float (&sums)[kCount]) {
  if constexpr (kWide) {
    if (column < args.n) store_wide(args, row, column, sums);
  } else {
    store_narrow(args, row, column, sums);
  }
}

}  // namespace wtrt::kernels::gemm_device
