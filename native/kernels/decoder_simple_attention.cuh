// Attention of one token and head over keys and values in memory, for any type and head size: a block of 128 threads.
#pragma once

#include "elements.cuh"
#include "ptx.cuh"

namespace wtrt::kernels {

constexpr int kSimpleThreads = 128;

__device__ __forceinline__ float over_block(float value, float* scratch, bool largest) {
  const auto join = [&](float a, float b) { return largest ? fmaxf(a, b) : a + b; };
  for (int offset = 16; offset > 0; offset /= 2) value = join(value, __shfl_xor_sync(~0u, value, offset));
  __syncthreads();
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  value = scratch[0];
  for (int w = 1; w < kSimpleThreads / 32; ++w) value = join(value, scratch[w]);
  return value;
}

template <typename T>
__device__ __forceinline__ float dot(const float* q, const T* k, int size) {
  float sum = 0;
  for (int d = 0; d < size; ++d) sum += q[d] * to_float(ptx::load_coherent<T>(k + d));
  return sum;
}

// shared: head_size + positions + kSimpleThreads floats. key(p), value(p): where those of position p are.
template <typename T, typename Key, typename Value>
__device__ void attend_simply(const T* q, int head_size, int positions, const Key& key, const Value& value, T* out,
                              float* shared) {
  __shared__ float scratch[kSimpleThreads / 32];
  float *query = shared, *scores = query + head_size, *sums = scores + positions;
  const int thread = static_cast<int>(threadIdx.x);
  for (int d = thread; d < head_size; d += kSimpleThreads)
    query[d] = to_float(ptx::load_coherent<T>(q + d)) * rsqrtf(static_cast<float>(head_size));
  __syncthreads();
  float most = -INFINITY;
  for (int p = thread; p < positions; p += kSimpleThreads) {
    scores[p] = dot(query, key(p), head_size);
    most = fmaxf(most, scores[p]);
  }
  most = over_block(most, scratch, true);
  float sum = 0;
  for (int p = thread; p < positions; p += kSimpleThreads) sum += scores[p] = expf(scores[p] - most);
  sum = over_block(sum, scratch, false);
  // Threads side by side take the values of a position, those behind them the next position.
  const int together = kSimpleThreads / head_size, part = thread / head_size;
  float result = 0;
  if (part < together) {
    for (int p = part; p < positions; p += together)
      result += scores[p] * to_float(ptx::load_coherent<T>(value(p) + thread % head_size));
  }
  sums[thread] = result;
  __syncthreads();
  if (part != 0) return;
  for (int i = 1; i < together; ++i) result += sums[i * head_size + thread];
  out[thread] = from_float<T>(sum > 0 ? result / sum : 0.0f);
}

}  // namespace wtrt::kernels
