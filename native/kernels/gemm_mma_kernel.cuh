// The matrix product on tensor cores as every GPU since sm_80 has them: cp.async, ldmatrix, mma.sync.
#pragma once

#include "gemm_epilogue.cuh"
#include "gemm_traits.cuh"

namespace wtrt::kernels::gemm_device {

// A row's four pieces of 16 bytes change places so that ldmatrix meets every bank once: it reads rows 0 … 7 of a, and
// of w, whose columns are dealt out as described below, rows 0, 1, 8, 9, 16, 17, 24, 25.
__device__ inline uint32_t a_offset(int row, int piece) { return row * 64 + ((piece ^ (row >> 1)) & 3) * 16; }
__device__ inline uint32_t w_offset(int row, int piece) { return row * 64 + ((piece ^ (row >> 3)) & 3) * 16; }

// One stage: rows of a and w from step k on; zeros beyond the last row and beyond k.
template <typename T, typename Tile>
__device__ inline void load_stage(uint32_t stage, const T* a, int64_t a_row, int32_t a_rows, const T* w, int32_t w_rows,
                                  int32_t k, int32_t k_end) {
#pragma unroll
  for (int i = 0; i < Tile::kRows * 4 / Tile::kThreads; ++i) {
    const int at = i * Tile::kThreads + threadIdx.x, row = at / 4, piece = at % 4;
    const bool valid = row < a_rows && k + piece * 8 < k_end;
    ptx::copy_async(stage + a_offset(row, piece), valid ? a + row * a_row + k + piece * 8 : a, valid);
  }
  stage += Tile::kRows * Tile::kRowBytes;
#pragma unroll
  for (int i = 0; i < Tile::kColumns * 4 / Tile::kThreads; ++i) {
    const int at = i * Tile::kThreads + threadIdx.x, row = at / 4, piece = at % 4;
    const bool valid = row < w_rows && k + piece * 8 < k_end;
    ptx::copy_async(stage + w_offset(row, piece), valid ? w + static_cast<int64_t>(row) * k_end + k + piece * 8 : w,
                    valid);
  }
}

// Block j of eight columns of a warp's 32 is made of columns 8q + 2j + e (q < 4, e < 2), so that a thread, which holds
// columns 2q + e of each block, holds eight neighbours of the whole.
template <typename T, typename Tile>
__device__ inline void multiply_stage(uint32_t stage, int warp_row, int warp_column,
                                      float (&sums)[Tile::kBlocksM][4][4]) {
  const int lane = threadIdx.x % 32, matrix = lane / 8, i = lane % 8;
  const uint32_t w_stage = stage + Tile::kRows * Tile::kRowBytes;
#pragma unroll
  for (int step = 0; step < Tile::kDepth / 16; ++step) {
    uint32_t a[Tile::kBlocksM][4], w[2][4];
#pragma unroll
    for (int m = 0; m < Tile::kBlocksM; ++m) {
      ptx::load_matrices(a[m], stage + a_offset(warp_row + m * 16 + matrix % 2 * 8 + i, step * 2 + matrix / 2));
    }
#pragma unroll
    for (int pair = 0; pair < 2; ++pair) {
      const int row = warp_column + i / 2 * 8 + (pair * 2 + matrix / 2) * 2 + i % 2;
      ptx::load_matrices(w[pair], w_stage + w_offset(row, step * 2 + matrix % 2));
    }
#pragma unroll
    for (int m = 0; m < Tile::kBlocksM; ++m) {
#pragma unroll
      for (int j = 0; j < 4; ++j) ptx::mma<T>(sums[m][j], a[m], w[j / 2][j % 2 * 2], w[j / 2][j % 2 * 2 + 1]);
    }
  }
}

template <typename T, typename Tile, bool kWide>
__device__ inline void store_sums(const GemmArgs& args, const RowSpace& space, int32_t batch, int32_t first_row,
                                  int32_t first_column, const float (&sums)[Tile::kBlocksM][4][4]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int m = 0; m < Tile::kBlocksM; ++m) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int32_t row = first_row + m * 16 + h * 8 + lane / 4;
      if (row >= space.rows) continue;
      const uint32_t in_all = batch * space.rows + row;
      float eight[8];
#pragma unroll
      for (int c = 0; c < 8; ++c) eight[c] = sums[m][c / 2][h * 2 + c % 2];
      store<T, 8, kWide>(args, row_of<T>(args, in_all), first_column + lane % 4 * 8, eight);
    }
  }
}

template <typename T, typename Tile, bool kWide>
__global__ void __launch_bounds__(Tile::kThreads)
    mma_kernel(const __grid_constant__ GemmArgs args, RowSpace space, int32_t tiles_m, int32_t tiles_n) {
  extern __shared__ __align__(128) uint8_t shared[];
  const uint32_t stages = ptx::shared_address(shared);
  const int32_t first_column = blockIdx.x % tiles_n * Tile::kColumns, tile_m = blockIdx.x / tiles_n;
  const int32_t batch = tile_m / tiles_m, first_row = tile_m % tiles_m * Tile::kRows;
  const T* a = static_cast<const T*>(args.a) + batch * args.a_batch + first_row * args.a_row;
  const T* w = static_cast<const T*>(args.w) + static_cast<int64_t>(first_column) * args.k;
  const auto load = [&](int32_t step) {
    load_stage<T, Tile>(stages + step % Tile::kStages * Tile::kStageBytes, a, args.a_row, space.rows - first_row, w,
                        args.n - first_column, step * Tile::kDepth, args.k);
  };

  const int warp = threadIdx.x / 32;
  const int warp_row = warp / Tile::kWarpsN * Tile::kBlocksM * 16, warp_column = warp % Tile::kWarpsN * 32;
  const int32_t steps = (args.k + Tile::kDepth - 1) / Tile::kDepth;
  float sums[Tile::kBlocksM][4][4] = {};
  for (int32_t step = 0; step < Tile::kStages - 1; ++step) {
    load(step);
    ptx::copy_async_commit();
  }
  for (int32_t step = 0; step < steps; ++step) {
    ptx::copy_async_wait<Tile::kStages - 2>();
    __syncthreads();
    load(step + Tile::kStages - 1);
    ptx::copy_async_commit();
    multiply_stage<T, Tile>(stages + step % Tile::kStages * Tile::kStageBytes, warp_row, warp_column, sums);
  }
  store_sums<T, Tile, kWide>(args, space, batch, first_row + warp_row, first_column + warp_column, sums);
}

}  // namespace wtrt::kernels::gemm_device
