// Elements of f32, f16 and bf16: conversions, and the choice of a type at run time.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

#include "device.hpp"

namespace wtrt::kernels {

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(__half value) { return __half2float(value); }
__device__ __forceinline__ float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

template <typename T>
__device__ __forceinline__ T from_float(float value) {
  if constexpr (std::is_same_v<T, __half>) return __float2half_rn(value);
  if constexpr (std::is_same_v<T, __nv_bfloat16>) return __float2bfloat16_rn(value);
  if constexpr (std::is_same_v<T, float>) return value;
}

// Two values of a 16-bit type in one register, the first one low.
template <typename T>
__device__ __forceinline__ float2 unpack2(uint32_t pair) {
  if constexpr (std::is_same_v<T, __half>) return __half22float2(*reinterpret_cast<__half2*>(&pair));
  if constexpr (std::is_same_v<T, __nv_bfloat16>) return __bfloat1622float2(*reinterpret_cast<__nv_bfloat162*>(&pair));
}

// body(T{}) with the device's type of a DType; `otherwise` for what is not f32, f16 or bf16.
template <typename Body>
cudaError_t with_type(DType type, const Body& body, cudaError_t otherwise = cudaErrorInvalidValue) {
  switch (type) {
    case DType::f32: return body(float{});
    case DType::f16: return body(__half{});
    case DType::bf16: return body(__nv_bfloat16{});
    default: return otherwise;
  }
}

}  // namespace wtrt::kernels
