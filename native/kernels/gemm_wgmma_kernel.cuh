// The matrix product on Hopper: one thread keeps the copy engine loading tiles, two warpgroups multiply and store them.
#pragma once

#include "gemm_epilogue.cuh"
#include "gemm_wgmma_pipeline.cuh"
#include "launch.cuh"
#include "ptx_wgmma.cuh"

namespace wtrt::kernels::gemm_device {

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

// A warpgroup's share of a tile: a thread's rows, and of every group of 32 columns eight neighbours.
template <typename T, WgmmaTile kTile>
struct WgmmaShare {
  using Traits = WgmmaTraits<kTile>;
  static constexpr int kRows = 2 * Traits::kBlocks;
  // The residual is asked for before the product where registers are left for it.
  static constexpr bool kEarly = Traits::kBlocks * kTile.columns <= 256;

  const GemmArgs& args;
  const WgmmaGrid& grid;
  int32_t batch, first_row, first_column;
  Vector<T, 8> residual[kEarly ? kRows : 1][Traits::kGroups];
  float sums[Traits::kBlocks][kTile.columns / 2];

  __device__ WgmmaShare(const GemmArgs& args, const WgmmaGrid& grid, const TileAt<kTile>& tile, int32_t tile_row)
      : args(args), grid(grid), batch(tile.batch) {
    const int32_t thread = threadIdx.x % 128;
    first_row = tile.row + tile_row + thread / 32 * 16 + thread % 32 / 4;
    first_column = tile.column + thread % 4 * 8;
    if constexpr (kEarly) {
      if (args.residual == nullptr) return;
#pragma unroll
      for (int i = 0; i < kRows; ++i) load_residual(row(i), residual[i]);
    }
  }

  // Its row i; `out` is null beyond the last one.
  __device__ Row<T> row(int i) const {
    const int32_t at = first_row + i / 2 * 64 + i % 2 * 8;
    if (at >= grid.space.rows || batch >= grid.space.batches) return {nullptr, nullptr};
    return row_of<T>(args, static_cast<uint32_t>(batch * grid.space.rows + at));
  }

  __device__ void load_residual(const Row<T>& row, Vector<T, 8> (&to)[Traits::kGroups]) const {
#pragma unroll
    for (int g = 0; g < Traits::kGroups; ++g) {
      const int32_t column = first_column + g * 32;
      to[g] = {};
      if (row.out != nullptr && column < args.n) to[g] = load_vector<8>(row.residual + column);
    }
  }

  // The sum of column j of group g of row i.
  __device__ float& sum(int i, int g, int j) {
    return sums[i / 2][(j / 2 * Traits::kGroups + g) * 4 + i % 2 * 2 + j % 2];
  }

  __device__ void store() {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const Row<T> target = row(i);
      if (target.out == nullptr) continue;
      add_bias(i);
      if (args.gelu) activate(i);
      if (args.residual != nullptr) {
        if (!kEarly) load_residual(target, residual[0]);
        add_residual(i, residual[kEarly ? i : 0]);
      }
      store_row(i, target);
    }
  }

  __device__ void add_bias(int i) {
    if (args.bias == nullptr) return;
#pragma unroll
    for (int g = 0; g < Traits::kGroups; ++g) {
      const int32_t column = first_column + g * 32;
      if (column >= args.n) continue;
      float bias[8];
      load_bias(args.bias + column, bias);
#pragma unroll
      for (int j = 0; j < 8; ++j) sum(i, g, j) += bias[j];
    }
  }

  __device__ void activate(int i) {
#pragma unroll
    for (int g = 0; g < Traits::kGroups; ++g) {
#pragma unroll
      for (int j = 0; j < 8; ++j) sum(i, g, j) = gelu<T>(sum(i, g, j));
    }
  }

  __device__ void add_residual(int i, const Vector<T, 8> (&values)[Traits::kGroups]) {
#pragma unroll
    for (int g = 0; g < Traits::kGroups; ++g) {
#pragma unroll
      for (int j = 0; j < 8; ++j) sum(i, g, j) += values[g].get(j);
    }
  }

  __device__ void store_row(int i, const Row<T>& target) {
#pragma unroll
    for (int g = 0; g < Traits::kGroups; ++g) {
      const int32_t column = first_column + g * 32;
      float eight[8];
#pragma unroll
      for (int j = 0; j < 8; ++j) eight[j] = sum(i, g, j);
      Vector<T, 8> result;
      result.set(eight);
      if (column < args.n) store_vector(target.out + column_of(args, column), result);
    }
  }
};

// Starts the products of one stage. Only a tile's first step, which begins the sums, is `kFirst`.
template <bool kFirst, typename T, WgmmaTile kTile>
__device__ inline void multiply_step(const WgmmaShared<kTile>& shared, int32_t stage, int32_t first_row,
                                     float (&sums)[WgmmaTraits<kTile>::kBlocks][kTile.columns / 2]) {
  using Traits = WgmmaTraits<kTile>;
  constexpr int kBlockUnits = 64 * Traits::kRowBytes / 16,
                kPartUnits = 16 * 2 / 16;  // of 16 bytes, a descriptor's unit
  const uint64_t a = ptx::matrix_descriptor(shared.a(stage) + first_row * Traits::kRowBytes);
  const uint64_t w = ptx::matrix_descriptor(shared.w(stage));
  ptx::wgmma_fence();
#pragma unroll
  for (int part = 0; part < Traits::kDepth / 16; ++part) {
#pragma unroll
    for (int block = 0; block < Traits::kBlocks; ++block) {
      ptx::wgmma<T, kTile.columns>(sums[block], a + block * kBlockUnits + part * kPartUnits, w + part * kPartUnits,
                                   kFirst && part == 0 ? 0 : 1);
    }
  }
  ptx::wgmma_commit();
}

// All steps of a tile. `pass_turn` is called when the last ones are under way.
template <typename T, WgmmaTile kTile, typename PassTurn>
__device__ inline void multiply(const WgmmaShared<kTile>& shared, Pipeline<WgmmaTraits<kTile>::kStages>& pipeline,
                                int32_t steps, int32_t first_row,
                                float (&sums)[WgmmaTraits<kTile>::kBlocks][kTile.columns / 2],
                                const PassTurn& pass_turn) {
  using Traits = WgmmaTraits<kTile>;
  ptx::barrier_wait(shared.full(pipeline.stage), pipeline.phase);
  multiply_step<true, T, kTile>(shared, pipeline.stage, first_row, sums);
  int32_t last = pipeline.stage;
  pipeline.advance();
  for (int32_t step = 1; step < steps; ++step) {
    ptx::barrier_wait(shared.full(pipeline.stage), pipeline.phase);
    multiply_step<false, T, kTile>(shared, pipeline.stage, first_row, sums);
    ptx::wgmma_wait<1>();
    shared.release(last);
    last = pipeline.stage;
    pipeline.advance();
  }
  pass_turn();
  ptx::wgmma_wait<0>();
#pragma unroll
  for (int block = 0; block < Traits::kBlocks; ++block) ptx::pin(sums[block]);
  shared.release(last);
}

template <typename T, WgmmaTile kTile>
__device__ inline void consume_together(const WgmmaShared<kTile>& shared, const GemmArgs& args, const WgmmaGrid& grid,
                                        int32_t cluster, int32_t clusters, uint32_t rank, int32_t warpgroup) {
  using Traits = WgmmaTraits<kTile>;
  Pipeline<Traits::kStages> pipeline;
  const int32_t first_row = warpgroup * Traits::kBlocks * 64;
  for (int32_t unit = cluster; unit < grid.units_m * grid.units_n; unit += clusters) {
    WgmmaShare<T, kTile> share(args, grid, TileAt<kTile>(grid, unit, rank), first_row);
    multiply<T, kTile>(shared, pipeline, grid.steps, first_row, share.sums, [] {});
    share.store();
  }
}

// Tile by tile the warpgroups change. One begins a tile's product when the other has met all stages of the tile before:
// a barrier tells this turn of a stage from the last one, not from the one before that.
template <typename T, WgmmaTile kTile>
__device__ inline void consume_in_turn(const WgmmaShared<kTile>& shared, const GemmArgs& args, const WgmmaGrid& grid,
                                       int32_t cluster, int32_t clusters, uint32_t rank, int32_t warpgroup) {
  Pipeline<WgmmaTraits<kTile>::kStages> pipeline;
  if (warpgroup == 1) pipeline.skip(grid.steps);
  uint32_t turn = warpgroup == 0 ? 1 : 0;  // the first turn is the first one's
  for (int32_t unit = cluster + warpgroup * clusters; unit < grid.units_m * grid.units_n;
       unit += 2 * clusters, turn ^= 1) {
    WgmmaShare<T, kTile> share(args, grid, TileAt<kTile>(grid, unit, rank), 0);
    ptx::barrier_wait(shared.turn(warpgroup), turn);
    multiply<T, kTile>(shared, pipeline, grid.steps, 0, share.sums, [&] {
      if (threadIdx.x % 32 == 0) ptx::barrier_arrive(shared.turn(1 - warpgroup));
    });
    pipeline.skip(grid.steps);
    share.store();
  }
}

#endif  // __CUDA_ARCH_FEAT_SM90_ALL

// kNumber: of the tile in kWgmmaTiles; nvcc 12.4 takes no structure as a kernel's template parameter.
template <typename T, int kNumber>
__global__ void __launch_bounds__(WgmmaTraits<kWgmmaTiles[kNumber]>::kThreads, 1)
    wgmma_kernel(const __grid_constant__ CUtensorMap a_map, const __grid_constant__ CUtensorMap w_map,
                 const __grid_constant__ GemmArgs args, const __grid_constant__ WgmmaGrid grid) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  constexpr WgmmaTile kTile = kWgmmaTiles[kNumber];
  using Traits = WgmmaTraits<kTile>;
  extern __shared__ uint8_t dynamic[];
  const WgmmaShared<kTile> shared{(ptx::shared_address(dynamic) + Traits::kAlignment - 1) / Traits::kAlignment *
                                  Traits::kAlignment};
  const uint32_t rank = kTile.cluster == 1 ? 0 : ptx::cluster_rank();
  const int32_t cluster = blockIdx.x / kTile.cluster, clusters = gridDim.x / kTile.cluster;
  if (threadIdx.x == 0) {
    ptx::prefetch_map(&a_map);
    ptx::prefetch_map(&w_map);
    shared.init_barriers();
  }
  if constexpr (kTile.cluster == 1) {
    __syncthreads();
  } else {
    ptx::cluster_arrive_relaxed();
    ptx::cluster_wait_aligned();
  }
  wait_for_previous();
  let_next_begin();

  const int32_t warpgroup = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
  if (warpgroup == 0) {
    ptx::give_registers<40>();
    if (threadIdx.x == 0) produce(shared, a_map, w_map, grid, cluster, clusters, rank);
  } else {
    ptx::take_registers<232>();
    if constexpr (kTile.in_turn) {
      consume_in_turn<T, kTile>(shared, args, grid, cluster, clusters, rank, warpgroup - 1);
    } else {
      consume_together<T, kTile>(shared, args, grid, cluster, clusters, rank, warpgroup - 1);
    }
  }
#endif
}

}  // namespace wtrt::kernels::gemm_device
