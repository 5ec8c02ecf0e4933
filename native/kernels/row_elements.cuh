// Elements of f32, f16 and bf16: conversions, vectors of 16 bytes, and the choice of a type at run time.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "device.hpp"

namespace wtrt::kernels {

__device__ inline float as_float(float value) { return value; }
__device__ inline float as_float(__half value) { return __half2float(value); }
__device__ inline float as_float(__nv_bfloat16 value) { return __bfloat162float(value); }

template <typename T>
__device__ T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __half from_float<__half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

template <typename T, int kCount>
struct alignas(sizeof(T) * kCount < 16 ? sizeof(T) * kCount : 16) Elements {
  T at[kCount];
};
template <typename T>
constexpr int kPerVector = 16 / static_cast<int>(sizeof(T));
template <typename T>
using Vector = Elements<T, kPerVector<T>>;  // one access of 16 bytes

inline bool aligned16(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

// Calls body(T{}) with the type's element; cudaErrorNotSupported for others.
template <typename Body>
cudaError_t with_float_type(DType type, const Body& body) {
  switch (type) {
    case DType::f32: return body(float{});
    case DType::f16: return body(__half{});
    case DType::bf16: return body(__nv_bfloat16{});
    default: return cudaErrorNotSupported;
  }
}

}  // namespace wtrt::kernels
