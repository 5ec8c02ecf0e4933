// Attention of the encoder (whole windows, no mask) and of the decoder (tokens over the caches).
//
// A token's or query's result depends on nothing but itself and the keys and values it sees: not on the batch, not on
// the threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "backends/cpu/cpu_backend.hpp"
#include "backends/cpu/kv_cache.hpp"
#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

// Owns the packed keys and values of one window; they grow at the first call of a shape and stay.
class EncoderAttention {
 public:
  // Compute type i8 multiplies bytes where the chip has AVX512_VNNI, bf16 and what is left of i8 multiplies bf16 where
  // that is faster than f32.
  EncoderAttention(Isa isa, ops::ComputeType compute_type);
  ~EncoderAttention();
  EncoderAttention(const EncoderAttention&) = delete;
  EncoderAttention& operator=(const EncoderAttention&) = delete;

  // qkv [batch * T, 3 * width] f32 → out [batch * T, width] f32.
  void run(ThreadPool& pool, const ops::Tensor& qkv, const ops::Tensor& out, int32_t batch, int32_t heads);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// qkv [count, 3 * width], out [count, width], f32. A finished row's step writes nothing into the cache and zeros into
// `out`.
void self_attention(Isa isa, ThreadPool& pool, CpuPagedKv& cache, int32_t layer, const ops::Tensor& qkv,
                    const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count, const ops::Tensor& out);

// q [count, width], out [count, width], f32.
void cross_attention(Isa isa, ThreadPool& pool, const CpuCrossKv& cache, int32_t layer, const ops::Tensor& q,
                     const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count, const ops::Tensor& out);

// q [count, width], out [heads.size() * count, positions], f32: scores before the softmax, head by head; -inf beyond
// the slot's length.
void alignment_scores(Isa isa, ThreadPool& pool, const CpuCrossKv& cache, int32_t layer, std::span<const int32_t> heads,
                      const ops::Tensor& q, const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count,
                      const ops::Tensor& out);

}  // namespace wtrt::cpu
