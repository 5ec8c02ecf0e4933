// Launches of the wgmma kernel: tensor maps and the grid.
#pragma once

#include "attention.hpp"
#include "attention_wgmma_kernel.cuh"

namespace wtrt::kernels {

using EncodeTiled = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                                 const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave,
                                 CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

// The driver's function, found without linking against the driver; null where it has none.
inline EncodeTiled encode_tiled() {
  static const EncodeTiled function = [] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result;
    const cudaError_t status = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &found, cudaEnableDefault, &result);
    return status == cudaSuccess && result == cudaDriverEntryPointSuccess ? reinterpret_cast<EncodeTiled>(found)
                                                                          : nullptr;
  }();
  return function;
}

// [batch, positions, columns] in boxes of `rows` positions by 64 columns. Rows past a batch's end read as zeros and are
// not written.
inline bool window_map(CUtensorMap& map, DType type, const void* data, int columns, int positions, int batch,
                       int rows) {
  const cuuint64_t sizes[3] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(positions),
                               static_cast<cuuint64_t>(batch)};
  const cuuint64_t strides[2] = {2 * sizes[0], 2 * sizes[0] * sizes[1]};
  const cuuint32_t box[3] = {64, static_cast<cuuint32_t>(rows), 1}, steps[3] = {1, 1, 1};
  const auto element = type == DType::f16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  return encode_tiled()(&map, element, 3, const_cast<void*>(data), sizes, strides, box, steps,
                        CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                        CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

template <typename Shape>
cudaError_t launch_wgmma(const AttentionArgs& args, float scale, cudaStream_t stream) {
  WgmmaMaps maps;
  const int width = args.heads * args.head_size;
  if (encode_tiled() == nullptr) return cudaErrorNotSupported;
  if (!window_map(maps.queries, args.type, args.qkv, 3 * width, args.positions, args.batch, Shape::kRows) ||
      !window_map(maps.keys, args.type, args.qkv, 3 * width, args.positions, args.batch, Shape::kKeys) ||
      !window_map(maps.out, args.type, args.out, width, args.positions, args.batch, 64)) {
    return cudaErrorInvalidValue;
  }
  const auto kernel = attention_wgmma_kernel<Shape>;
  if (const cudaError_t status =
          cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Shape::kSharedBytes);
      status != cudaSuccess) {
    return status;
  }
  const dim3 grid((args.positions + Shape::kRows - 1) / Shape::kRows, args.heads, args.batch);
  kernel<<<grid, Shape::kThreads, Shape::kSharedBytes, stream>>>(maps, args.positions, args.heads, scale);
  return cudaGetLastError();
}

}  // namespace wtrt::kernels
