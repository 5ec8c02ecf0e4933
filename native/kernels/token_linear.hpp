// Matrix products for prompts and steps: few rows, weights streamed once and laid out for it.
#pragma once

#include "device.hpp"

namespace wtrt::kernels {

// Bytes of the packed form of [n, k].
int64_t token_weight_bytes(DType type, int64_t n, int64_t k);
// w [n, k], row-major, of `type` (f32, f16, bf16) → packed.
cudaError_t pack_token_weight(DType type, const void* w, int64_t n, int64_t k, void* packed, cudaStream_t stream);

// out = activation(norm(in) · wᵀ + bias) + residual. Each row's result is the same bit for bit whatever `rows` is, and
// whichever row it is: one order of accumulation for each (n, k, type).
struct TokenLinearArgs {
  DType type;                 // of in, weights and residual
  const void* in;             // [rows, k]
  const float *gain, *shift;  // layer norm of `in` first (epsilon 1e-5); null: none
  const void* packed;
  const float* bias;     // [n] or null
  bool gelu;             // by erf
  const void* residual;  // [rows, n] or null; may be `out`
  void* out;             // [rows, n]
  DType out_type;        // `type`, or f32
  int32_t rows, n, k;    // any number of rows; k: a multiple of 16 (in f32 of 4)
  // in, packed, gain and shift: 16-byte aligned.
  //
  // On Hopper the launch may begin, and fetch weights, gain, shift and bias, before the launches in front of it have
  // ended. So whoever wrote those must have ended before the last launch that does not overlap (embed never does)
  // began. false: it waits for all.
  bool overlap = true;
};
cudaError_t token_linear(const Device& device, const TokenLinearArgs& args, cudaStream_t stream);

namespace token {
struct Plan;
// The same by a plan of one's own choice; not in f32.
cudaError_t run(const Device& device, const TokenLinearArgs& args, const Plan& plan, cudaStream_t stream);
}  // namespace token

}  // namespace wtrt::kernels
