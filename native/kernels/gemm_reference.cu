#include "gemm_reference_kernel.cuh"

namespace wtrt::kernels {
namespace {

using namespace gemm_device;

template <typename T>
cudaError_t launch(const GemmArgs& args, cudaStream_t stream) {
  using Tile = ReferenceTile;
  const RowSpace space = row_space(args);
  const int32_t tiles_m = (space.rows + Tile::kRows - 1) / Tile::kRows,
                tiles_n = (args.n + Tile::kColumns - 1) / Tile::kColumns;
  const auto kernel = reads_wide(args) && writes_wide(args) ? reference_kernel<T, true> : reference_kernel<T, false>;
  kernel<<<space.batches * tiles_m * tiles_n, Tile::kThreads, 0, stream>>>(args, space, tiles_m, tiles_n);
  return cudaGetLastError();
}

}  // namespace

cudaError_t gemm_reference(const GemmArgs& args, cudaStream_t stream) {
  if (args.type == DType::f32) return launch<float>(args, stream);
  if (args.type == DType::f16) return launch<__half>(args, stream);
  if (args.type == DType::bf16) return launch<__nv_bfloat16>(args, stream);
  return cudaErrorNotSupported;
}

}  // namespace wtrt::kernels
