#include "gemm_mma_kernel.cuh"

namespace wtrt::kernels {
namespace {

using namespace gemm_device;

template <typename T, typename Tile, bool kWide>
cudaError_t launch(const GemmArgs& args, cudaStream_t stream) {
  const RowSpace space = row_space(args);
  const int32_t tiles_m = (space.rows + Tile::kRows - 1) / Tile::kRows,
                tiles_n = (args.n + Tile::kColumns - 1) / Tile::kColumns;
  const auto kernel = mma_kernel<T, Tile, kWide>;
  const cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Tile::kSharedBytes);
  if (status != cudaSuccess) return status;
  kernel<<<space.batches * tiles_m * tiles_n, Tile::kThreads, Tile::kSharedBytes, stream>>>(args, space, tiles_m,
                                                                                            tiles_n);
  return cudaGetLastError();
}

template <typename T, typename Tile>
cudaError_t launch(const GemmArgs& args, cudaStream_t stream) {
  return writes_wide(args) ? launch<T, Tile, true>(args, stream) : launch<T, Tile, false>(args, stream);
}

// Large tiles read less; small ones give every processor work. Both sum in the same order.
template <typename T>
cudaError_t launch(const Device& device, const GemmArgs& args, cudaStream_t stream) {
  const RowSpace space = row_space(args);
  const int64_t large_tiles = static_cast<int64_t>(space.batches) * ((space.rows + 127) / 128) * ((args.n + 127) / 128);
  return large_tiles >= device.processors ? launch<T, MmaTile<2, 4, 4>>(args, stream)
                                          : launch<T, MmaTile<2, 2, 2>>(args, stream);
}

}  // namespace

cudaError_t gemm_mma(const Device& device, const GemmArgs& args, cudaStream_t stream) {
  if (device.sm < 80 || !reads_wide(args)) return cudaErrorNotSupported;
  if (args.type == DType::f16) return launch<__half>(device, args, stream);
  if (args.type == DType::bf16) return launch<__nv_bfloat16>(device, args, stream);
  return cudaErrorNotSupported;
}

}  // namespace wtrt::kernels
