// The token linear of 16-bit types: see token_linear_traits.cuh.
#pragma once

#include "token_linear_traits.cuh"

namespace wtrt::kernels::token {

// A warp's own weights, some stages of them on their way: nobody else waits for them or fills them.
class WeightRing {
 public:
  __device__ WeightRing(char* weights, char* barriers, int stages, int warp_steps, int warp, int lane)
      : stages_(stages), lane_(lane), stride_(static_cast<uint32_t>(kWarps * warp_steps * kStepBytes)) {
    data_ = ptx::shared_address(weights) + static_cast<uint32_t>(warp * warp_steps * kStepBytes);
    barriers_ = ptx::shared_address(barriers) + static_cast<uint32_t>(warp * stages * 8);
#if __CUDA_ARCH__ >= 900
    if (lane == 0) {
      for (int stage = 0; stage < stages; ++stage) ptx::barrier_init(barriers_ + 8 * stage, 1);
      ptx::fence_copy_engine();
    }
    __syncwarp();
#endif
  }

  __device__ void fill(int item, const char* from, int steps) const {
    const int stage = item % stages_;
    const uint32_t to = data_ + stage * stride_;
#if __CUDA_ARCH__ >= 900
    if (lane_ == 0) {
      const auto bytes = static_cast<uint32_t>(steps * kStepBytes);
      ptx::barrier_expect(barriers_ + 8 * stage, bytes);
      if (steps > 0) ptx::copy_bulk(to, from, bytes, barriers_ + 8 * stage, ptx::policy_evict_first());
    }
#else
    for (int s = 0; s < steps; ++s) {
      ptx::copy_async_16(to + s * kStepBytes + lane_ * 16, from + s * kStepBytes + lane_ * 16);
    }
    ptx::copy_async_commit();
#endif
  }

  __device__ void wait(int item) const {
#if __CUDA_ARCH__ >= 900
    ptx::barrier_wait(barriers_ + 8 * (item % stages_), (item / stages_) & 1);
#else
    ptx::copy_async_wait<0>();
#endif
  }

  __device__ void read(uint32_t (&a)[4], int item, int step) const {
    const uint32_t from = data_ + (item % stages_) * stride_ + step * kStepBytes + lane_ * 16;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3]) : "r"(from));
  }

 private:
  int stages_, lane_;
  uint32_t stride_, data_, barriers_;
};

// Columns of some neighbouring tokens into shared memory: as they are, or normalised over all columns and rounded.
template <typename T>
__device__ __forceinline__ void copy_tokens(const Parameters& p, int first_row, int rows, int column, int columns, char* to, uint32_t pitch) {
  for (int r = static_cast<int>(threadIdx.x) / 32; r < rows; r += kWarps) {
    const T* from = static_cast<const T*>(p.in) + static_cast<int64_t>(first_row + r) * p.k + column;
    for (int c = static_cast<int>(threadIdx.x) % 32 * 8; c < columns; c += 256) {
      ptx::copy_async_16(ptx::shared_address(to + r * pitch + c * sizeof(T)), from + c);
    }
  }
  ptx::copy_async_commit();
  ptx::copy_async_wait<0>();
}

__device__ __forceinline__ float sum_over_warp(float sum) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(~0u, sum, offset);
  return sum;
}

// Eight neighbours of a token.
template <typename T>
__device__ __forceinline__ void read8(float (&x)[8], const T* from) {
  const uint4 v = ptx::load_coherent<uint4>(from);
  const float2 a = unpack2<T>(v.x), b = unpack2<T>(v.y), c = unpack2<T>(v.z), d = unpack2<T>(v.w);
  x[0] = a.x, x[1] = a.y, x[2] = b.x, x[3] = b.y, x[4] = c.x, x[5] = c.y, x[6] = d.x, x[7] = d.y;
}

// A warp takes kTogether tokens at once; a lane holds kHeld pieces of eight of each, and reads what is beyond them again.
template <typename T, int kTogether>
__device__ __forceinline__ void normalise_tokens(const Parameters& p, int first_row, int rows, int column, int columns, char* to, uint32_t pitch) {
  constexpr int kHeld = 5;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  for (int first = warp * kTogether; first < rows; first += kWarps * kTogether) {
    const auto row = [&](int i) { return static_cast<const T*>(p.in) + static_cast<int64_t>(first_row + min(first + i, rows - 1)) * p.k; };
    float held[kTogether][kHeld][8] = {}, mean[kTogether] = {}, scale[kTogether] = {};
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
#pragma unroll
      for (int j = 0; j < kHeld; ++j) {
        if ((32 * j + lane) * 8 < p.k) read8(held[i][j], row(i) + (32 * j + lane) * 8);
      }
    }
    const auto for_all = [&](const auto& body) {  // body(token, column, values)
#pragma unroll
      for (int j = 0; j < kHeld; ++j) {
#pragma unroll
        for (int i = 0; i < kTogether; ++i) {
          if ((32 * j + lane) * 8 < p.k) body(i, (32 * j + lane) * 8, held[i][j]);
        }
      }
      for (int c = (32 * kHeld + lane) * 8; c < p.k; c += 256) {
#pragma unroll
        for (int i = 0; i < kTogether; ++i) {
          float x[8];
          read8(x, row(i) + c);
          body(i, c, x);
        }
      }
    };
    for_all([&](int i, int, const float(&x)[8]) { mean[i] += ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7])); });
#pragma unroll
    for (int i = 0; i < kTogether; ++i) mean[i] = sum_over_warp(mean[i]) / static_cast<float>(p.k);
    for_all([&](int i, int, const float(&x)[8]) {
      float even = 0, odd = 0;
#pragma unroll
      for (int e = 0; e < 8; e += 2) {
        even += (x[e] - mean[i]) * (x[e] - mean[i]);
        odd += (x[e + 1] - mean[i]) * (x[e + 1] - mean[i]);
      }
      scale[i] += even + odd;
    });
#pragma unroll
    for (int i = 0; i < kTogether; ++i) scale[i] = rsqrtf(sum_over_warp(scale[i]) / static_cast<float>(p.k) + 1e-5f);
    for_all([&](int i, int c, const float(&x)[8]) {
      if (c < column || c >= column + columns || first + i >= rows) return;
      const float4 gain[2] = {__ldg(reinterpret_cast<const float4*>(p.gain + c)), __ldg(reinterpret_cast<const float4*>(p.gain + c) + 1)};
      const float4 shift[2] = {__ldg(reinterpret_cast<const float4*>(p.shift + c)), __ldg(reinterpret_cast<const float4*>(p.shift + c) + 1)};
      const auto value = [&](int e, float w, float b) { return (x[e] - mean[i]) * scale[i] * w + b; };
      const uint4 packed = {pack2<T>(value(0, gain[0].x, shift[0].x), value(1, gain[0].y, shift[0].y)),
                            pack2<T>(value(2, gain[0].z, shift[0].z), value(3, gain[0].w, shift[0].w)),
                            pack2<T>(value(4, gain[1].x, shift[1].x), value(5, gain[1].y, shift[1].y)),
                            pack2<T>(value(6, gain[1].z, shift[1].z), value(7, gain[1].w, shift[1].w))};
      *reinterpret_cast<uint4*>(to + (first + i) * pitch + (c - column) * sizeof(T)) = packed;
    });
  }
}

__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

template <typename T, typename Out, int kRowTiles>
__global__ void __launch_bounds__(kThreads, kRowTiles == 1 ? 3 : kRowTiles == 2 ? 2 : 1) token_linear_kernel(const Parameters p) {
  constexpr int kTokens = 8 * kRowTiles;
  constexpr int kOutputs = (kTokens * kTile + kThreads - 1) / kThreads;  // of a thread
  extern __shared__ __align__(128) char shared[];
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int cluster = ptx::cluster_size(), rank = ptx::cluster_rank();
  const int slot = static_cast<int>(blockIdx.x) / cluster, slots = static_cast<int>(gridDim.x) / cluster;
  const int first_row = static_cast<int>(blockIdx.y) * kTokens, rows = min(kTokens, p.rows - first_row);
  const SharedLayout at(p, cluster, kRowTiles);

  // An item is a chunk of a tile.
  const int per_tile = p.chunks / cluster;
  const int items = (p.tiles - slot + slots - 1) / slots * per_tile;
  const auto chunk_of = [&](int item) { return rank + item % per_tile * cluster; };
  const auto tile_of = [&](int item) { return slot + item / per_tile * slots; };
  const auto first_step = [&](int chunk, int of_warp) { return min((chunk * kWarps + of_warp) * p.warp_steps, p.steps); };
  const auto steps_of = [&](int chunk) { return first_step(chunk, warp + 1) - first_step(chunk, warp); };

  const WeightRing ring(shared, shared + at.filled, p.stages, p.warp_steps, warp, lane);
  const auto fill = [&](int item) {
    const int chunk = chunk_of(item);
    const int64_t step = static_cast<int64_t>(tile_of(item)) * p.steps + first_step(chunk, warp);
    ring.fill(item, static_cast<const char*>(p.packed) + step * kStepBytes, steps_of(chunk));
  };
  for (int item = 0; item < min(p.stages, items); ++item) fill(item);
#if __CUDA_ARCH__ >= 900
  const uint32_t arrived = ptx::shared_address(shared + at.arrived);
  if (cluster > 1) {
    if (thread == 0) {
      ptx::barrier_init(arrived, 1);
      ptx::fence_copy_engine();
    }
    ptx::cluster_arrive();
  }
#endif
  ptx::launch_dependents();
  if (p.gain != nullptr) {
    for (int i = thread * 32; i < p.k; i += 32 * kThreads) {
      ptx::touch(p.gain + i);
      ptx::touch(p.shift + i);
    }
  }
  ptx::wait_for_launches_before();

  float total[kOutputs] = {};
  int ready = -1;  // the chunk of the tokens in shared memory
  for (int item = 0; item < items; ++item) {
    const int chunk = chunk_of(item), tile = tile_of(item), steps = steps_of(chunk);

    // What the outputs of this thread get beside the products, asked for early.
    float bias[kOutputs], residual[kOutputs];
    bool mine[kOutputs];
    int64_t target[kOutputs];
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      const int e = thread + j * kThreads, token = e / kTile * cluster + rank, n = tile * kTile + e % kTile;
      mine[j] = token < rows && n < p.n;
      target[j] = static_cast<int64_t>(first_row + token) * p.n + n;
      bias[j] = mine[j] && p.bias != nullptr ? __ldg(p.bias + n) : 0.0f;
      residual[j] = mine[j] && p.residual != nullptr ? to_float(ptx::load_coherent<T>(static_cast<const T*>(p.residual) + target[j])) : 0.0f;
    }

    if (ready != chunk) {
      if (ready >= 0) __syncthreads();
      ready = chunk;
      const int column = first_step(chunk, 0) * 16, columns = first_step(chunk, kWarps) * 16 - column;
      if (p.gain != nullptr) {
        normalise_tokens<T, (kRowTiles > 1 ? 2 : 1)>(p, first_row, rows, column, columns, shared + at.tokens, at.pitch);
      } else {
        copy_tokens<T>(p, first_row, rows, column, columns, shared + at.tokens, at.pitch);
      }
      __syncthreads();
    }

    float sums[2][kRowTiles][4] = {};
    ring.wait(item);
    const char* const tokens = shared + at.tokens + warp * p.warp_steps * 32 + lane % 4 * 8;
#pragma unroll
    for (int s = 0; s < kMostSteps; ++s) {
      if (s >= steps) continue;
      uint32_t weights[4];
      ring.read(weights, item, s);
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
        const uint2 x = *reinterpret_cast<const uint2*>(tokens + min(8 * i + lane / 4, rows - 1) * at.pitch + 32 * s);
        ptx::mma<T>(sums[s % 2][i], weights, x.x, x.y);
      }
    }
    __syncwarp();
    if (item + p.stages < items) fill(item + p.stages);

    float* const partial = reinterpret_cast<float*>(shared + at.partial) + item % p.buffers * kWarps * kTokens * kPartialPitch;
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        const int token = 8 * i + 2 * (lane % 4) + c % 2, n = lane / 4 + c / 2 * 8;
        partial[(warp * kTokens + token) * kPartialPitch + n] = sums[0][i][c] + sums[1][i][c];
      }
    }
    __syncthreads();
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      const int e = thread + j * kThreads;
      if (e >= rows * kTile) continue;
      float sum = 0;
#pragma unroll
      for (int w = 0; w < kWarps; ++w) sum += partial[(w * kTokens + e / kTile) * kPartialPitch + e % kTile];
      total[j] = item % per_tile == 0 ? sum : total[j] + sum;
    }
    if (item % per_tile != per_tile - 1) continue;

#if __CUDA_ARCH__ >= 900
    if (cluster > 1) {  // a token's sums go to the block that its number says
      const auto* const received = reinterpret_cast<const float*>(shared + at.received);
      const int own = (rows - rank + cluster - 1) / cluster, place = kTokens / cluster * kTile;  // place: of one block's sums
      if (thread == 0 && own > 0) ptx::barrier_expect(arrived, static_cast<uint32_t>(own * kTile * cluster) * 4u);
      ptx::cluster_wait();  // all have begun, and taken what they got before
#pragma unroll
      for (int j = 0; j < kOutputs; ++j) {
        const int e = thread + j * kThreads, to = e / kTile % cluster;
        if (e >= rows * kTile) continue;
        const float* const there = received + rank * place + e / kTile / cluster * kTile + e % kTile;
        ptx::cluster_send(ptx::cluster_address(ptx::shared_address(there), to), total[j], ptx::cluster_address(arrived, to));
      }
      if (own > 0) ptx::barrier_wait(arrived, item / per_tile & 1);
#pragma unroll
      for (int j = 0; j < kOutputs; ++j) {
        total[j] = 0;
        for (int r = 0; mine[j] && r < cluster; ++r) total[j] += received[r * place + thread + j * kThreads];
      }
      __syncwarp();
      if (item + 1 < items) ptx::cluster_arrive();
    }
#endif
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      if (!mine[j]) continue;
      float value = total[j] + bias[j];
      if (p.gelu) value = gelu(value);
      static_cast<Out*>(p.out)[target[j]] = from_float<Out>(value + residual[j]);
    }
  }
}

}  // namespace wtrt::kernels::token
