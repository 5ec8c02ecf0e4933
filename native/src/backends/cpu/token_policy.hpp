// From logits to the next token: openai/whisper's suppression, timestamp rules and choices.
//
// logits [count, vocabulary] f32; line i belongs to state.rows[rows[i]]. Lines of finished rows are left as they are.
#pragma once

#include <cstdint>

#include "backends/cpu/cpu_backend.hpp"
#include "backends/cpu/kv_cache.hpp"
#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

// no_speech_prob of each row := softmax(logits)[policy.no_speech] (0 when policy.no_speech < 0).
void no_speech(Isa isa, ThreadPool& pool, const ops::Tensor& logits, const ops::StepState& state, const int32_t* rows,
               int32_t count);

// Forbidden logits become -inf, in place.
void logits_policy(Isa isa, ThreadPool& pool, const ops::Tensor& logits, const ops::StepState& state,
                   const int32_t* rows, int32_t count);

// The largest logit, the first of equals, or a draw: token, history, sampled, finished, sum_logprob, length += advance.
void sample(Isa isa, ThreadPool& pool, const ops::Tensor& logits, const ops::StepState& state, const int32_t* rows,
            int32_t count, int32_t advance);

// One step of beam searches; see ops::Ops.
void beam_select(Isa isa, ThreadPool& pool, CpuPagedKv& cache, const ops::Tensor& logits, const ops::StepState& state,
                 const ops::BeamLines* searches, int32_t count, int32_t advance);

// probabilities[i] = softmax(logits[i, 0 … limit))[targets[i]]; 0 where the target is not below `limit`.
void token_probabilities(Isa isa, ThreadPool& pool, const ops::Tensor& logits, int32_t limit, const int32_t* targets,
                         int32_t count, float* probabilities);

}  // namespace wtrt::cpu
