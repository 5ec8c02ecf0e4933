// Matrix products for windows: hundreds of rows and more.
#pragma once

#include "device.hpp"

namespace wtrt::kernels {

// For each batch b and row r: out = activation(a[b, r] · wᵀ + bias) + residual[b, r], summed in f32 along k in one order whatever
// the number of rows and batches.
struct GemmArgs {
  DType type;                   // of a, w, residual and out: f32, f16 or bf16
  const void* a;                // row r of batch b begins at b * a_batch + r * a_row (elements); rows may overlap:
  int64_t a_row, a_batch;       // a convolution over time is a product whose rows do
  const void* w;                // [n, k]
  const float* bias;            // [n] or null
  bool gelu;                    // by erf
  const void* residual;         // row r of batch b begins at b * residual_batch + r * n; null: none; may be `out`
  int64_t residual_batch;       // 0: the same for all batches
  void* out;                    // row r of batch b begins at b * out_batch + r * out_row,
  int64_t out_row, out_batch;
  int32_t batches, rows, n, k;  // k, a_row, a_batch, out_row, out_batch: multiples of 8 (of 4 in f32); a, w, out: 16-byte aligned

  // Keys and values straight into a cache: with head_size > 0, element (b, r, c) goes to
  // heads_out[b] + (c / head_size) * head_stride + r * head_size + c % head_size (elements) instead of `out`.
  int32_t head_size = 0;
  int64_t head_stride = 0;
  static constexpr int32_t kMostHeadBatches = 64;
  void* heads_out[kMostHeadBatches] = {};
};

enum class GemmTactic : int32_t {
  automatic,
  reference,  // any type, any GPU
  mma,        // f16, bf16; tensor cores as every GPU since sm_80 has them
  wgmma,      // f16, bf16; Hopper's
};

// cudaErrorNotSupported where the tactic cannot do it.
cudaError_t gemm(const Device& device, const GemmArgs& args, GemmTactic tactic, cudaStream_t stream);

}  // namespace wtrt::kernels
