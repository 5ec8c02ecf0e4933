#include "rows.hpp"

#include <algorithm>

#include "launch.cuh"
#include "row_elements.cuh"

namespace wtrt::kernels {
namespace {

constexpr int kThreads = 256;

// Blocks for so many threads' worth of work, each thread going on to the next piece of its own beyond `most` blocks.
dim3 blocks_for(int64_t pieces, int64_t most = 132 * 16) {
  return dim3(static_cast<unsigned>(std::clamp<int64_t>((pieces + kThreads - 1) / kThreads, 1, most)));
}
__device__ int64_t first_piece() { return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; }
__device__ int64_t pieces_apart() { return static_cast<int64_t>(gridDim.x) * kThreads; }

// Block (row, share of it).
template <typename Word>
__global__ void __launch_bounds__(kThreads)
    gather_kernel(const Word* in, const int32_t* rows, int64_t words, Word* out) {
  wait_for_previous();
  let_next_begin();
  const int64_t row = rows[blockIdx.x];
  if (row < 0) return;
  for (int64_t i = static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x; i < words;
       i += static_cast<int64_t>(gridDim.y) * kThreads)
    out[blockIdx.x * words + i] = in[row * words + i];
}

template <typename Word>
cudaError_t launch_gather(const void* in, const int32_t* rows, int32_t count, int64_t bytes, void* out,
                          cudaStream_t stream) {
  const int64_t words = bytes / static_cast<int64_t>(sizeof(Word));
  const dim3 blocks(static_cast<unsigned>(count), blocks_for(words, 16).x);
  return launch_overlapping(gather_kernel<Word>, {blocks, kThreads}, stream, static_cast<const Word*>(in), rows, words,
                            static_cast<Word*>(out));
}

constexpr int kConverted = 8;  // elements a thread converts at once

template <typename From, typename To>
__global__ void __launch_bounds__(kThreads) convert_kernel(const From* in, To* out, int64_t count, int64_t whole) {
  for (int64_t i = first_piece(); i < whole; i += pieces_apart()) {
    const auto from = reinterpret_cast<const Elements<From, kConverted>*>(in)[i];
    Elements<To, kConverted> to;
#pragma unroll
    for (int k = 0; k < kConverted; ++k) to.at[k] = from_float<To>(to_float(from.at[k]));
    reinterpret_cast<Elements<To, kConverted>*>(out)[i] = to;
  }
  for (int64_t i = whole * kConverted + first_piece(); i < count; i += pieces_apart())
    out[i] = from_float<To>(to_float(in[i]));
}

constexpr int kDequantized = 16;  // weights of a row that a thread takes at once

template <typename To, int kAtOnce>
__global__ void __launch_bounds__(kThreads)
    dequantize_kernel(const int8_t* in, const float* scale, To* out, int64_t pieces, int64_t pieces_per_row) {
  for (int64_t i = first_piece(); i < pieces; i += pieces_apart()) {
    const float unit = scale[i / pieces_per_row];
    const auto from = reinterpret_cast<const Elements<int8_t, kAtOnce>*>(in)[i];
    Elements<To, kAtOnce> to;
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) to.at[k] = from_float<To>(static_cast<float>(from.at[k]) * unit);
    reinterpret_cast<Elements<To, kAtOnce>*>(out)[i] = to;
  }
}

template <typename T>
__device__ uint32_t not_finite(T value) {
  return isfinite(to_float(value)) ? 0 : 1;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    count_not_finite_kernel(const T* in, int64_t count, int64_t whole, uint32_t* bad) {
  uint32_t found = 0;
  for (int64_t i = first_piece(); i < whole; i += pieces_apart()) {
    const Vector<T> values = reinterpret_cast<const Vector<T>*>(in)[i];
#pragma unroll
    for (int k = 0; k < kPerVector<T>; ++k) found += not_finite(values.at[k]);
  }
  for (int64_t i = whole * kPerVector<T> + first_piece(); i < count; i += pieces_apart()) found += not_finite(in[i]);
  found = __reduce_add_sync(0xffffffffu, found);
  if (threadIdx.x % 32 == 0 && found != 0) atomicAdd(bad, found);
}

constexpr int kMelFrames = 32, kMelBands = 32;

// Block (frames, bands, window): a tile of the transposition. Frame f of the spectrum becomes row f + 1.
template <typename To>
__global__ void __launch_bounds__(kThreads)
    pack_mel_kernel(const float* mel, int32_t mels, int32_t frames, int32_t mels_padded, To* out) {
  __shared__ float tile[kMelBands][kMelFrames + 1];
  const int32_t column = static_cast<int32_t>(threadIdx.x % 32), line = static_cast<int32_t>(threadIdx.x / 32);
  const int32_t first_row = static_cast<int32_t>(blockIdx.x) * kMelFrames,
                first_band = static_cast<int32_t>(blockIdx.y) * kMelBands;
  const float* from = mel + static_cast<int64_t>(blockIdx.z) * mels * frames;
  To* to = out + static_cast<int64_t>(blockIdx.z) * (frames + 2) * mels_padded;
  for (int32_t b = line; b < kMelBands; b += kThreads / 32) {
    const int32_t band = first_band + b, frame = first_row + column - 1;
    tile[b][column] =
        band < mels && frame >= 0 && frame < frames ? from[static_cast<int64_t>(band) * frames + frame] : 0.0f;
  }
  __syncthreads();
  for (int32_t r = line; r < kMelFrames; r += kThreads / 32) {
    const int32_t row = first_row + r, band = first_band + column;
    if (row < frames + 2 && band < mels_padded)
      to[static_cast<int64_t>(row) * mels_padded + band] = from_float<To>(tile[column][r]);
  }
}

template <typename From, typename To>
__global__ void __launch_bounds__(kThreads)
    pack_conv_kernel(const From* weight, int32_t inputs, int32_t inputs_padded, To* out, int64_t count) {
  for (int64_t i = first_piece(); i < count; i += pieces_apart()) {
    const int64_t input = i % inputs_padded, tap = i / inputs_padded % 3, output = i / inputs_padded / 3;
    out[i] = from_float<To>(input < inputs ? to_float(weight[(output * inputs + input) * 3 + tap]) : 0.0f);
  }
}

}  // namespace

cudaError_t gather(const void* in, const int32_t* rows, int32_t count, int64_t bytes, void* out, cudaStream_t stream) {
  if (count < 1 || bytes < 4) return cudaSuccess;
  if (bytes % 16 == 0 && aligned16(in) && aligned16(out))
    return launch_gather<int4>(in, rows, count, bytes, out, stream);
  return launch_gather<int32_t>(in, rows, count, bytes, out, stream);
}

cudaError_t convert(const void* in, DType from, void* out, DType to, int64_t count, cudaStream_t stream) {
  if (count < 1) return cudaSuccess;
  const int64_t whole = aligned16(in) && aligned16(out) ? count / kConverted : 0;
  return with_float_type(from, [&](auto input) {
    return with_float_type(to, [&](auto output) {
      using From = decltype(input);
      using To = decltype(output);
      convert_kernel<From, To><<<blocks_for(whole > 0 ? whole : count), kThreads, 0, stream>>>(
          static_cast<const From*>(in), static_cast<To*>(out), count, whole);
      return cudaGetLastError();
    });
  });
}

cudaError_t dequantize(const int8_t* in, const float* scale, void* out, DType to, int64_t rows, int64_t cols,
                       cudaStream_t stream) {
  if (rows < 1 || cols < 1) return cudaSuccess;
  return with_float_type(to, [&](auto output) {
    using To = decltype(output);
    auto* values = static_cast<To*>(out);
    if (cols % kDequantized == 0 && aligned16(in) && aligned16(out)) {
      const int64_t pieces = rows * cols / kDequantized;
      dequantize_kernel<To, kDequantized>
          <<<blocks_for(pieces), kThreads, 0, stream>>>(in, scale, values, pieces, cols / kDequantized);
    } else {
      dequantize_kernel<To, 1><<<blocks_for(rows * cols), kThreads, 0, stream>>>(in, scale, values, rows * cols, cols);
    }
    return cudaGetLastError();
  });
}

cudaError_t count_not_finite(const void* in, DType type, int64_t count, uint32_t* bad, cudaStream_t stream) {
  if (count < 1) return cudaSuccess;
  return with_float_type(type, [&](auto element) {
    using T = decltype(element);
    const int64_t whole = aligned16(in) ? count / kPerVector<T> : 0;
    count_not_finite_kernel<T>
        <<<blocks_for(whole > 0 ? whole : count), kThreads, 0, stream>>>(static_cast<const T*>(in), count, whole, bad);
    return cudaGetLastError();
  });
}

cudaError_t pack_mel(const float* mel, int32_t batch, int32_t mels, int32_t frames, int32_t mels_padded, void* out,
                     DType to, cudaStream_t stream) {
  if (batch < 1) return cudaSuccess;
  const auto tiles = [](int32_t size, int32_t tile) { return static_cast<unsigned>((size + tile - 1) / tile); };
  return with_float_type(to, [&](auto output) {
    using To = decltype(output);
    const dim3 blocks(tiles(frames + 2, kMelFrames), tiles(mels_padded, kMelBands), static_cast<unsigned>(batch));
    pack_mel_kernel<To><<<blocks, kThreads, 0, stream>>>(mel, mels, frames, mels_padded, static_cast<To*>(out));
    return cudaGetLastError();
  });
}

cudaError_t pack_conv(const void* weight, DType from, int32_t outputs, int32_t inputs, int32_t inputs_padded, void* out,
                      DType to, cudaStream_t stream) {
  const int64_t count = 3LL * outputs * inputs_padded;
  if (count < 1) return cudaSuccess;
  return with_float_type(from, [&](auto input) {
    return with_float_type(to, [&](auto output) {
      using From = decltype(input);
      using To = decltype(output);
      pack_conv_kernel<From, To><<<blocks_for(count), kThreads, 0, stream>>>(
          static_cast<const From*>(weight), inputs, inputs_padded, static_cast<To*>(out), count);
      return cudaGetLastError();
    });
  });
}

}  // namespace wtrt::kernels
