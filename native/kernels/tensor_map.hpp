// What Hopper's copy engine is told of a tensor, on the host.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <array>

#include "device.hpp"

namespace wtrt::kernels {

// The driver's function, asked of the runtime, so that nothing links against the driver; null where it has none.
inline decltype(&cuTensorMapEncodeTiled) tensor_map_encoder() {
  static const auto encoder = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    const cudaError_t status = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &function, cudaEnableDefault, &found);
    return status == cudaSuccess && found == cudaDriverEntryPointSuccess ? function : nullptr;
  }();
  return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(encoder);
}

// Three dimensions, the innermost first.
struct TensorMapShape {
  std::array<cuuint64_t, 3> sizes;    // elements
  std::array<cuuint64_t, 2> strides;  // bytes, of the second and third dimension
  std::array<cuuint32_t, 3> box;      // elements that are copied at once; 64 of the innermost
};

// Of 16-bit elements, in boxes of rows of 128 bytes, swizzled as wgmma reads them. What lies outside the tensor reads as
// zeros and is not written. False where the driver cannot.
inline bool encode_tensor_map(CUtensorMap& map, DType type, const void* data, const TensorMapShape& shape) {
  const auto encode = tensor_map_encoder();
  const cuuint32_t every[3] = {1, 1, 1};
  return encode != nullptr &&
         encode(&map, type == DType::f16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3,
                const_cast<void*>(data), shape.sizes.data(), shape.strides.data(), shape.box.data(), every,
                CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

}  // namespace wtrt::kernels
