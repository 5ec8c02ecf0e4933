#include "launch.cuh"
#include "row_elements.cuh"
#include "rows.hpp"

namespace wtrt::kernels {
namespace {

constexpr float kEpsilon = 1e-5f;
constexpr int kRowsPerBlock = 4;

__device__ float sum_of_warp(float value) {
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  return value;
}

// A warp per row, which it holds in registers: kVectors vectors of 16 bytes in each lane.
template <typename T, int kVectors>
__global__ void __launch_bounds__(32 * kRowsPerBlock)
    norm_in_registers(const T* in, const float* gain, const float* bias, T* out, int32_t rows, int32_t width) {
  constexpr int kSize = kPerVector<T>;
  wait_for_previous();
  let_next_begin();
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / 32;
  if (row >= rows) return;
  const int lane = static_cast<int>(threadIdx.x % 32), vectors = width / kSize;
  const auto* from = reinterpret_cast<const Vector<T>*>(in + row * width);
  auto* to = reinterpret_cast<Vector<T>*>(out + row * width);

  Vector<T> x[kVectors];
#pragma unroll
  for (int v = 0; v < kVectors; ++v)
    if (lane + 32 * v < vectors) x[v] = from[lane + 32 * v];
  float sum = 0.0f;
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    if (lane + 32 * v >= vectors) continue;
#pragma unroll
    for (int i = 0; i < kSize; ++i) sum += to_float(x[v].at[i]);
  }
  const float mean = sum_of_warp(sum) / static_cast<float>(width);
  float squares = 0.0f;
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    if (lane + 32 * v >= vectors) continue;
#pragma unroll
    for (int i = 0; i < kSize; ++i) {
      const float away = to_float(x[v].at[i]) - mean;
      squares += away * away;
    }
  }
  const float scale = 1.0f / sqrtf(sum_of_warp(squares) / static_cast<float>(width) + kEpsilon);
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    if (lane + 32 * v >= vectors) continue;
    const auto* gains = reinterpret_cast<const Vector<float>*>(gain + (lane + 32 * v) * kSize);
    const auto* biases = reinterpret_cast<const Vector<float>*>(bias + (lane + 32 * v) * kSize);
#pragma unroll
    for (int q = 0; q < kSize / 4; ++q) {
      const Vector<float> g = gains[q], b = biases[q];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        T& value = x[v].at[4 * q + i];
        value = from_float<T>((to_float(value) - mean) * scale * g.at[i] + b.at[i]);
      }
    }
    to[lane + 32 * v] = x[v];
  }
}

constexpr int kThreads = 256;

__device__ float sum_of_block(float value) {
  __shared__ float sums[kThreads / 32];
  value = sum_of_warp(value);
  __syncthreads();  // a sum before may still be read
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
  __syncthreads();
  return sum_of_warp(threadIdx.x % 32 < kThreads / 32 ? sums[threadIdx.x % 32] : 0.0f);
}

// A block per row of any width and alignment, read three times.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    norm_any(const T* in, const float* gain, const float* bias, T* out, int32_t width) {
  wait_for_previous();
  let_next_begin();
  const T* from = in + static_cast<int64_t>(blockIdx.x) * width;
  T* to = out + static_cast<int64_t>(blockIdx.x) * width;
  float sum = 0.0f;
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < width; i += kThreads) sum += to_float(from[i]);
  const float mean = sum_of_block(sum) / static_cast<float>(width);
  float squares = 0.0f;
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < width; i += kThreads) {
    const float away = to_float(from[i]) - mean;
    squares += away * away;
  }
  const float scale = 1.0f / sqrtf(sum_of_block(squares) / static_cast<float>(width) + kEpsilon);
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < width; i += kThreads)
    to[i] = from_float<T>((to_float(from[i]) - mean) * scale * gain[i] + bias[i]);
}

template <typename T, int kVectors>
cudaError_t launch_in_registers(const LayerNormArgs& args, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>((args.rows + kRowsPerBlock - 1) / kRowsPerBlock);
  return launch_overlapping(norm_in_registers<T, kVectors>, {dim3(blocks), 32 * kRowsPerBlock}, stream,
                            static_cast<const T*>(args.in), args.gain, args.bias, static_cast<T*>(args.out), args.rows,
                            args.width);
}

template <typename T>
cudaError_t choose(const LayerNormArgs& args, cudaStream_t stream) {
  const int32_t lanes_hold = (args.width / kPerVector<T> + 31) / 32;
  const bool whole = args.width % kPerVector<T> == 0 && aligned16(args.in) && aligned16(args.out) &&
                     aligned16(args.gain) && aligned16(args.bias);
  if (whole && lanes_hold <= 2) return launch_in_registers<T, 2>(args, stream);
  if (whole && lanes_hold <= 3) return launch_in_registers<T, 3>(args, stream);
  if (whole && lanes_hold <= 4) return launch_in_registers<T, 4>(args, stream);
  if (whole && lanes_hold <= 5) return launch_in_registers<T, 5>(args, stream);
  if (whole && lanes_hold <= 6) return launch_in_registers<T, 6>(args, stream);
  if (whole && lanes_hold <= 8) return launch_in_registers<T, 8>(args, stream);
  if (whole && lanes_hold <= 10 && sizeof(T) == 4)
    return launch_in_registers < T, sizeof(T) == 4 ? 10 : 8 > (args, stream);
  return launch_overlapping(norm_any<T>, {dim3(static_cast<unsigned>(args.rows)), kThreads}, stream,
                            static_cast<const T*>(args.in), args.gain, args.bias, static_cast<T*>(args.out),
                            args.width);
}

}  // namespace

cudaError_t layer_norm(const LayerNormArgs& args, cudaStream_t stream) {
  if (args.rows < 1) return cudaSuccess;
  return with_float_type(args.type, [&](auto element) { return choose<decltype(element)>(args, stream); });
}

}  // namespace wtrt::kernels
