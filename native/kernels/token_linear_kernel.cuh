// The token linear of 16-bit types: see token_linear_traits.cuh.
#pragma once

#include "token_linear_traits.cuh"

namespace wtrt::kernels::token {

// A warp's own weights, some stages of them on their way: nobody else waits for them or fills them.
class WeightRing {
 public:
  __device__ WeightRing(char* weights, char* barriers, int stages, int warp_steps, int warp, int lane)
      : lane_(lane), stride_(static_cast<uint32_t>(kWarps * warp_steps * kStepBytes)) {
    data_ = ptx::shared_address(weights) + static_cast<uint32_t>(warp * warp_steps * kStepBytes);
    barriers_ = ptx::shared_address(barriers) + static_cast<uint32_t>(warp * stages * 8);
#if __CUDA_ARCH__ >= 900
    if (lane < stages) {
      ptx::barrier_init(barriers_ + 8 * lane, 1);
      ptx::fence_copy_engine();
    }
    __syncwarp();
#endif
  }

  __device__ void fill(int stage, const char* from, int steps) const {
    const uint32_t to = data_ + stage * stride_;
#if __CUDA_ARCH__ >= 900
    if (lane_ == 0) {
      const auto bytes = static_cast<uint32_t>(steps * kStepBytes);
      ptx::barrier_expect(barriers_ + 8 * stage, bytes);
      if (steps > 0) ptx::copy_bulk(to, from, bytes, barriers_ + 8 * stage, ptx::policy_evict_first());
    }
#else
#pragma unroll 1
    for (int s = 0; s < steps; ++s) {
      ptx::copy_async_16(to + s * kStepBytes + lane_ * 16, from + s * kStepBytes + lane_ * 16);
    }
    ptx::copy_async_commit();
#endif
  }

  // parity: of how often the stage was filled before.
  __device__ void wait(int stage, int parity) const {
#if __CUDA_ARCH__ >= 900
    ptx::barrier_wait(barriers_ + 8 * stage, parity);
#else
    ptx::copy_async_wait<0>();
#endif
  }

  __device__ void read(uint32_t (&a)[4], int stage, int step) const {
    const uint32_t from = data_ + stage * stride_ + step * kStepBytes + lane_ * 16;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3]) : "r"(from));
  }

 private:
  int lane_;
  uint32_t stride_, data_, barriers_;
};

// Tokens in shared memory: token r of the block at data + r * pitch.
template <typename T>
struct TokenRows {
  char* data;
  uint32_t pitch;

  __device__ T* row(int r) const { return reinterpret_cast<T*>(data + r * pitch); }

  // A warp takes every eighth token. Its own, when it waited for them.
  __device__ void copy(const Parameters& p, int first_row, int first, int end, int column, int columns) const {
#pragma unroll 1
    for (int r = first + static_cast<int>(threadIdx.x) / 32; r < end; r += kWarps) {
      const T* from = static_cast<const T*>(p.in) + static_cast<int64_t>(first_row + r) * p.k + column;
      const uint32_t to = ptx::shared_address(row(r));
#pragma unroll 1
      for (int c = static_cast<int>(threadIdx.x) % 32 * 8; c < columns; c += 256) ptx::copy_async_16(to + c * sizeof(T), from + c);
    }
    ptx::copy_async_commit();
  }

  // In place, each by the warp that copied it. In loops that stay loops: what a launch waits for most is its instructions.
  __device__ void normalise(const Parameters& p, int first, int end, const float* gain, const float* shift) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll 1
    for (int r = first + static_cast<int>(threadIdx.x) / 32; r < end; r += kWarps) {
      const auto for_pieces = [&](const auto& body) {  // body(column, piece, its values)
#pragma unroll 1
        for (int c = lane * 8; c < p.k; c += 256) {
          auto& piece = *reinterpret_cast<uint4*>(row(r) + c);
          const float2 x[4] = {unpack2<T>(piece.x), unpack2<T>(piece.y), unpack2<T>(piece.z), unpack2<T>(piece.w)};
          body(c, piece, x);
        }
      };
      float mean = 0, square = 0;
      for_pieces([&](int, uint4&, const float2(&x)[4]) {
        mean += ((x[0].x + x[0].y) + (x[1].x + x[1].y)) + ((x[2].x + x[2].y) + (x[3].x + x[3].y));
      });
      mean = sum_over_warp(mean) * p.inverse_k;
      for_pieces([&](int, uint4&, const float2(&x)[4]) {
        float even = 0, odd = 0;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          even += (x[i].x - mean) * (x[i].x - mean);
          odd += (x[i].y - mean) * (x[i].y - mean);
        }
        square += even + odd;
      });
      const float scale = rsqrtf(sum_over_warp(square) * p.inverse_k + 1e-5f);
      for_pieces([&](int c, uint4& piece, const float2(&x)[4]) {
        const auto pair = [&](int i) {
          const float2 w = *reinterpret_cast<const float2*>(gain + c + 2 * i), b = *reinterpret_cast<const float2*>(shift + c + 2 * i);
          return pack2<T>((x[i].x - mean) * scale * w.x + b.x, (x[i].y - mean) * scale * w.y + b.y);
        };
        piece = {pair(0), pair(1), pair(2), pair(3)};
      });
    }
  }

 private:
  static __device__ float sum_over_warp(float sum) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(~0u, sum, offset);
    return sum;
  }
};

__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

// What the outputs of a thread get beside the products.
template <typename T, int kOutputs>
struct Beside {
  float bias[kOutputs];
  T residual[kOutputs];
  int64_t target[kOutputs];  // the output; -1: not this block's

  __device__ void place(const Parameters& p, int tile, int first_row, int rows, int rank) {
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      const int e = static_cast<int>(threadIdx.x) + j * kThreads, token = (e / kTile << p.cluster_log) + rank, n = tile * kTile + e % kTile;
      target[j] = token < rows && n < p.n ? static_cast<int64_t>(first_row + token) * p.n + n : -1;
      bias[j] = target[j] >= 0 && p.bias != nullptr ? __ldg(p.bias + n) : 0.0f;
    }
  }
  __device__ void load_residual(const Parameters& p) {
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      residual[j] = target[j] >= 0 && p.residual != nullptr ? ptx::load_coherent<T>(static_cast<const T*>(p.residual) + target[j]) : T(0.0f);
    }
  }
};

template <typename T, typename Out, int kRowTiles, bool kNorm>
__global__ void __launch_bounds__(kThreads, kRowTiles == 1 ? 3 : kRowTiles == 2 ? 2 : 1) token_linear_kernel(const Parameters p) {
  constexpr int kTokens = 8 * kRowTiles;
  constexpr int kOutputs = (kTokens * kTile + kThreads - 1) / kThreads;  // of a thread
  extern __shared__ __align__(128) char shared[];
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int cluster = 1 << p.cluster_log, rank = static_cast<int>(blockIdx.x) & (cluster - 1), slot = static_cast<int>(blockIdx.x) >> p.cluster_log;
  const int first_row = static_cast<int>(blockIdx.y) * kTokens, rows = min(kTokens, p.rows - first_row);
  const SharedLayout at(p, kRowTiles);
  // The tokens that this block fetches, of those that the blocks beside it want too.
  const int sharing = kRowTiles > 1 ? 1 << p.sharing_log : 1, share = static_cast<int>(blockIdx.x) & (sharing - 1);
  const int own_rows = (rows + sharing - 1) >> (kRowTiles > 1 ? p.sharing_log : 0);
  const int own_first = min(share * own_rows, rows), own_end = min(own_first + own_rows, rows);
  const auto first_step = [&](int chunk, int of_warp) { return min((chunk * kWarps + of_warp) * p.warp_steps, p.steps); };
  const auto steps_of = [&](int chunk) { return first_step(chunk, warp + 1) - first_step(chunk, warp); };

  // Weights ahead of their use by as many chunks as there are stages.
  const WeightRing ring(shared, shared + at.filled, p.stages, p.warp_steps, warp, lane);
  int fill_tile = slot, fill_chunk = rank;
  const auto fill = [&](int stage) {
    if (fill_tile >= p.tiles) return;
    const int64_t step = static_cast<int64_t>(fill_tile) * p.steps + first_step(fill_chunk, warp);
    ring.fill(stage, static_cast<const char*>(p.packed) + step * kStepBytes, steps_of(fill_chunk));
    fill_chunk += cluster;
    if (fill_chunk >= p.chunks) fill_chunk = rank, fill_tile += p.slots;
  };
#pragma unroll 1
  for (int stage = 0; stage < p.stages; ++stage) fill(stage);
  ptx::launch_dependents();
  const auto *gain = reinterpret_cast<const float*>(shared + at.gain), *shift = reinterpret_cast<const float*>(shared + at.shift);
#if __CUDA_ARCH__ >= 900
  const uint32_t arrived = ptx::shared_address(shared + at.arrived), normed = ptx::shared_address(shared + at.normed),
                 shared_in = ptx::shared_address(shared + at.shared);
  if (thread == 32) {  // not the first warp, which has the most to do
    ptx::barrier_init(arrived, 1);
    ptx::barrier_init(normed, 1);
    ptx::barrier_init(shared_in, 1);
    ptx::fence_copy_engine();
    if (sharing > 1) ptx::barrier_expect(shared_in, static_cast<uint32_t>((kNorm ? rows - own_end + own_first : rows) * p.k) * sizeof(T));
    if (kNorm) {
      const auto bytes = static_cast<uint32_t>(p.k) * 4u;
      ptx::barrier_expect(normed, 2 * bytes);
      ptx::copy_bulk(ptx::shared_address(gain), p.gain, bytes, normed, ptx::policy_evict_first());
      ptx::copy_bulk(ptx::shared_address(shift), p.shift, bytes, normed, ptx::policy_evict_first());
    }
  }
  if (cluster > 1 || sharing > 1) {
    ptx::cluster_arrive();
  } else {
    __syncthreads();
  }
#else
  for (int i = thread; kNorm && i < p.k; i += kThreads) {
    reinterpret_cast<float*>(shared + at.gain)[i] = p.gain[i];
    reinterpret_cast<float*>(shared + at.shift)[i] = p.shift[i];
  }
  __syncthreads();
#endif
  Beside<T, kOutputs> beside;
  beside.place(p, slot, first_row, rows, rank);
  ptx::wait_for_launches_before();

  const TokenRows<T> tokens{shared + at.tokens, at.pitch};
  float total[kOutputs] = {};
  int ready = -1;  // the chunk of the tokens in shared memory
  int stage = 0, parity = 0, turn = 0, tiles_done = 0;
#pragma unroll 1
  for (int tile = slot; tile < p.tiles; tile += p.slots, ++tiles_done) {
    if (tile != slot) beside.place(p, tile, first_row, rows, rank);
#pragma unroll 1
    for (int chunk = rank; chunk < p.chunks; chunk += cluster, ++turn) {
      const int steps = steps_of(chunk);
      const bool stage_tokens = kNorm ? ready < 0 : ready != chunk;
      if (stage_tokens) {
        if (ready >= 0) __syncthreads();
        ready = chunk;
        const int column = kNorm ? 0 : first_step(chunk, 0) * 16, columns = kNorm ? p.k : first_step(chunk, kWarps) * 16 - column;
#if __CUDA_ARCH__ >= 900
        if (sharing > 1) ptx::cluster_wait();  // all have begun
        if (sharing > 1 && !kNorm) {
          const int r = own_first + thread;
          if (r < own_end) {
            ptx::copy_bulk_to_all(ptx::shared_address(tokens.row(r)), static_cast<const T*>(p.in) + static_cast<int64_t>(first_row + r) * p.k,
                                  static_cast<uint32_t>(p.k) * sizeof(T), shared_in, static_cast<uint16_t>((1 << sharing) - 1));
          }
        } else {
          tokens.copy(p, first_row, own_first, own_end, column, columns);
        }
#else
        tokens.copy(p, first_row, own_first, own_end, column, columns);
#endif
      }
      if (chunk == rank) beside.load_residual(p);
      if (stage_tokens) {
        ptx::copy_async_wait<0>();
        if (kNorm) {
#if __CUDA_ARCH__ >= 900
          ptx::barrier_wait(normed, 0);
#endif
          __syncwarp();
          tokens.normalise(p, own_first, own_end, gain, shift);
        }
#if __CUDA_ARCH__ >= 900
        if (sharing > 1) {
          if (kNorm) {
            ptx::fence_written();
            __syncthreads();
            const int r = own_first + thread / sharing, to = thread & (sharing - 1);
            if (r < own_end && to != share) {
              const uint32_t from = ptx::shared_address(tokens.row(r));
              ptx::copy_bulk_across(ptx::cluster_address(from, to), from, static_cast<uint32_t>(p.k) * sizeof(T), ptx::cluster_address(shared_in, to));
            }
          }
          ptx::barrier_wait(shared_in, 0);
        } else {
          __syncthreads();
        }
#else
        __syncthreads();
#endif
      }

      float sums[2][kRowTiles][4] = {};
      ring.wait(stage, parity);
      const char* const values = shared + at.tokens + (first_step(chunk, warp) - (kNorm ? 0 : first_step(chunk, 0))) * 32 + lane % 4 * 8;
#pragma unroll
      for (int s = 0; s < kMostSteps; ++s) {
        if (s >= steps) continue;
        uint32_t weights[4];
        ring.read(weights, stage, s);
#pragma unroll
        for (int i = 0; i < kRowTiles; ++i) {
          const uint2 x = *reinterpret_cast<const uint2*>(values + min(8 * i + lane / 4, rows - 1) * at.pitch + 32 * s);
          ptx::mma<T>(sums[s % 2][i], weights, x.x, x.y);
        }
      }
      __syncwarp();
      fill(stage);
      if (++stage == p.stages) stage = 0, parity ^= 1;

      float* const partial = reinterpret_cast<float*>(shared + at.partial) + (turn & (p.buffers - 1)) * kWarps * kTokens * kPartialPitch;
      if (p.buffers == 1 && turn > 0) __syncthreads();  // with two, whoever is here is past the sums before the last ones
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
        total[j] = chunk == rank ? sum : total[j] + sum;
      }
    }

#if __CUDA_ARCH__ >= 900
    if (cluster > 1) {  // a token's sums go to the block that its number says
      const auto* const received = reinterpret_cast<const float*>(shared + at.received);
      const int own = (rows - rank + cluster - 1) >> p.cluster_log, place = (kTokens * kTile) >> p.cluster_log;  // place: of one block's sums
      if (thread == 0 && own > 0) ptx::barrier_expect(arrived, static_cast<uint32_t>(own * kTile * cluster) * 4u);
      ptx::cluster_wait();  // all have begun, and taken what they got before
#pragma unroll
      for (int j = 0; j < kOutputs; ++j) {
        const int e = thread + j * kThreads, to = e / kTile & (cluster - 1);
        if (e >= rows * kTile) continue;
        const float* const there = received + rank * place + (e / kTile >> p.cluster_log) * kTile + e % kTile;
        ptx::cluster_send(ptx::cluster_address(ptx::shared_address(there), to), total[j], ptx::cluster_address(arrived, to));
      }
      if (own > 0) ptx::barrier_wait(arrived, tiles_done & 1);
#pragma unroll
      for (int j = 0; j < kOutputs; ++j) {
        total[j] = 0;
#pragma unroll 1
        for (int r = 0; beside.target[j] >= 0 && r < cluster; ++r) total[j] += received[r * place + thread + j * kThreads];
      }
      if (tile + p.slots < p.tiles) ptx::cluster_arrive();
    }
#endif
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      if (beside.target[j] < 0) continue;
      float value = total[j] + beside.bias[j];
      if (p.gelu) value = gelu(value);
      static_cast<Out*>(p.out)[beside.target[j]] = from_float<Out>(value + to_float(beside.residual[j]));
    }
  }
#if __CUDA_ARCH__ >= 900
  if (sharing > 1 && kNorm) {  // its tokens may still be on their way to others
    ptx::cluster_arrive();
    ptx::cluster_wait();
  }
#endif
}

}  // namespace wtrt::kernels::token
