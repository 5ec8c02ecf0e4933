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
    if (lane_ == 0 && steps > 0) {
      const auto bytes = static_cast<uint32_t>(steps * kStepBytes);
      ptx::barrier_expect(barriers_ + 8 * stage, bytes);
      ptx::copy_bulk(to, from, bytes, barriers_ + 8 * stage, ptx::policy_evict_first());
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

// What a warp multiplies the weights with: of each token four neighbours in every k-step, as mma's second operand has them.
template <typename T, int kRowTiles>
struct TokenFragments {
  uint2 x[kRowTiles][kMostSteps];

  __device__ void load(const Parameters& p, int first_row, int first_step, int steps, int lane) {
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
      const int row = min(first_row + 8 * i + lane / 4, p.rows - 1);
      const T* from = static_cast<const T*>(p.in) + static_cast<int64_t>(row) * p.k + first_step * 16 + 4 * (lane % 4);
#pragma unroll
      for (int s = 0; s < kMostSteps; ++s) {
        if (s < steps) x[i][s] = ptx::load_coherent<uint2>(from + 16 * s);
      }
    }
  }

  // sum[i] += over this lane's values of (value - center)^power
  template <int kPower>
  __device__ void add(float (&sum)[kRowTiles], const float (&center)[kRowTiles], int steps) const {
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int s = 0; s < kMostSteps; ++s) {
        if (s >= steps) continue;
        const float2 low = unpack2<T>(x[i][s].x), high = unpack2<T>(x[i][s].y);
        const float a = low.x - center[i], b = low.y - center[i], c = high.x - center[i], d = high.y - center[i];
        sum[i] += kPower == 1 ? (a + b) + (c + d) : (a * a + b * b) + (c * c + d * d);
      }
    }
  }

  __device__ void normalise(const float* gain, const float* shift, const float (&mean)[kRowTiles], const float (&scale)[kRowTiles],
                            int first_step, int steps, int lane) {
#pragma unroll
    for (int s = 0; s < kMostSteps; ++s) {
      if (s >= steps) continue;
      const int k = (first_step + s) * 16 + 4 * (lane % 4);
      const float4 w = *reinterpret_cast<const float4*>(gain + k), b = *reinterpret_cast<const float4*>(shift + k);
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
        const float2 low = unpack2<T>(x[i][s].x), high = unpack2<T>(x[i][s].y);
        x[i][s].x = pack2<T>((low.x - mean[i]) * scale[i] * w.x + b.x, (low.y - mean[i]) * scale[i] * w.y + b.y);
        x[i][s].y = pack2<T>((high.x - mean[i]) * scale[i] * w.z + b.z, (high.y - mean[i]) * scale[i] * w.w + b.w);
      }
    }
  }
};

// Sums over the lanes of a token and the warps of the block.
template <int kRowTiles>
__device__ __forceinline__ void sum_over_block(float (&sum)[kRowTiles], float* scratch, int warp, int lane) {
#pragma unroll
  for (int i = 0; i < kRowTiles; ++i) {
    sum[i] += __shfl_xor_sync(~0u, sum[i], 1);
    sum[i] += __shfl_xor_sync(~0u, sum[i], 2);
    if (lane % 4 == 0) scratch[warp * 8 * kRowTiles + 8 * i + lane / 4] = sum[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kRowTiles; ++i) {
    sum[i] = 0;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) sum[i] += scratch[w * 8 * kRowTiles + 8 * i + lane / 4];
  }
}

__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

template <typename T, typename Out, int kRowTiles>
__global__ void __launch_bounds__(kThreads, kRowTiles == 1 ? 3 : kRowTiles == 2 ? 2 : 1) token_linear_kernel(const Parameters p) {
  constexpr int kTokens = 8 * kRowTiles;
  constexpr int kOutputs = (kTokens * kTile + kThreads - 1) / kThreads;  // of a thread
  extern __shared__ __align__(128) char shared[];
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int cluster = static_cast<int>(ptx::cluster_size()), rank = static_cast<int>(ptx::cluster_rank());
  const int slot = static_cast<int>(blockIdx.x) / cluster, slots = static_cast<int>(gridDim.x) / cluster;
  const int first_row = static_cast<int>(blockIdx.y) * kTokens;
  const SharedLayout at(p, cluster, kRowTiles);
  auto* gain = reinterpret_cast<float*>(shared + at.gain);
  auto* shift = reinterpret_cast<float*>(shared + at.shift);
  auto* statistics = reinterpret_cast<float*>(shared + at.statistics);
  if (cluster > 1) ptx::cluster_begin();  // so that nobody writes to a block that has not begun

  // An item is a chunk of a tile.
  const int per_tile = p.chunks / cluster;
  const int items = (p.tiles - slot + slots - 1) / slots * per_tile;
  const auto chunk_of = [&](int item) { return rank + item % per_tile * cluster; };
  const auto tile_of = [&](int item) { return slot + item / per_tile * slots; };
  const auto first_step = [&](int chunk) { return min((chunk * kWarps + warp) * p.warp_steps, p.steps); };
  const auto steps_of = [&](int chunk) { return min(p.warp_steps, p.steps - first_step(chunk)); };

  const WeightRing ring(shared, shared + at.barriers, p.stages, p.warp_steps, warp, lane);
  const auto fill = [&](int item) {
    const int chunk = chunk_of(item);
    const int64_t step = static_cast<int64_t>(tile_of(item)) * p.steps + first_step(chunk);
    ring.fill(item, static_cast<const char*>(p.packed) + step * kStepBytes, steps_of(chunk));
  };
  for (int item = 0; item < min(p.stages, items); ++item) fill(item);
  ptx::launch_dependents();
  if (p.gain != nullptr) {
    for (int i = static_cast<int>(threadIdx.x); i < p.k; i += kThreads) {
      gain[i] = p.gain[i];
      shift[i] = p.shift[i];
    }
  }
  ptx::wait_for_launches_before();

  TokenFragments<T, kRowTiles> tokens;
  int held = -1, ready = -1;  // the chunk loaded, the chunk normalised
  const auto hold = [&](int chunk) {
    if (held != chunk) tokens.load(p, first_row, first_step(chunk), steps_of(chunk), lane);
    held = chunk;
  };
  float mean[kRowTiles] = {}, scale[kRowTiles] = {};
  hold(chunk_of(0));
  if (p.gain != nullptr) {
    const float zero[kRowTiles] = {};
    for (int i = 0, chunk = chunk_of(0); i < p.chunks; ++i, chunk = (chunk + 1) % p.chunks) {
      hold(chunk);
      tokens.template add<1>(mean, zero, steps_of(chunk));
    }
    sum_over_block(mean, statistics, warp, lane);
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) mean[i] /= static_cast<float>(p.k);
    for (int i = 0, chunk = held; i < p.chunks; ++i, chunk = (chunk + 1) % p.chunks) {
      hold(chunk);
      tokens.template add<2>(scale, mean, steps_of(chunk));
    }
    sum_over_block(scale, statistics + kWarps * kTokens, warp, lane);
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) scale[i] = rsqrtf(scale[i] / static_cast<float>(p.k) + 1e-5f);
  }

  float total[kOutputs] = {};
  for (int item = 0; item < items; ++item) {
    const int chunk = chunk_of(item), tile = tile_of(item), steps = steps_of(chunk);
    if (ready != chunk) {
      hold(chunk);
      if (p.gain != nullptr) tokens.normalise(gain, shift, mean, scale, first_step(chunk), steps, lane);
      ready = chunk;
    }

    // What the outputs of this thread get beside the products, asked for early.
    float bias[kOutputs], residual[kOutputs];
    bool mine[kOutputs];
    int64_t target[kOutputs];
#pragma unroll
    for (int j = 0; j < kOutputs; ++j) {
      const int e = static_cast<int>(threadIdx.x) + j * kThreads;
      const int row = first_row + e / kTile * cluster + rank, n = tile * kTile + e % kTile;
      mine[j] = e < kTokens * kTile / cluster && row < p.rows && n < p.n;
      target[j] = static_cast<int64_t>(row) * p.n + n;
      bias[j] = mine[j] && p.bias != nullptr ? __ldg(p.bias + n) : 0.0f;
      residual[j] = mine[j] && p.residual != nullptr ? to_float(ptx::load_coherent<T>(static_cast<const T*>(p.residual) + target[j])) : 0.0f;
    }

    float sums[2][kRowTiles][4] = {};
    if (steps > 0) ring.wait(item);
#pragma unroll
    for (int s = 0; s < kMostSteps; ++s) {
      if (s >= steps) continue;
      uint32_t weights[4];
      ring.read(weights, item, s);
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) ptx::mma<T>(sums[s % 2][i], weights, tokens.x[i][s].x, tokens.x[i][s].y);
    }
    __syncwarp();
    if (item + p.stages < items) fill(item + p.stages);

    float* partial = reinterpret_cast<float*>(shared + at.partial) + item % p.buffers * kWarps * kTokens * kPartialPitch;
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
      const int e = static_cast<int>(threadIdx.x) + j * kThreads;
      if (e >= kTokens * kTile) continue;
      float sum = 0;
#pragma unroll
      for (int w = 0; w < kWarps; ++w) sum += partial[(w * kTokens + e / kTile) * kPartialPitch + e % kTile];
      total[j] = item % per_tile == 0 ? sum : total[j] + sum;
    }
    if (item % per_tile != per_tile - 1) continue;

    if (cluster > 1) {  // a token's sums go to the block that its number says
      float* received = reinterpret_cast<float*>(shared + at.received) + item / per_tile % p.buffers * kTokens * kTile;
      if (item == per_tile - 1) ptx::cluster_wait();
#pragma unroll
      for (int j = 0; j < kOutputs; ++j) {
        const int e = static_cast<int>(threadIdx.x) + j * kThreads, token = e / kTile;
        if (e >= kTokens * kTile) continue;
        const int place = (rank * (kTokens / cluster) + token / cluster) * kTile + e % kTile;
        ptx::cluster_store(ptx::cluster_address(received + place, token % cluster), total[j]);
      }
      ptx::cluster_arrive();
      ptx::cluster_wait();
#pragma unroll
      for (int j = 0; j < kOutputs; ++j) {
        const int e = static_cast<int>(threadIdx.x) + j * kThreads;
        total[j] = 0;
        for (int r = 0; mine[j] && r < cluster; ++r) total[j] += received[r * (kTokens / cluster) * kTile + e];
      }
    }
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
