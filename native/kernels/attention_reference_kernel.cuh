// Attention without tensor cores: any type, head sizes up to 128.
#pragma once

#include <cstdint>

#include "attention_traits.cuh"
#include "elements.cuh"

namespace wtrt::kernels {

template <typename T>
struct alignas(4 * sizeof(T)) Four {
  T value[4];
};

template <typename T>
__device__ __forceinline__ float4 load_four(const T* from) {
  const auto four = *reinterpret_cast<const Four<T>*>(from);
  return {to_float(four.value[0]), to_float(four.value[1]), to_float(four.value[2]), to_float(four.value[3])};
}

// 64 rows from `first` on as f32, zeros beyond the last row and the last column.
template <typename Shape, int kPitch>
__device__ __forceinline__ void load_rows(float* to, const typename Shape::Type* from, int64_t stride, int first,
                                          int rows, int columns) {
#pragma unroll 4
  for (int i = threadIdx.x; i < 64 * (Shape::kHead / 4); i += Shape::kThreads) {
    const int row = i / (Shape::kHead / 4), column = i % (Shape::kHead / 4) * 4;
    float4 four = {};
    if (first + row < rows && column < columns) four = load_four(from + (first + row) * stride + column);
    *reinterpret_cast<float4*>(to + row * kPitch + column) = four;
  }
}

__device__ __forceinline__ float4 shared_four(const float* from) { return *reinterpret_cast<const float4*>(from); }

template <typename Shape>
__device__ __forceinline__ void score_tile(float (&s)[8][4], const float* queries, const float* keys, int r, int c) {
#pragma unroll
  for (int i = 0; i < 8; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) s[i][j] = 0.0f;
  }
#pragma unroll 2
  for (int d = 0; d < Shape::kHead; d += 4) {
    float4 k[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) k[j] = shared_four(keys + (c + 16 * j) * Shape::kPitch + d);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const float4 q = shared_four(queries + (r + 8 * i) * Shape::kPitch + d);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        s[i][j] = fmaf(q.x, k[j].x, s[i][j]);
        s[i][j] = fmaf(q.y, k[j].y, s[i][j]);
        s[i][j] = fmaf(q.z, k[j].z, s[i][j]);
        s[i][j] = fmaf(q.w, k[j].w, s[i][j]);
      }
    }
  }
}

// Over the sixteen threads of a row.
__device__ __forceinline__ float row_sum(float x) {
  for (int distance = 8; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
  return x;
}
__device__ __forceinline__ float row_most(float x) {
  for (int distance = 8; distance > 0; distance /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, distance));
  return x;
}

template <typename Shape>
__device__ __forceinline__ void add_values(float (&o)[8][Shape::kHead / 64][4], const float* weights,
                                           const float* values, int r, int c) {
#pragma unroll 2
  for (int key = 0; key < Shape::kKeys; key += 4) {
    float4 w[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) w[i] = shared_four(weights + (r + 8 * i) * Shape::kWeightPitch + key);
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int part = 0; part < Shape::kHead / 64; ++part) {
        const float4 v = shared_four(values + (key + n) * Shape::kHead + 64 * part + 4 * c);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          const float weight = n == 0 ? w[i].x : n == 1 ? w[i].y : n == 2 ? w[i].z : w[i].w;
          o[i][part][0] = fmaf(weight, v.x, o[i][part][0]);
          o[i][part][1] = fmaf(weight, v.y, o[i][part][1]);
          o[i][part][2] = fmaf(weight, v.z, o[i][part][2]);
          o[i][part][3] = fmaf(weight, v.w, o[i][part][3]);
        }
      }
    }
  }
}

template <typename Shape>
__global__ void __launch_bounds__(Shape::kThreads)
    attention_reference_kernel(const typename Shape::Type* qkv, typename Shape::Type* out, int positions, int heads,
                               int head_size, float scale) {
  using T = typename Shape::Type;
  constexpr int kParts = Shape::kHead / 64;
  extern __shared__ float4 shared_memory[];
  float* const queries = reinterpret_cast<float*>(shared_memory);
  float* const keys = queries + Shape::kRows * Shape::kPitch;  // then the weights of this tile
  float* const values = keys + Shape::kKeys * Shape::kPitch;
  const int width = heads * head_size, first_row = blockIdx.x * Shape::kRows, r = threadIdx.x / 16,
            c = threadIdx.x % 16;
  const int64_t stride = 3 * static_cast<int64_t>(width), window = static_cast<int64_t>(blockIdx.z) * positions;
  const T* const from = qkv + window * stride + blockIdx.y * head_size;
  load_rows<Shape, Shape::kPitch>(queries, from, stride, first_row, positions, head_size);

  float o[8][kParts][4] = {}, most[8], sum[8] = {};
#pragma unroll
  for (int i = 0; i < 8; ++i) most[i] = -INFINITY;
  for (int key = 0; key < positions; key += Shape::kKeys) {
    __syncthreads();
    load_rows<Shape, Shape::kPitch>(keys, from + width, stride, key, positions, head_size);
    load_rows<Shape, Shape::kHead>(values, from + 2 * width, stride, key, positions, head_size);
    __syncthreads();
    float s[8][4];
    score_tile<Shape>(s, queries, keys, r, c);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) s[i][j] = key + c + 16 * j < positions ? s[i][j] * scale : -INFINITY;
      const float top = fmaxf(most[i], row_most(fmaxf(fmaxf(s[i][0], s[i][1]), fmaxf(s[i][2], s[i][3]))));
      const float correction = exp2f(most[i] - top);
      most[i] = top;
      sum[i] *= correction;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float weight = exp2f(s[i][j] - top);
        sum[i] += weight;
        keys[(r + 8 * i) * Shape::kWeightPitch + c + 16 * j] = weight;
      }
#pragma unroll
      for (int part = 0; part < kParts; ++part) {
#pragma unroll
        for (int e = 0; e < 4; ++e) o[i][part][e] *= correction;
      }
    }
    __syncwarp();  // a row's weights are of one half warp
    add_values<Shape>(o, keys, values, r, c);
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const float inverse = 1.0f / row_sum(sum[i]);
    const int row = first_row + r + 8 * i;
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      const int column = 64 * part + 4 * c;
      if (row >= positions || column >= head_size) continue;
      Four<T> four;
#pragma unroll
      for (int e = 0; e < 4; ++e) four.value[e] = from_float<T>(o[i][part][e] * inverse);
      *reinterpret_cast<Four<T>*>(out + (window + row) * width + blockIdx.y * head_size + column) = four;
    }
  }
}

}  // namespace wtrt::kernels
