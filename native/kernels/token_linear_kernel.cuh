// The token linear of 16-bit types: see token_linear_plan.hpp.
#pragma once

#include "elements.cuh"
#include "launch.cuh"
#include "ptx_hopper.cuh"
#include "token_linear.hpp"
#include "token_linear_plan.hpp"

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
      ptx::barrier_init_fence();
      ptx::async_fence();
    }
    __syncwarp();
#endif
  }

  __device__ void fill(int stage, const char* from, int steps) const {
    const uint32_t to = data_ + stage * stride_;
#if __CUDA_ARCH__ >= 900
    if (lane_ == 0) {
      const auto bytes = static_cast<uint32_t>(steps * kStepBytes);
      ptx::barrier_arrive_expecting(barriers_ + 8 * stage, bytes);
      if (steps > 0) ptx::copy_bulk(to, from, bytes, barriers_ + 8 * stage, ptx::policy_evict_first());
    }
#else
#pragma unroll 1
    for (int s = 0; s < steps; ++s) {
      ptx::copy_async_ahead(to + s * kStepBytes + lane_ * 16, from + s * kStepBytes + lane_ * 16);
    }
    ptx::copy_async_commit();
#endif
  }

  // parity: of how often the stage was filled before.
  __device__ void wait(int stage, int parity) const {
#if __CUDA_ARCH__ >= 900
    ptx::barrier_wait_together(barriers_ + 8 * stage, parity);
#else
    ptx::copy_async_wait<0>();
#endif
  }

  __device__ void read(uint32_t (&a)[4], int stage, int step) const {
    const uint32_t from = data_ + stage * stride_ + step * kStepBytes + lane_ * 16;
    ptx::load_shared(a, from);
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
      for (int c = static_cast<int>(threadIdx.x) % 32 * 8; c < columns; c += 256)
        ptx::copy_async_ahead(to + c * sizeof(T), from + c);
    }
    ptx::copy_async_commit();
  }

  // In place, each by the warp that copied it. In loops that stay loops: what a launch waits for most is its
  // instructions.
  __device__ void normalise(const Parameters& p, int first, int end, const float* gain, const float* shift) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll 1
    for (int r = first + static_cast<int>(threadIdx.x) / 32; r < end; r += kWarps) {
      const auto for_fours = [&](const auto& body) {  // body(column, four values packed, the same)
#pragma unroll 1
        for (int c = lane * 4; c < p.k; c += 128) {
          auto& four = *reinterpret_cast<uint2*>(row(r) + c);
          body(c, four, unpack2<T>(four.x), unpack2<T>(four.y));
        }
      };
      float mean = 0, square = 0;
      for_fours([&](int, uint2&, float2 a, float2 b) { mean += (a.x + a.y) + (b.x + b.y); });
      mean = sum_over_warp(mean) * p.inverse_k;
      for_fours([&](int, uint2&, float2 a, float2 b) {
        const float w = a.x - mean, x = a.y - mean, y = b.x - mean, z = b.y - mean;
        square += (w * w + x * x) + (y * y + z * z);
      });
      const float scale = rsqrtf(sum_over_warp(square) * p.inverse_k + 1e-5f);
      for_fours([&](int c, uint2& four, float2 a, float2 b) {
        const float4 w = *reinterpret_cast<const float4*>(gain + c), s = *reinterpret_cast<const float4*>(shift + c);
        four = {ptx::pack<T>((a.x - mean) * scale * w.x + s.x, (a.y - mean) * scale * w.y + s.y),
                ptx::pack<T>((b.x - mean) * scale * w.z + s.z, (b.y - mean) * scale * w.w + s.w)};
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
      const int e = static_cast<int>(threadIdx.x) + j * kThreads, token = (e / kTile << p.cluster_log) + rank,
                n = tile * kTile + e % kTile;
      target[j] = token < rows && n < p.n ? static_cast<int64_t>(first_row + token) * p.n + n : -1;
      bias[j] = target[j] >= 0 && p.bias != nullptr ? __ldg(p.bias + n) : 0.0f;
    }
  }
  __device__ void load_residual(const Parameters& p) {
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      residual[j] = target[j] >= 0 && p.residual != nullptr
                        ? ptx::load_coherent<T>(static_cast<const T*>(p.residual) + target[j])
                        : T(0.0f);
    }
  }
};

// Which part of a product a block has.
template <typename T, int kRowTiles, bool kNorm>
struct Block {
  static constexpr int kTokens = 8 * kRowTiles;
  static constexpr int kOutputs = (kTokens * kTile + kThreads - 1) / kThreads;  // of a thread

  const Parameters& p;
  char* shared;
  SharedLayout at;
  int thread, warp, lane;
  int cluster, rank, slot;         // rank in the cluster, which tiles
  int first_row, rows;             // the tokens
  int sharing, share, first, end;  // of them those that it fetches for the blocks beside it too
  uint32_t arrived, normed,
      gathered;  // barriers: of sums from the cluster, of gain and shift, of tokens from the blocks beside it

  __device__ Block(const Parameters& parameters, char* memory)
      : p(parameters),
        shared(memory),
        at(parameters, kRowTiles),
        thread(static_cast<int>(threadIdx.x)),
        warp(thread / 32),
        lane(thread % 32),
        cluster(1 << p.cluster_log),
        rank(static_cast<int>(blockIdx.x) & (cluster - 1)),
        slot(static_cast<int>(blockIdx.x) >> p.cluster_log),
        first_row(static_cast<int>(blockIdx.y) * kTokens),
        rows(min(kTokens, p.rows - first_row)),
        sharing(kRowTiles > 1 ? 1 << p.sharing_log : 1),
        share(static_cast<int>(blockIdx.x) & (sharing - 1)),
        arrived(ptx::shared_address(memory + at.arrived)),
        normed(ptx::shared_address(memory + at.normed)),
        gathered(ptx::shared_address(memory + at.gathered)) {
    const int each = (rows + sharing - 1) >> (kRowTiles > 1 ? p.sharing_log : 0);
    first = min(share * each, rows);
    end = min(first + each, rows);
  }

  __device__ float* floats(uint32_t offset) const { return reinterpret_cast<float*>(shared + offset); }
  __device__ TokenRows<T> tokens() const { return {shared + at.tokens, at.pitch}; }
  __device__ int first_step(int chunk, int of_warp) const {
    return min((chunk * kWarps + of_warp) * p.warp_steps, p.steps);
  }
  __device__ int steps(int chunk) const { return first_step(chunk, warp + 1) - first_step(chunk, warp); }

  // What needs none of the launches before: barriers, gain and shift.
  __device__ void prepare() const {
#if __CUDA_ARCH__ >= 900
    if (thread == 32) {  // not of the first warp, which has the most to do
      ptx::barrier_init(arrived, 1);
      ptx::barrier_init(normed, 1);
      ptx::barrier_init(gathered, 1);
      ptx::barrier_init_fence();
      ptx::async_fence();
      const uint32_t row_bytes = static_cast<uint32_t>(p.k) * sizeof(T), norm_bytes = static_cast<uint32_t>(p.k) * 4u;
      if (sharing > 1)
        ptx::barrier_arrive_expecting(gathered, static_cast<uint32_t>(kNorm ? rows - (end - first) : rows) * row_bytes);
      if (kNorm) {
        ptx::barrier_arrive_expecting(normed, 2 * norm_bytes);
        ptx::copy_bulk(ptx::shared_address(floats(at.gain)), p.gain, norm_bytes, normed, ptx::policy_evict_first());
        ptx::copy_bulk(ptx::shared_address(floats(at.shift)), p.shift, norm_bytes, normed, ptx::policy_evict_first());
      }
    }
    if (cluster > 1 || sharing > 1) {
      ptx::cluster_arrive_together();
    } else {
      __syncthreads();
    }
#else
    for (int i = thread; kNorm && i < p.k; i += kThreads) {
      floats(at.gain)[i] = p.gain[i];
      floats(at.shift)[i] = p.shift[i];
    }
    __syncthreads();
#endif
  }

  // Normalised tokens are fetched whole, others a chunk of theirs.
  __device__ void ask_for_tokens(int chunk) const {
    const int column = kNorm ? 0 : first_step(chunk, 0) * 16;
    const int columns = kNorm ? p.k : first_step(chunk, kWarps) * 16 - column;
#if __CUDA_ARCH__ >= 900
    if (sharing > 1) ptx::cluster_wait_together();  // all have begun
    if (sharing > 1 && !kNorm) {
      const int r = first + thread;
      if (r < end) {
        ptx::copy_bulk_to_all(ptx::shared_address(tokens().row(r)),
                              static_cast<const T*>(p.in) + static_cast<int64_t>(first_row + r) * p.k,
                              static_cast<uint32_t>(p.k) * sizeof(T), gathered,
                              static_cast<uint16_t>((1 << sharing) - 1));
      }
      return;
    }
#endif
    tokens().copy(p, first_row, first, end, column, columns);
  }

  __device__ void await_tokens() const {
    ptx::copy_async_wait<0>();
    if (kNorm) {
#if __CUDA_ARCH__ >= 900
      ptx::barrier_wait_together(normed, 0);
#endif
      __syncwarp();
      tokens().normalise(p, first, end, floats(at.gain), floats(at.shift));
    }
#if __CUDA_ARCH__ >= 900
    if (sharing > 1) {
      if (kNorm) {
        ptx::async_fence();
        __syncthreads();
        const int r = first + thread / sharing, to = thread & (sharing - 1);
        if (r < end && to != share) {
          const uint32_t from = ptx::shared_address(tokens().row(r));
          ptx::copy_bulk_across(ptx::cluster_address(from, to), from, static_cast<uint32_t>(p.k) * sizeof(T),
                                ptx::cluster_address(gathered, to));
        }
      }
      ptx::barrier_wait_together(gathered, 0);
      return;
    }
#endif
    __syncthreads();
  }

  // This warp's part of a chunk: sums of even and of odd steps.
  __device__ void multiply(float (&sums)[2][kRowTiles][4], const WeightRing& ring, int stage, int chunk) const {
    const char* const values =
        shared + at.tokens + (first_step(chunk, warp) - (kNorm ? 0 : first_step(chunk, 0))) * 32 + lane % 4 * 8;
    const int some = steps(chunk);
#pragma unroll
    for (int s = 0; s < kMostSteps; ++s) {
      if (s >= some) continue;
      uint32_t weights[4];
      ring.read(weights, stage, s);
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
        const uint2 x = *reinterpret_cast<const uint2*>(values + min(8 * i + lane / 4, rows - 1) * at.pitch + 32 * s);
        ptx::mma<T>(sums[s % 2][i], weights, x.x, x.y);
      }
    }
  }

  // turn: how many chunks before this one.
  __device__ void add_over_warps(float (&total)[kOutputs], const float (&sums)[2][kRowTiles][4], int turn,
                                 bool begin) const {
    float* const partial = floats(at.partial) + (turn & (p.buffers - 1)) * kWarps * kTokens * kPartialPitch;
    // With two buffers, whoever is here is past reading what was in this one.
    if (p.buffers == 1 && turn > 0) __syncthreads();
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
      total[j] = begin ? sum : total[j] + sum;
    }
  }

#if __CUDA_ARCH__ >= 900
  // A token's sums go to the block of the cluster that its number says. tile: how many before this one.
  __device__ void add_over_cluster(float (&total)[kOutputs], const Beside<T, kOutputs>& beside, int tile,
                                   bool last) const {
    const float* const received = floats(at.received);
    const int own = (rows - rank + cluster - 1) >> p.cluster_log,
              place = (kTokens * kTile) >> p.cluster_log;  // of a block's sums
    if (thread == 0 && own > 0)
      ptx::barrier_arrive_expecting(arrived, static_cast<uint32_t>(own * kTile * cluster) * 4u);
    ptx::cluster_wait_together();  // all have begun, and taken what they got before
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      const int e = thread + j * kThreads, to = e / kTile & (cluster - 1);
      if (e >= rows * kTile) continue;
      const float* const there = received + rank * place + (e / kTile >> p.cluster_log) * kTile + e % kTile;
      ptx::cluster_send(ptx::cluster_address(ptx::shared_address(there), to), total[j],
                        ptx::cluster_address(arrived, to));
    }
    if (own > 0) ptx::barrier_wait_together(arrived, tile & 1);
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      total[j] = 0;
#pragma unroll 1
      for (int r = 0; beside.target[j] >= 0 && r < cluster; ++r)
        total[j] += received[r * place + thread + j * kThreads];
    }
    if (!last) ptx::cluster_arrive_together();
  }
#endif
};

template <int kRowTiles>
constexpr int kBlocksTogether = kRowTiles == 1   ? 3
                                : kRowTiles == 2 ? 2
                                                 : 1;  // of a multiprocessor

template <typename T, typename Out, int kRowTiles, bool kNorm>
__global__ void __launch_bounds__(kThreads, kBlocksTogether<kRowTiles>) token_linear_kernel(const Parameters p) {
  extern __shared__ __align__(128) char shared[];
  const Block<T, kRowTiles, kNorm> block(p, shared);
  constexpr int kOutputs = block.kOutputs;

  // Weights ahead of their use by as many chunks as there are stages.
  const WeightRing ring(shared, shared + block.at.filled, p.stages, p.warp_steps, block.warp, block.lane);
  int fill_tile = block.slot, fill_chunk = block.rank;
  const auto fill = [&](int stage) {
    if (fill_tile >= p.tiles) return;
    const int64_t step = static_cast<int64_t>(fill_tile) * p.steps + block.first_step(fill_chunk, block.warp);
    ring.fill(stage, static_cast<const char*>(p.packed) + step * kStepBytes, block.steps(fill_chunk));
    fill_chunk += block.cluster;
    if (fill_chunk >= p.chunks) fill_chunk = block.rank, fill_tile += p.slots;
  };
#pragma unroll 1
  for (int stage = 0; stage < p.stages; ++stage) fill(stage);
  let_next_begin();
  block.prepare();
  Beside<T, kOutputs> beside;
  beside.place(p, block.slot, block.first_row, block.rows, block.rank);
  wait_for_previous();

  float total[kOutputs] = {};
  int ready = -1;  // the chunk of the tokens in shared memory
  int stage = 0, parity = 0, turn = 0, tiles = 0;
#pragma unroll 1
  for (int tile = block.slot; tile < p.tiles; tile += p.slots, ++tiles) {
    if (tile != block.slot) beside.place(p, tile, block.first_row, block.rows, block.rank);
#pragma unroll 1
    for (int chunk = block.rank; chunk < p.chunks; chunk += block.cluster, ++turn) {
      const bool fetch = kNorm ? ready < 0 : ready != chunk;
      if (fetch && ready >= 0) __syncthreads();
      if (fetch) block.ask_for_tokens(chunk);
      if (chunk == block.rank) beside.load_residual(p);
      if (fetch) block.await_tokens();
      ready = chunk;

      float sums[2][kRowTiles][4] = {};
      ring.wait(stage, parity);
      block.multiply(sums, ring, stage, chunk);
      __syncwarp();
      fill(stage);
      if (++stage == p.stages) stage = 0, parity ^= 1;
      block.add_over_warps(total, sums, turn, chunk == block.rank);
    }
#if __CUDA_ARCH__ >= 900
    if (block.cluster > 1) block.add_over_cluster(total, beside, tiles, tile + p.slots >= p.tiles);
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
  if (kNorm && block.sharing > 1) {  // its tokens may still be on their way to others
    ptx::cluster_arrive_together();
    ptx::cluster_wait_together();
  }
#endif
}

}  // namespace wtrt::kernels::token
