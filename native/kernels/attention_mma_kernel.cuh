// Attention by the tensor cores and asynchronous copies that every GPU since sm_80 has, head size 64.
#pragma once

#include "attention_softmax.cuh"
#include "attention_traits.cuh"

namespace wtrt::kernels {

// Rows of 128 bytes whose 16-byte chunks are swapped so that eight rows' same chunk lies in all banks.
__device__ __forceinline__ uint32_t swizzled(int row, int chunk) {
  return static_cast<uint32_t>(row * 128 + ((chunk ^ (row & 7)) << 4));
}

// Rows [first, first + kRows) of a window, zeros past its end.
template <int kRows, int kThreads, typename T>
__device__ __forceinline__ void copy_rows(uint32_t to, const T* from, int64_t stride, int first, int rows) {
#pragma unroll
  for (int i = 0; i < kRows * 8 / kThreads; ++i) {
    const int at = threadIdx.x + i * kThreads, row = at / 8, chunk = at % 8;
    const bool exists = first + row < rows;
    ptx::copy_async(to + swizzled(row, chunk), from + (exists ? first + row : 0) * stride + 8 * chunk, exists);
  }
}

// Scores of a warp's two times 16 rows.
template <typename Shape>
__device__ __forceinline__ void score_tile(float (&s)[2][32], const uint32_t (&q)[2][4][4], uint32_t keys, int lane) {
  const int key = lane / 16 * 8 + lane % 8, half = lane / 8 % 2;
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int i = 0; i < 32; ++i) s[m][i] = 0.0f;
  }
#pragma unroll
  for (int step = 0; step < 4; ++step) {
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      uint32_t k[4];
      ptx::load_matrices(k, keys + swizzled(16 * n + key, 2 * step + half));
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        ptx::mma<typename Shape::Type>(s[m] + 8 * n, q[m][step], k[0], k[1]);
        ptx::mma<typename Shape::Type>(s[m] + 8 * n + 4, q[m][step], k[2], k[3]);
      }
    }
  }
}

template <typename Shape>
__device__ __forceinline__ void add_values(float (&o)[2][32], const uint32_t (&p)[2][16], uint32_t values, int lane) {
  const int key = lane / 8 % 2 * 8 + lane % 8, half = lane / 16;
#pragma unroll
  for (int step = 0; step < 4; ++step) {
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      uint32_t v[4];
      ptx::load_matrices_transposed(v, values + swizzled(16 * step + key, 2 * n + half));
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        const uint32_t weights[4] = {p[m][4 * step], p[m][4 * step + 1], p[m][4 * step + 2], p[m][4 * step + 3]};
        ptx::mma<typename Shape::Type>(o[m] + 8 * n, weights, v[0], v[1]);
        ptx::mma<typename Shape::Type>(o[m] + 8 * n + 4, weights, v[2], v[3]);
      }
    }
  }
}

template <typename Shape>
__global__ void __launch_bounds__(Shape::kThreads, 2)
    attention_mma_kernel(const typename Shape::Type* qkv, typename Shape::Type* out, int positions, int heads,
                         float scale) {
  using T = typename Shape::Type;
  extern __shared__ float4 shared_memory[];
  const uint32_t queries = ptx::shared_address(shared_memory), tiles = queries + Shape::kQueryBytes;
  const int width = heads * Shape::kHead, first_row = blockIdx.x * Shape::kRows, lane = threadIdx.x % 32;
  const int warp_row = threadIdx.x / 32 * Shape::kWarpRows;
  const int64_t stride = 3 * static_cast<int64_t>(width), window = static_cast<int64_t>(blockIdx.z) * positions;
  const T* const from = qkv + window * stride + blockIdx.y * Shape::kHead;
  const auto copy_tile = [&](int key) {
    const uint32_t to = tiles + key / Shape::kKeys % 2 * 2 * Shape::kTileBytes;
    copy_rows<Shape::kKeys, Shape::kThreads>(to, from + width, stride, key, positions);
    copy_rows<Shape::kKeys, Shape::kThreads>(to + Shape::kTileBytes, from + 2 * width, stride, key, positions);
  };
  copy_rows<Shape::kRows, Shape::kThreads>(queries, from, stride, first_row, positions);
  copy_tile(0);
  ptx::copy_async_wait_all();
  __syncthreads();
  uint32_t q[2][4][4];
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int step = 0; step < 4; ++step) {
      ptx::load_matrices(q[m][step], queries + swizzled(warp_row + 16 * m + lane % 16, 2 * step + lane / 16));
    }
  }

  float o[2][32] = {};
  SoftmaxRows rows[2];
  for (int key = 0; key < positions; key += Shape::kKeys) {
    if (key > 0) {
      ptx::copy_async_wait_all();
      __syncthreads();
    }
    if (key + Shape::kKeys < positions) copy_tile(key + Shape::kKeys);
    const uint32_t tile = tiles + key / Shape::kKeys % 2 * 2 * Shape::kTileBytes;
    float s[2][32];
    uint32_t p[2][16];
    score_tile<Shape>(s, q, tile, lane);
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      if (key + Shape::kKeys > positions) mask_scores(s[m], positions - key);
      raise_base(rows[m], s[m], o[m], scale);
      exponentials<T>(rows[m], s[m], p[m], scale);
    }
    add_values<Shape>(o, p, tile + Shape::kTileBytes, lane);
  }

  // Out through the warp's own queries: whole rows, 16 bytes a thread.
#pragma unroll
  for (int m = 0; m < 2; ++m) {
    float inverse[2];
    finish_rows(rows[m], inverse);
#pragma unroll
    for (int i = 0; i < 32; i += 2) {
      const int row = warp_row + 16 * m + i / 2 % 2 * 8 + lane / 4;
      const uint32_t both = ptx::pack<T>(o[m][i] * inverse[i / 2 % 2], o[m][i + 1] * inverse[i / 2 % 2]);
      *reinterpret_cast<uint32_t*>(reinterpret_cast<unsigned char*>(shared_memory) + swizzled(row, i / 4) +
                                   lane % 4 * 4) = both;
    }
  }
  __syncwarp();
#pragma unroll
  for (int i = 0; i < Shape::kWarpRows / 4; ++i) {
    const int row = warp_row + 4 * i + lane / 8, chunk = lane % 8;
    if (first_row + row >= positions) continue;
    const auto* const four = reinterpret_cast<const unsigned char*>(shared_memory) + swizzled(row, chunk);
    *reinterpret_cast<uint4*>(out + (window + first_row + row) * width + blockIdx.y * Shape::kHead + 8 * chunk) =
        *reinterpret_cast<const uint4*>(four);
  }
}

}  // namespace wtrt::kernels
