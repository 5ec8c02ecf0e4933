// The matrix product on Hopper: one thread keeps the copy engine loading tiles, two warpgroups multiply and store them.
#pragma once

#include <cuda.h>

#include "gemm_epilogue.cuh"
#include "gemm_plan.hpp"
#include "gemm_tactics.hpp"

namespace wtrt::kernels::gemm_device {

template <WgmmaTile kTile>
struct WgmmaTraits {
  static constexpr int kThreads = 384, kDepth = 64, kBoxes = 4;
  static constexpr int kRowBytes = kDepth * 2;
  static constexpr int kABytes = kTile.rows * kRowBytes, kWBytes = kTile.columns * kRowBytes,
                       kStageBytes = kABytes + kWBytes;
  static constexpr int kSharedLimit = 227 * 1024, kAlignment = 1024, kBarrierBytes = 256;
  static constexpr int kStages = std::min((kSharedLimit - kAlignment - kBarrierBytes) / kStageBytes, 12);
  static constexpr int kSharedBytes = kAlignment + kStages * kStageBytes + kBarrierBytes;
  static constexpr int kBlocks =
      kTile.in_turn ? kTile.rows / 64 : kTile.rows / 128;  // of 64 rows, in a warpgroup's hands
  static constexpr int kWarpsOfTile = kTile.in_turn ? 4 : 8;
  static constexpr int kGroups = kTile.columns / 32;  // of 32 columns
  static_assert(kTile.rows % (kTile.in_turn ? 64 : 128) == 0 && kTile.columns % 64 == 0 &&
                kBlocks * kTile.columns <= 384);
};

// A cluster works through units of cluster_rows x cluster_columns tiles; units_m counts the tiles of all batches.
struct WgmmaGrid {
  RowSpace space;
  int32_t tiles_m, units_m, units_n, steps;  // tiles_m: of one batch; steps: of 64 along k
};

#if WTRT_SM90A

template <WgmmaTile kTile>
struct TileAt {
  int32_t batch, row, column;

  // Units in groups of eight rows, column by column: what runs at one time shares rows of a and of w.
  __device__ TileAt(const WgmmaGrid& grid, int32_t unit, int32_t rank) {
    constexpr int32_t kGroup = 8;
    const int32_t group = unit / (kGroup * grid.units_n), within = unit - group * kGroup * grid.units_n;
    const int32_t height = min(kGroup, grid.units_m - group * kGroup);
    const int32_t unit_n = within / height, unit_m = group * kGroup + within - unit_n * height;
    const int32_t tile_m = unit_m * kTile.cluster_rows + rank % kTile.cluster_rows;
    batch = tile_m / grid.tiles_m;
    row = (tile_m - batch * grid.tiles_m) * kTile.rows;
    column = (unit_n * kTile.cluster_columns + rank / kTile.cluster_rows) * kTile.columns;
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

  __device__ void init_barriers() const {
    for (int32_t stage = 0; stage < Traits::kStages; ++stage) {
      ptx::barrier_init(full(stage), 1);
      ptx::barrier_init(empty(stage), (kTile.cluster_rows + kTile.cluster_columns - 1) * Traits::kWarpsOfTile);
    }
    ptx::barrier_init_fence();
  }

  // A warp is done with a stage: says so to all that write there.
  __device__ void release(int32_t stage, uint32_t rank) const {
    const uint32_t lane = threadIdx.x % 32;
    if constexpr (kTile.cluster() == 1) {
      if (lane == 0) ptx::barrier_arrive(empty(stage));
    } else {
      const uint32_t row = rank % kTile.cluster_rows, column = rank / kTile.cluster_rows;
      if (lane < kTile.cluster_rows) {
        ptx::barrier_arrive_at(empty(stage), column * kTile.cluster_rows + lane);
      } else if (lane < kTile.cluster_rows + kTile.cluster_columns - 1) {
        const uint32_t other = lane - kTile.cluster_rows;
        ptx::barrier_arrive_at(empty(stage), (other + (other >= column ? 1 : 0)) * kTile.cluster_rows + row);
      }
    }
  }
};

// One step of a tile. Rows of w lie in shared memory as the thread that holds their sums wants them: box j takes
// columns 8i + 2j + e (e < 2) for all i. So blocks j * kGroups + g of eight columns, of which a thread holds columns 2q
// + e, hold columns 32g + 8q + 2j + e of the tile, and a thread's are neighbours, eight by eight. A cluster's blocks
// load a part each for all.
template <WgmmaTile kTile>
__device__ inline void load_step(const WgmmaShared<kTile>& shared, int32_t stage, const CUtensorMap& a_map,
                                 const CUtensorMap& w_map, const TileAt<kTile>& tile, int32_t k, uint32_t rank) {
  using Traits = WgmmaTraits<kTile>;
  const uint32_t row = rank % kTile.cluster_rows, column = rank / kTile.cluster_rows, full = shared.full(stage);
  ptx::barrier_arrive_expecting(full, Traits::kStageBytes);
  if constexpr (kTile.cluster_columns == 1) {
    ptx::load_tile(shared.a(stage), &a_map, full, k, tile.row, tile.batch);
  } else {
    constexpr int kPart = kTile.rows / kTile.cluster_columns;
    uint32_t mask = 0;
    for (int i = 0; i < kTile.cluster_columns; ++i) mask |= 1u << i * kTile.cluster_rows;
    ptx::load_tile_multicast(shared.a(stage) + column * kPart * Traits::kRowBytes, &a_map, full, k,
                             tile.row + column * kPart, tile.batch, mask << row);
  }
  constexpr int kBoxBytes = Traits::kWBytes / Traits::kBoxes, kMine = Traits::kBoxes / kTile.cluster_rows;
#pragma unroll
  for (int i = 0; i < kMine; ++i) {
    const int box = row * kMine + i;
    const uint32_t to = shared.w(stage) + box * kBoxBytes;
    if constexpr (kTile.cluster_rows == 1) {
      ptx::load_tile(to, &w_map, full, k, box * 2, tile.column / 8);
    } else {
      constexpr uint32_t kMask = (1u << kTile.cluster_rows) - 1;
      ptx::load_tile_multicast(to, &w_map, full, k, box * 2, tile.column / 8, kMask << column * kTile.cluster_rows);
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
  for (int32_t i = 0; kTile.cluster() > 1 && i < WgmmaTraits<kTile>::kStages; ++i, pipeline.advance()) {
    ptx::barrier_wait(shared.empty(pipeline.stage), pipeline.phase ^ 1);
  }
}

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
      if (row.out != nullptr && column < args.n) to[g] = load_vector<8>(row.residual + column);
    }
  }

  __device__ void store() {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const Row<T> target = row(i);
      if (target.out == nullptr) continue;
      if (!kEarly && args.residual != nullptr) load_residual(target, residual[0]);
#pragma unroll
      for (int g = 0; g < Traits::kGroups; ++g) {
        const int32_t column = first_column + g * 32;
        if (column >= args.n) break;
        float bias[8], eight[8];
        load_bias<T>(args, column, bias);
#pragma unroll
        for (int j = 0; j < 8; ++j) eight[j] = sums[i / 2][(j / 2 * Traits::kGroups + g) * 4 + i % 2 * 2 + j % 2];
        store_wide(args, target.out + column_of(args, column), eight, bias, residual[kEarly ? i : 0][g]);
      }
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
  ptx::multiply_fence();
#pragma unroll
  for (int part = 0; part < Traits::kDepth / 16; ++part) {
#pragma unroll
    for (int block = 0; block < Traits::kBlocks; ++block) {
      ptx::multiply_64xNx16<T, kTile.columns>(sums[block], a + block * kBlockUnits + part * kPartUnits,
                                              w + part * kPartUnits, kFirst && part == 0 ? 0 : 1);
    }
  }
  ptx::multiply_commit();
}

template <typename T, WgmmaTile kTile>
__device__ inline void multiply(const WgmmaShared<kTile>& shared, Pipeline<WgmmaTraits<kTile>::kStages>& pipeline,
                                int32_t steps, int32_t first_row, uint32_t rank,
                                float (&sums)[WgmmaTraits<kTile>::kBlocks][kTile.columns / 2]) {
  using Traits = WgmmaTraits<kTile>;
  ptx::barrier_wait(shared.full(pipeline.stage), pipeline.phase);
  multiply_step<true, T, kTile>(shared, pipeline.stage, first_row, sums);
  int32_t last = pipeline.stage;
  pipeline.advance();
  for (int32_t step = 1; step < steps; ++step) {
    ptx::barrier_wait(shared.full(pipeline.stage), pipeline.phase);
    multiply_step<false, T, kTile>(shared, pipeline.stage, first_row, sums);
    ptx::multiply_wait<1>();
    shared.release(last, rank);
    last = pipeline.stage;
    pipeline.advance();
  }
  ptx::multiply_wait<0>();
#pragma unroll
  for (int block = 0; block < Traits::kBlocks; ++block) {
#pragma unroll
    for (int i = 0; i < kTile.columns / 2; ++i) asm volatile("" : "+f"(sums[block][i])::"memory");
  }
  shared.release(last, rank);
}

template <typename T, WgmmaTile kTile>
__device__ inline void consume(const WgmmaShared<kTile>& shared, const GemmArgs& args, const WgmmaGrid& grid,
                               int32_t cluster, int32_t clusters, uint32_t rank, int32_t warpgroup) {
  using Traits = WgmmaTraits<kTile>;
  Pipeline<Traits::kStages> pipeline;
  if (kTile.in_turn && warpgroup == 1) pipeline.skip(grid.steps);
  const int32_t first = kTile.in_turn ? cluster + warpgroup * clusters : cluster,
                stride = kTile.in_turn ? 2 * clusters : clusters;
  const int32_t first_row = kTile.in_turn ? 0 : warpgroup * Traits::kBlocks * 64;
  for (int32_t unit = first; unit < grid.units_m * grid.units_n; unit += stride) {
    WgmmaShare<T, kTile> share(args, grid, TileAt<kTile>(grid, unit, rank), first_row);
    multiply<T, kTile>(shared, pipeline, grid.steps, first_row, rank, share.sums);
    share.store();
    if (kTile.in_turn) pipeline.skip(grid.steps);
  }
}

#endif  // WTRT_SM90A

// kNumber: of the tile in kWgmmaTiles; nvcc 12.4 takes no structure as a kernel's template parameter.
template <typename T, int kNumber>
__global__ void __launch_bounds__(WgmmaTraits<kWgmmaTiles[kNumber]>::kThreads, 1)
    wgmma_kernel(const __grid_constant__ CUtensorMap a_map, const __grid_constant__ CUtensorMap w_map,
                 const __grid_constant__ GemmArgs args, const __grid_constant__ WgmmaGrid grid) {
#if WTRT_SM90A
  constexpr WgmmaTile kTile = kWgmmaTiles[kNumber];
  using Traits = WgmmaTraits<kTile>;
  extern __shared__ uint8_t dynamic[];
  const WgmmaShared<kTile> shared{(ptx::shared_address(dynamic) + Traits::kAlignment - 1) / Traits::kAlignment *
                                  Traits::kAlignment};
  const uint32_t rank = kTile.cluster() == 1 ? 0 : ptx::rank_in_cluster();
  const int32_t cluster = blockIdx.x / kTile.cluster(), clusters = gridDim.x / kTile.cluster();
  if (threadIdx.x == 0) {
    ptx::prefetch_map(&a_map);
    ptx::prefetch_map(&w_map);
    shared.init_barriers();
  }
  if constexpr (kTile.cluster() == 1) {
    __syncthreads();
  } else {
    ptx::cluster_sync();
  }
  ptx::wait_for_earlier_kernels();
  ptx::let_next_kernel_start();

  const int32_t warpgroup = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
  if (warpgroup == 0) {
    ptx::give_registers<40>();
    if (threadIdx.x == 0) produce(shared, a_map, w_map, grid, cluster, clusters, rank);
  } else {
    ptx::take_registers<232>();
    consume<T, kTile>(shared, args, grid, cluster, clusters, rank, warpgroup - 1);
  }
#endif
}

}  // namespace wtrt::kernels::gemm_device
