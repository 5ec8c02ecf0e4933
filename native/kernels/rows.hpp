// Small work over rows: layer norm, gathering, copies between layouts and types.
#pragma once

#include "device.hpp"

namespace wtrt::kernels {

// Epsilon 1e-5, statistics in f32. in, out [rows, width] of `type` (out may be in); gain, bias [width].
struct LayerNormArgs {
  DType type;
  const void* in;
  const float *gain, *bias;
  void* out;
  int32_t rows, width;
};
cudaError_t layer_norm(const LayerNormArgs& args, cudaStream_t stream);

// out[i] = in[rows[i]], rows of `bytes` (a multiple of 4); rows [count] in device memory.
cudaError_t gather(const void* in, const int32_t* rows, int32_t count, int64_t bytes, void* out, cudaStream_t stream);

// out[i] = in[i], converted (f32, f16, bf16 each way).
cudaError_t convert(const void* in, DType from, void* out, DType to, int64_t count, cudaStream_t stream);

// out[r, c] = in[r, c] * scale[r]: int8 weights with a scale per row to `to`.
cudaError_t dequantize(const int8_t* in, const float* scale, void* out, DType to, int64_t rows, int64_t cols,
                       cudaStream_t stream);

// Adds 1 to *bad for each value that is not finite (of f32, f16 or bf16).
cudaError_t count_not_finite(const void* in, DType type, int64_t count, uint32_t* bad, cudaStream_t stream);

// What a convolution of kernel 3 reads as a product with overlapping rows: mel [batch * mels, frames] f32 →
// out [batch, frames + 2, mels_padded] of `to`, time by time, with a row of zeros before and behind each window.
cudaError_t pack_mel(const float* mel, int32_t batch, int32_t mels, int32_t frames, int32_t mels_padded, void* out,
                     DType to, cudaStream_t stream);

// weight [outputs, inputs, 3] of `from` → out [outputs, 3, inputs_padded] of `to`, zeros in the padding.
cudaError_t pack_conv(const void* weight, DType from, int32_t outputs, int32_t inputs, int32_t inputs_padded, void* out,
                      DType to, cudaStream_t stream);

}  // namespace wtrt::kernels
