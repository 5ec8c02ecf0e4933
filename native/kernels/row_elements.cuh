// Elements of rows in vectors of 16 bytes.
#pragma once

#include <cstdint>

#include "elements.cuh"

namespace wtrt::kernels {

template <typename T, int kCount>
struct alignas(sizeof(T) * kCount < 16 ? sizeof(T) * kCount : 16) Elements {
  T at[kCount];
};
template <typename T>
constexpr int kPerVector = 16 / static_cast<int>(sizeof(T));
template <typename T>
using Vector = Elements<T, kPerVector<T>>;  // one access of 16 bytes

inline bool aligned16(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

// As with_type(), but other types are not supported.
template <typename Body>
cudaError_t with_float_type(DType type, const Body& body) {
  return with_type(type, body, cudaErrorNotSupported);
}

}  // namespace wtrt::kernels
