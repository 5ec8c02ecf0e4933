// The matrix product on ordinary cores, in f32: any type, any alignment, any GPU.
#pragma once

#include "gemm_epilogue.cuh"
#include "gemm_traits.cuh"

namespace wtrt::kernels::gemm_device {

template <typename T, bool kWide>
__device__ inline float4 load_four(const T* row, int32_t k, int32_t k_end, bool valid) {
  float4 four{0, 0, 0, 0};
  if (!valid || k >= k_end) return four;
  if constexpr (kWide) {
    const auto values = load_vector<4>(row + k);
    four = {values.get(0), values.get(1), values.get(2), values.get(3)};
  } else {
    four.x = to_f32(row[k]);
    if (k + 1 < k_end) four.y = to_f32(row[k + 1]);
    if (k + 2 < k_end) four.z = to_f32(row[k + 2]);
    if (k + 3 < k_end) four.w = to_f32(row[k + 3]);
  }
  return four;
}

// kLoads pieces of four values along k of this thread, of the block's rows of one operand, to shared memory with k
// outermost.
template <typename T, int kRows, bool kWide>
struct ReferenceOperand {
  using Tile = ReferenceTile;
  static constexpr int kLoads = kRows * Tile::kDepth / 4 / Tile::kThreads, kStride = kRows + 4;
  float4 pieces[kLoads];

  __device__ void load(const T* first_row, int64_t row_stride, int32_t rows, int32_t k, int32_t k_end) {
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int piece = i * Tile::kThreads + threadIdx.x, row = piece / 4;
      pieces[i] = load_four<T, kWide>(first_row + row * row_stride, k + piece % 4 * 4, k_end, row < rows);
    }
  }
  __device__ void store(float* shared) const {
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int piece = i * Tile::kThreads + threadIdx.x;
      float* to = shared + piece % 4 * 4 * kStride + piece / 4;
      to[0] = pieces[i].x, to[kStride] = pieces[i].y, to[2 * kStride] = pieces[i].z, to[3 * kStride] = pieces[i].w;
    }
  }
};

__device__ inline void split(const float4& four, float* values) {
  values[0] = four.x, values[1] = four.y, values[2] = four.z, values[3] = four.w;
}

template <typename T, bool kWide>
__global__ void __launch_bounds__(ReferenceTile::kThreads)
    reference_kernel(const __grid_constant__ GemmArgs args, RowSpace space, int32_t tiles_m, int32_t tiles_n) {
  using Tile = ReferenceTile;
  using Rows = ReferenceOperand<T, Tile::kRows, kWide>;
  using Columns = ReferenceOperand<T, Tile::kColumns, kWide>;
  __shared__ __align__(16) float a_shared[2][Tile::kDepth * Rows::kStride],
      w_shared[2][Tile::kDepth * Columns::kStride];

  const int32_t first_column = blockIdx.x % tiles_n * Tile::kColumns, tile_m = blockIdx.x / tiles_n;
  const int32_t batch = tile_m / tiles_m, first_row = tile_m % tiles_m * Tile::kRows;
  const T* a = static_cast<const T*>(args.a) + batch * args.a_batch + first_row * args.a_row;
  const T* w = static_cast<const T*>(args.w) + static_cast<int64_t>(first_column) * args.k;
  const int x = threadIdx.x % 8 * 4, y = threadIdx.x / 8 * 4;  // columns x … x + 3 and x + 32 …, rows y … and y + 64 …

  float sums[8][8] = {};
  Rows a_next;
  Columns w_next;
  for (int32_t k = 0, buffer = 0; k < args.k; k += Tile::kDepth, buffer ^= 1) {
    if (k == 0) {
      a_next.load(a, args.a_row, space.rows - first_row, 0, args.k);
      w_next.load(w, args.k, args.n - first_column, 0, args.k);
    }
    a_next.store(a_shared[buffer]);
    w_next.store(w_shared[buffer]);
    __syncthreads();
    if (k + Tile::kDepth < args.k) {
      a_next.load(a, args.a_row, space.rows - first_row, k + Tile::kDepth, args.k);
      w_next.load(w, args.k, args.n - first_column, k + Tile::kDepth, args.k);
    }
#pragma unroll
    for (int step = 0; step < Tile::kDepth; ++step) {
      const float* a_step = a_shared[buffer] + step * Rows::kStride + y;
      const float* w_step = w_shared[buffer] + step * Columns::kStride + x;
      float a_values[8], w_values[8];
      split(*reinterpret_cast<const float4*>(a_step), a_values);
      split(*reinterpret_cast<const float4*>(a_step + 64), a_values + 4);
      split(*reinterpret_cast<const float4*>(w_step), w_values);
      split(*reinterpret_cast<const float4*>(w_step + 32), w_values + 4);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) sums[i][j] = fmaf(a_values[i], w_values[j], sums[i][j]);
      }
    }
  }

#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int32_t row = first_row + y + i % 4 + i / 4 * 64;
    if (row >= space.rows) continue;
    const uint32_t in_all = batch * space.rows + row;
    const Row<T> target = row_of<T>(args, in_all);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float(&four)[4] = reinterpret_cast<const float(&)[4]>(sums[i][half * 4]);
      store<T, 4, kWide>(args, target, first_column + x + half * 32, four);
    }
  }
}

}  // namespace wtrt::kernels::gemm_device
