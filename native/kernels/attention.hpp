// Attention of whole windows.
#pragma once

#include "device.hpp"

namespace wtrt::kernels {

// qkv [batch * positions, 3 * heads * head_size], q, k and v side by side → out [batch * positions, heads * head_size];
// no mask; scores scaled by head_size^-0.5; softmax in f32. A row's result does not depend on the batch.
struct AttentionArgs {
  DType type;       // f32, f16 or bf16
  const void* qkv;  // qkv, out: 16-byte aligned
  void* out;
  int32_t batch, positions, heads;
  int32_t head_size;  // a multiple of 8 up to 128; 64 is what the fast paths are made for
};

enum class AttentionTactic : int32_t {
  automatic,
  reference,  // any type, any GPU
  mma,        // f16, bf16, head size 64; tensor cores as every GPU since sm_80 has them
  wgmma,      // f16, bf16, head size 64; Hopper's
};

// cudaErrorNotSupported where the tactic cannot do it.
cudaError_t attention(const Device& device, const AttentionArgs& args, AttentionTactic tactic, cudaStream_t stream);

}  // namespace wtrt::kernels
