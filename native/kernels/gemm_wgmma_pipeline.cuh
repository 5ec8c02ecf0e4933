// The matrix product on Hopper: how tiles come into shared memory.
#pragma once

#include <cuda.h>

#include "gemm_traits.cuh"
#include "ptx_hopper.cuh"

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

namespace wtrt::kernels::gemm_device {

template <WgmmaTile kTile>
struct TileAt {
  int32_t batch, row, column;

  // Units in groups of eight rows, column by column: what runs at one time shares rows of a and of w.
  __device__ TileAt(const WgmmaGrid& grid, int32_t unit, int32_t rank) {
    constexpr int32_t kGroup = 8;
    const int32_t group = unit / (kGroup * grid.units_n), within = unit - group * kGroup * grid.units_n;
    const int32_t height = min(kGroup, grid.units_m - group * kGroup);
    const int32_t unit_n = within / height, unit_m = group * kGroup + within - unit_n * height;
    const int32_t tile_m = unit_m * kTile.cluster + rank;
    batch = tile_m / grid.tiles_m;
    row = (tile_m - batch * grid.tiles_m) * kTile.rows;
    column = unit_n * kTile.columns;
  }
};

// Where the pipeline's next stage is.
template <int kStages>
struct Pipeline {
  int32_t stage = 0;
  uint32_t phase = 0;

  __device__ void advance() {
    if (++stage == kStages) stage = 0, phase ^= 1;
  }
  __device__ void skip(int32_t steps) {
    const int32_t turns = (stage + steps) / kStages;
    stage += steps - turns * kStages;
    phase ^= turns & 1;
  }
};

template <WgmmaTile kTile>
struct WgmmaShared {
  using Traits = WgmmaTraits<kTile>;
  uint32_t base;

  __device__ uint32_t a(int32_t stage) const { return base + stage * Traits::kStageBytes; }
  __device__ uint32_t w(int32_t stage) const { return a(stage) + Traits::kABytes; }
  __device__ uint32_t full(int32_t stage) const { return base + Traits::kStages * Traits::kStageBytes + stage * 8; }
  __device__ uint32_t empty(int32_t stage) const { return full(stage) + Traits::kStages * 8; }
  __device__ uint32_t turn(int32_t warpgroup) const { return full(2 * Traits::kStages + warpgroup); }

  __device__ void init_barriers() const {
    for (int32_t stage = 0; stage < Traits::kStages; ++stage) {
      ptx::barrier_init(full(stage), 1);
      ptx::barrier_init(empty(stage), kTile.cluster * Traits::kWarpsOfTile);
    }
    for (int32_t warpgroup = 0; warpgroup < 2; ++warpgroup) ptx::barrier_init(turn(warpgroup), 4);
    ptx::barrier_init_fence();
  }

  // A warp is done with a stage: says so to all that write there.
  __device__ void release(int32_t stage) const {
    const uint32_t lane = threadIdx.x % 32;
    if (lane >= kTile.cluster) return;
    if constexpr (kTile.cluster == 1) {
      ptx::barrier_arrive(empty(stage));
    } else {
      ptx::barrier_arrive_across(ptx::cluster_address(empty(stage), lane));
    }
  }
};

// One step of a tile. Rows of w lie in shared memory as the threads that hold their sums want them: box j takes columns
// 8i + 2j + e (e < 2) of all i. So block j * kGroups + g of eight columns, of which a thread holds columns 2q + e, is
// made of columns 32g + 8q + 2j + e of the tile, and what a thread holds are eight neighbours of each group g. The
// blocks of a cluster load some boxes each, for all.
template <WgmmaTile kTile>
__device__ inline void load_step(const WgmmaShared<kTile>& shared, int32_t stage, const CUtensorMap& a_map,
                                 const CUtensorMap& w_map, const TileAt<kTile>& tile, int32_t k, uint32_t rank) {
  using Traits = WgmmaTraits<kTile>;
  const uint32_t full = shared.full(stage);
  ptx::barrier_arrive_expecting(full, Traits::kStageBytes);
  ptx::load_tile(shared.a(stage), &a_map, k, tile.row, tile.batch, full);
  constexpr int kMine = Traits::kBoxes / kTile.cluster;
#pragma unroll
  for (int i = 0; i < kMine; ++i) {
    const int box = rank * kMine + i;
    const uint32_t to = shared.w(stage) + box * (Traits::kWBytes / Traits::kBoxes);
    if constexpr (kTile.cluster == 1) {
      ptx::load_tile(to, &w_map, k, box * 2, tile.column / 8, full);
    } else {
      ptx::load_tile_to_all(to, &w_map, k, box * 2, tile.column / 8, full,
                            static_cast<uint16_t>((1u << kTile.cluster) - 1));
    }
  }
}

template <WgmmaTile kTile>
__device__ inline void produce(const WgmmaShared<kTile>& shared, const CUtensorMap& a_map, const CUtensorMap& w_map,
                               const WgmmaGrid& grid, int32_t cluster, int32_t clusters, uint32_t rank) {
  Pipeline<WgmmaTraits<kTile>::kStages> pipeline;
  for (int32_t unit = cluster; unit < grid.units_m * grid.units_n; unit += clusters) {
    const TileAt<kTile> tile(grid, unit, rank);
    for (int32_t step = 0; step < grid.steps; ++step, pipeline.advance()) {
      ptx::barrier_wait(shared.empty(pipeline.stage), pipeline.phase ^ 1);
      load_step(shared, pipeline.stage, a_map, w_map, tile, step * WgmmaTraits<kTile>::kDepth, rank);
    }
  }
  // No block of a cluster leaves before the others have said their last word to it.
  for (int32_t i = 0; kTile.cluster > 1 && i < WgmmaTraits<kTile>::kStages; ++i, pipeline.advance()) {
    ptx::barrier_wait(shared.empty(pipeline.stage), pipeline.phase ^ 1);
  }
}

}  // namespace wtrt::kernels::gemm_device

#endif  // __CUDA_ARCH_FEAT_SM90_ALL
