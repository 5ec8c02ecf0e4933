// Matrix products for windows: hundreds of rows and more.
#pragma once

#include "device.hpp"

namespace wtrt::kernels {

// For each batch b and row r: out = activation(a[b, r] · wᵀ + bias) + residual[b, r], summed in f32 along k in one order whatever
// the number of rows and batches: a row's bits do not depend on what stands beside it. They may depend on the tactic.
struct GemmArgs {
  DType type;              // of a, w, residual and out: f32, f16 or bf16
  const void* a;           // row r of batch b begins at b * a_batch + r * a_row (elements); rows may overlap:
  int64_t a_row, a_batch;  // a convolution over time is a product whose rows do
  const void* w;           // [n, k]
  const float* bias;       // [n] or null
  bool gelu;               // by erf
  const void* residual;    // row r of batch b begins at b * residual_batch + r * n; null: none; may be `out`
  int64_t residual_batch;  // 0: the same for all batches
  void* out;               // row r of batch b begins at b * out_batch + r * out_row,
  int64_t out_row, out_batch;
  // For the fast tactics k, n, a_row, a_batch, out_row, out_batch are multiples of 8 (of 4 in f32) and a, w, bias, residual and out
  // 16-byte aligned; with heads, head_size, head_stride and heads_out in place of out. Any k >= 1 and the rest are right as well.
  int32_t batches, rows, n, k;

  // Keys and values straight into a cache: with head_size > 0, element (b, r, c) goes to
  // heads_out[b] + (c / head_size) * head_stride + r * head_size + c % head_size (elements) instead of `out`.
  int32_t head_size = 0;
  int64_t head_stride = 0;
  static constexpr int32_t kMostHeadBatches = 64;
  void* heads_out[kMostHeadBatches] = {};
};

enum class GemmTactic : int32_t {
  automatic,  // the last of these that can do it: by type, alignment and GPU, never by the number of rows
  reference,  // any type, any alignment, any GPU
  mma,        // f16, bf16; tensor cores as every GPU since sm_80 has them; any n
  wgmma,      // f16, bf16; Hopper's. May begin before the kernel in front of it on the stream ends, and waits for it
};

// cudaErrorNotSupported where the tactic cannot do it; cudaErrorInvalidValue for negative sizes, k < 1, too many batches for heads.
cudaError_t gemm(const Device& device, const GemmArgs& args, GemmTactic tactic, cudaStream_t stream);

}  // namespace wtrt::kernels
