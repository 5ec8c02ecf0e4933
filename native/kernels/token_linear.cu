#include <algorithm>

#include "token_linear_kernel.cuh"

namespace wtrt::kernels {
namespace token {
namespace {

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
                    kThreads};
  shape.overlap = args.overlap && device.sm >= 90;
  return launch(plain_kernel, shape, stream, parameters(args));
}

template <typename T, typename Out, bool kNorm>
cudaError_t run_typed(const Device& device, const TokenLinearArgs& args, const Plan& wanted, cudaStream_t stream) {
  Parameters p = parameters(args);
  const Plan plan = fit(p, wanted, device.shared_bytes);
  const int tokens = 8 * plan.row_tiles;
  LaunchShape shape{
      dim3(static_cast<unsigned>(plan.slots * plan.cluster), static_cast<unsigned>((p.rows + tokens - 1) / tokens)),
      kThreads};
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
  const LaunchShape shape{dim3(static_cast<unsigned>((fragments + 255) / 256)), 256};
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
  return token::run(device, args, token::plan(device.sm, device.processors, args.rows, args.n, args.k), stream);
}

}  // namespace wtrt::kernels
