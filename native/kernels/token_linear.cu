#include <algorithm>

#include "token_linear_kernel.cuh"

namespace wtrt::kernels {
namespace token {
namespace {

int chunks_of(int64_t k) {
  int chunks = 1;
  while (k > static_cast<int64_t>(chunks) * kWarps * kMostSteps * 16) chunks *= 2;
  return chunks;
}

template <typename T>
__global__ void pack_kernel(const T* w, int64_t n, int64_t k, int64_t fragments, uint4* packed) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= fragments) return;
  const int lane = static_cast<int>(i % 32);
  const int64_t step = i / 32 % (k / 16), tile = i / 32 / (k / 16);
  const int64_t row = tile * kTile + lane / 4, column = step * 16 + lane % 4 * 4;
  const uint2 zero{0, 0};
  const uint2 low = row < n ? *reinterpret_cast<const uint2*>(w + row * k + column) : zero;
  const uint2 high = row + 8 < n ? *reinterpret_cast<const uint2*>(w + (row + 8) * k + column) : zero;
  packed[i] = {low.x, high.x, low.y, high.y};
}

// f32: a warp sums along k for some outputs of some tokens.
constexpr int kPlainRows = 4, kPlainOutputs = 4;

__global__ void __launch_bounds__(kThreads) plain_kernel(const Parameters p) {
  __shared__ float means[kPlainRows], scales[kPlainRows];
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int first_row = static_cast<int>(blockIdx.y) * kPlainRows;
  const auto row_at = [&](int r) {
    return static_cast<const float*>(p.in) + static_cast<int64_t>(min(first_row + r, p.rows - 1)) * p.k;
  };
  const auto over_warp = [](float sum) {
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(~0u, sum, offset);
    return sum;
  };
  let_next_begin();
  wait_for_previous();
  if (p.gain != nullptr) {
    if (warp < kPlainRows) {
      float mean = 0, square = 0;
      for (int i = lane; i < p.k; i += 32) mean += ptx::load_coherent<float>(row_at(warp) + i);
      mean = over_warp(mean) / static_cast<float>(p.k);
      for (int i = lane; i < p.k; i += 32) {
        const float d = ptx::load_coherent<float>(row_at(warp) + i) - mean;
        square += d * d;
      }
      square = over_warp(square);
      if (lane == 0) {
        means[warp] = mean;
        scales[warp] = rsqrtf(square / static_cast<float>(p.k) + 1e-5f);
      }
    }
    __syncthreads();
  }
  for (int output = 0; output < kPlainOutputs; ++output) {
    const int n = (static_cast<int>(blockIdx.x) * kWarps + warp) * kPlainOutputs + output;
    if (n >= p.n) return;
    const float* w = static_cast<const float*>(p.packed) + static_cast<int64_t>(n) * p.k;
    float sums[kPlainRows] = {};
    for (int i = lane; i < p.k; i += 32) {
      for (int r = 0; r < kPlainRows; ++r) {
        float x = ptx::load_coherent<float>(row_at(r) + i);
        if (p.gain != nullptr) x = (x - means[r]) * scales[r] * p.gain[i] + p.shift[i];
        sums[r] += x * w[i];
      }
    }
    for (int r = 0; r < kPlainRows; ++r) {
      const float sum = over_warp(sums[r]);
      if (lane != 0 || first_row + r >= p.rows) continue;
      const int64_t target = static_cast<int64_t>(first_row + r) * p.n + n;
      float value = sum + (p.bias != nullptr ? p.bias[n] : 0.0f);
      if (p.gelu) value = gelu(value);
      if (p.residual != nullptr) value += ptx::load_coherent<float>(static_cast<const float*>(p.residual) + target);
      static_cast<float*>(p.out)[target] = value;
    }
  }
}

Parameters parameters(const TokenLinearArgs& args) {
  Parameters p{};
  p.in = args.in;
  p.packed = args.packed;
  p.residual = args.residual;
  p.gain = args.gain;
  p.shift = args.shift;
  p.bias = args.bias;
  p.out = args.out;
  p.rows = args.rows;
  p.n = args.n;
  p.k = args.k;
  p.tiles = (args.n + kTile - 1) / kTile;
  p.steps = args.k / 16;
  p.gelu = args.gelu;
  p.inverse_k = 1 / static_cast<float>(args.k);
  return p;
}

cudaError_t run_plain(const Device& device, const TokenLinearArgs& args, cudaStream_t stream) {
  constexpr int kOutputs = kWarps * kPlainOutputs;
  LaunchShape shape{dim3(static_cast<unsigned>((args.n + kOutputs - 1) / kOutputs),
                         static_cast<unsigned>((args.rows + kPlainRows - 1) / kPlainRows)),
                    kThreads, Carveout::most_shared};
  shape.overlap = args.overlap && device.sm >= 90;
  return launch(plain_kernel, shape, stream, parameters(args));
}

void set_plan(Parameters& p, const Plan& plan) {
  p.chunks = plan.chunks;
  p.warp_steps = plan.warp_steps;
  p.slots = plan.slots;
  p.stages = plan.stages;
  p.buffers = plan.row_tiles < kMostRowTiles && (plan.slots < p.tiles || plan.cluster < plan.chunks) ? 2 : 1;
  p.token_steps = kWarps * p.warp_steps * (p.gain != nullptr ? p.chunks : 1);
  p.cluster_log = p.sharing_log = 0;
  while (1 << p.cluster_log < plan.cluster) ++p.cluster_log;
  while (1 << p.sharing_log < plan.sharing) ++p.sharing_log;
}

template <typename T, typename Out, bool kNorm>
cudaError_t run_typed(const Device& device, const TokenLinearArgs& args, Plan plan, cudaStream_t stream) {
  const uint32_t most_shared = (device.sm >= 90 ? 227u : device.sm == 80 ? 163u : 99u) * 1024u;
  Parameters p = parameters(args);
  set_plan(p, plan);
  while (plan.row_tiles > 1 && SharedLayout(p, plan.row_tiles).bytes > most_shared) {
    plan.row_tiles /= 2;
    plan.sharing = 1;
    set_plan(p, plan);
  }
  const int tokens = 8 * plan.row_tiles;
  LaunchShape shape{
      dim3(static_cast<unsigned>(plan.slots * plan.cluster), static_cast<unsigned>((p.rows + tokens - 1) / tokens)),
      kThreads, Carveout::most_shared};
  shape.shared_bytes = SharedLayout(p, plan.row_tiles).bytes;
  shape.cluster = plan.cluster * plan.sharing;
  shape.overlap = args.overlap && device.sm >= 90;
  switch (plan.row_tiles) {
    case 1: return launch(token_linear_kernel<T, Out, 1, kNorm>, shape, stream, p);
    case 2: return launch(token_linear_kernel<T, Out, 2, kNorm>, shape, stream, p);
    default: return launch(token_linear_kernel<T, Out, 4, kNorm>, shape, stream, p);
  }
}

template <typename T, typename Out>
cudaError_t run_typed(const Device& device, const TokenLinearArgs& args, const Plan& plan, cudaStream_t stream) {
  return args.gain != nullptr ? run_typed<T, Out, true>(device, args, plan, stream)
                              : run_typed<T, Out, false>(device, args, plan, stream);
}

}  // namespace

Plan plan(const Device& device, int64_t rows, int64_t n, int64_t k) {
  const auto up = [](int64_t a, int64_t b) { return static_cast<int>((a + b - 1) / b); };
  const bool hopper = device.sm >= 90;
  const int tiles = up(n, kTile);
  Plan plan{};
  plan.chunks = chunks_of(k);
  plan.warp_steps = up(k / 16, static_cast<int64_t>(kWarps) * plan.chunks);
  plan.cluster = hopper ? std::min(plan.chunks, 8) : 1;
  plan.row_tiles = rows <= 8 ? 1 : rows <= 16 ? 2 : 4;
  plan.sharing = hopper && plan.row_tiles > 1 && plan.chunks == 1 && tiles >= 4 ? 4 : 1;
  // One tile a block while all blocks have room at once; else blocks that stay. Clusters do not cross the groups of
  // multiprocessors, so that some of these stay empty.
  const int processors = plan.cluster * plan.sharing > 1 ? device.processors * 6 / 7 : device.processors;
  const int room = (plan.row_tiles == 1 ? 3 : plan.row_tiles == 2 ? 2 : 1) * processors / plan.cluster;
  const int staying = (rows <= 4 ? 2 : 1) * processors / plan.cluster;
  const bool at_once = tiles <= room && (rows <= 4 || plan.row_tiles > 1 || plan.cluster > 1 || tiles <= processors);
  plan.slots = at_once ? tiles : std::clamp(staying, 1, tiles);
  plan.slots = std::max(plan.slots / plan.sharing, 1) * plan.sharing;
  const int items = up(tiles, plan.slots) * (plan.chunks / plan.cluster);
  plan.stages = hopper ? std::min(items, 2) : 1;  // before Hopper a wait for one stage is a wait for all
  return plan;
}

cudaError_t run(const Device& device, const TokenLinearArgs& args, const Plan& plan, cudaStream_t stream) {
  return with_type(args.type, [&](auto type) {
    using T = decltype(type);
    if constexpr (std::is_same_v<T, float>) {
      return cudaErrorInvalidValue;
    } else {
      return args.out_type == DType::f32 ? run_typed<T, float>(device, args, plan, stream)
                                         : run_typed<T, T>(device, args, plan, stream);
    }
  });
}

}  // namespace token

int64_t token_weight_bytes(DType type, int64_t n, int64_t k) {
  const int64_t rows = type == DType::f32 ? n : (n + token::kTile - 1) / token::kTile * token::kTile;
  return rows * k * static_cast<int64_t>(size_of(type));
}

cudaError_t pack_token_weight(DType type, const void* w, int64_t n, int64_t k, void* packed, cudaStream_t stream) {
  if (type == DType::f32) {
    return cudaMemcpyAsync(packed, w, static_cast<size_t>(token_weight_bytes(type, n, k)), cudaMemcpyDefault, stream);
  }
  if (k % 16 != 0) return cudaErrorInvalidValue;
  const int64_t fragments = (n + token::kTile - 1) / token::kTile * (k / 16) * 32;
  const LaunchShape shape{dim3(static_cast<unsigned>((fragments + 255) / 256)), 256, Carveout::most_shared};
  return with_type(type, [&](auto t) {
    using T = decltype(t);
    if constexpr (std::is_same_v<T, float>) {
      return cudaErrorInvalidValue;
    } else {
      return launch(token::pack_kernel<T>, shape, stream, static_cast<const T*>(w), n, k, fragments,
                    static_cast<uint4*>(packed));
    }
  });
}

cudaError_t token_linear(const Device& device, const TokenLinearArgs& args, cudaStream_t stream) {
  if (args.rows <= 0 || args.n <= 0) return cudaSuccess;
  if (args.type == DType::f32)
    return args.out_type == DType::f32 ? token::run_plain(device, args, stream) : cudaErrorInvalidValue;
  if (args.k % 16 != 0 || (args.out_type != args.type && args.out_type != DType::f32)) return cudaErrorInvalidValue;
  return token::run(device, args, token::plan(device, args.rows, args.n, args.k), stream);
}

}  // namespace wtrt::kernels
