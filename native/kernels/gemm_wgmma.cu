#include <array>
#include <utility>

#include "gemm_wgmma_kernel.cuh"
#include "tensor_map.hpp"

namespace wtrt::kernels {
namespace {

using namespace gemm_device;

bool encode_a(CUtensorMap& map, const GemmArgs& args, const RowSpace& space, const WgmmaTile& tile) {
  const auto width = static_cast<cuuint64_t>(args.k), row = static_cast<cuuint64_t>(args.a_row) * 2;
  const cuuint64_t batch = space.batches > 1 ? static_cast<cuuint64_t>(args.a_batch) * 2 : row;
  return encode_tensor_map(map, args.type, args.a,
                           {{width, static_cast<cuuint64_t>(space.rows), static_cast<cuuint64_t>(space.batches)},
                            {row, batch},
                            {64, static_cast<cuuint32_t>(tile.rows), 1}});
}

// [n / 8, 8, k]: two of each eight rows make a box.
bool encode_w(CUtensorMap& map, const GemmArgs& args, const WgmmaTile& tile) {
  const auto width = static_cast<cuuint64_t>(args.k);
  return encode_tensor_map(map, args.type, args.w,
                           {{width, 8, static_cast<cuuint64_t>(args.n / 8)},
                            {width * 2, width * 16},
                            {64, 2, static_cast<cuuint32_t>(tile.columns / 8)}});
}

template <typename T, int kNumber>
cudaError_t launch(const Device& device, const GemmArgs& args, cudaStream_t stream) {
  constexpr WgmmaTile kTile = kWgmmaTiles[kNumber];
  using Traits = WgmmaTraits<kTile>;
  const auto count = [](int64_t whole, int64_t part) { return static_cast<int32_t>(parts(whole, part)); };
  WgmmaGrid grid;
  grid.space = row_space(args);
  grid.tiles_m = count(grid.space.rows, kTile.rows);
  grid.units_m = count(static_cast<int64_t>(grid.tiles_m) * grid.space.batches, kTile.cluster);
  grid.units_n = count(args.n, kTile.columns);
  grid.steps = count(args.k, Traits::kDepth);
  CUtensorMap a_map, w_map;
  if (!encode_a(a_map, args, grid.space, kTile) || !encode_w(w_map, args, kTile)) return cudaErrorNotSupported;

  const auto kernel = reinterpret_cast<const void*>(wgmma_kernel<T, kNumber>);
  const cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Traits::kSharedBytes);
  if (status != cudaSuccess) return status;
  cudaLaunchAttribute attributes[2] = {};
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim = {static_cast<unsigned>(kTile.cluster), 1, 1};
  cudaLaunchConfig_t config = {};
  const int32_t clusters = std::min(grid.units_m * grid.units_n, std::max(device.processors / kTile.cluster, 1));
  config.gridDim = dim3(static_cast<unsigned>(clusters * kTile.cluster));
  config.blockDim = dim3(Traits::kThreads);
  config.dynamicSmemBytes = Traits::kSharedBytes;
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = 2;
  void* parameters[] = {&a_map, &w_map, const_cast<GemmArgs*>(&args), &grid};
  return cudaLaunchKernelExC(&config, kernel, parameters);
}

using Launcher = cudaError_t (*)(const Device&, const GemmArgs&, cudaStream_t);

template <typename T, size_t... kTiles>
constexpr std::array<Launcher, sizeof...(kTiles)> launchers(std::index_sequence<kTiles...>) {
  return {launch<T, static_cast<int>(kTiles)>...};
}

}  // namespace

cudaError_t gemm_wgmma(const Device& device, const GemmArgs& args, int32_t tile, cudaStream_t stream) {
  constexpr auto kF16 = launchers<__half>(std::make_index_sequence<kWgmmaTileCount>());
  constexpr auto kBf16 = launchers<__nv_bfloat16>(std::make_index_sequence<kWgmmaTileCount>());
  if (!device.wgmma || !reads_wide(args) || !writes_wide(args)) return cudaErrorNotSupported;
  if (tile < 0 || tile >= kWgmmaTileCount) return cudaErrorInvalidValue;
  if (args.type == DType::f16) return kF16[static_cast<size_t>(tile)](device, args, stream);
  if (args.type == DType::bf16) return kBf16[static_cast<size_t>(tile)](device, args, stream);
  return cudaErrorNotSupported;
}

}  // namespace wtrt::kernels
