#include "attention.hpp"

#include <cmath>

#include "attention_mma_kernel.cuh"
#include "attention_reference_kernel.cuh"
#include "attention_wgmma_kernel.cuh"
#include "tensor_map.hpp"

namespace wtrt::kernels {
namespace {

template <typename Shape>
cudaError_t launch_reference(const AttentionArgs& args, float scale, cudaStream_t stream) {
  using T = typename Shape::Type;
  const auto kernel = attention_reference_kernel<Shape>;
  if (const cudaError_t status =
          cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Shape::kSharedBytes);
      status != cudaSuccess) {
    return status;
  }
  const dim3 grid((args.positions + Shape::kRows - 1) / Shape::kRows, args.heads, args.batch);
  kernel<<<grid, Shape::kThreads, Shape::kSharedBytes, stream>>>(
      static_cast<const T*>(args.qkv), static_cast<T*>(args.out), args.positions, args.heads, args.head_size, scale);
  return cudaGetLastError();
}

template <typename T>
cudaError_t launch_reference_for(const AttentionArgs& args, float scale, cudaStream_t stream) {
  if (args.head_size <= 64) return launch_reference<ReferenceShape<T, 64>>(args, scale, stream);
  return launch_reference<ReferenceShape<T, 128>>(args, scale, stream);
}

template <typename Shape>
cudaError_t launch_mma(const AttentionArgs& args, float scale, cudaStream_t stream) {
  using T = typename Shape::Type;
  const dim3 grid((args.positions + Shape::kRows - 1) / Shape::kRows, args.heads, args.batch);
  attention_mma_kernel<Shape><<<grid, Shape::kThreads, Shape::kSharedBytes, stream>>>(
      static_cast<const T*>(args.qkv), static_cast<T*>(args.out), args.positions, args.heads, scale);
  return cudaGetLastError();
}

// [batch, positions, columns] in boxes of `rows` positions by 64 columns.
bool window_map(CUtensorMap& map, DType type, const void* data, int columns, int positions, int batch, int rows) {
  const auto width = static_cast<cuuint64_t>(columns), height = static_cast<cuuint64_t>(positions);
  return encode_tensor_map(map, type, data,
                           {{width, height, static_cast<cuuint64_t>(batch)},
                            {2 * width, 2 * width * height},
                            {64, static_cast<cuuint32_t>(rows), 1}});
}

template <typename Shape>
cudaError_t launch_wgmma(const AttentionArgs& args, float scale, cudaStream_t stream) {
  WgmmaMaps maps;
  const int width = args.heads * args.head_size;
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

template <typename T>
cudaError_t launch(const AttentionArgs& args, AttentionTactic tactic, float scale, cudaStream_t stream) {
  if constexpr (!std::is_same_v<T, float>) {
    if (tactic == AttentionTactic::wgmma) return launch_wgmma<WgmmaShape<T>>(args, scale, stream);
    if (tactic == AttentionTactic::mma) return launch_mma<MmaShape<T>>(args, scale, stream);
  }
  return launch_reference_for<T>(args, scale, stream);
}

bool supports(const Device& device, const AttentionArgs& args, AttentionTactic tactic) {
  const bool fast = args.head_size == 64 && (args.type == DType::f16 || args.type == DType::bf16);
  switch (tactic) {
    case AttentionTactic::wgmma: return fast && device.wgmma && tensor_map_encoder() != nullptr;
    case AttentionTactic::mma: return fast && device.sm >= 80;
    default: return true;
  }
}

AttentionTactic best(const Device& device, const AttentionArgs& args) {
  for (const AttentionTactic tactic : {AttentionTactic::wgmma, AttentionTactic::mma}) {
    if (supports(device, args, tactic)) return tactic;
  }
  return AttentionTactic::reference;
}

}  // namespace

cudaError_t attention(const Device& device, const AttentionArgs& args, AttentionTactic tactic, cudaStream_t stream) {
  if (args.batch < 0 || args.positions < 0 || args.heads <= 0 || args.head_size <= 0 || args.head_size > 128 ||
      args.head_size % 8 != 0) {
    return cudaErrorInvalidValue;
  }
  if (args.batch == 0 || args.positions == 0) return cudaSuccess;
  if (tactic == AttentionTactic::automatic) tactic = best(device, args);
  if (!supports(device, args, tactic)) return cudaErrorNotSupported;
  const auto scale =
      static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(args.head_size)));  // for powers of two
  switch (args.type) {
    case DType::f32: return launch<float>(args, tactic, scale, stream);
    case DType::f16: return launch<__half>(args, tactic, scale, stream);
    case DType::bf16: return launch<__nv_bfloat16>(args, tactic, scale, stream);
    default: return cudaErrorNotSupported;
  }
}

}  // namespace wtrt::kernels
