// Token policy on the device: bit for bit what the CPU's twins make of the same logits (on a CPU with AVX2 or more: elsewhere its sums
// are made of other operations). logits [count, vocabulary] f32; rows [count] in device memory, -1: nobody's line, skipped.
#pragma once

#include "decoder.hpp"
#include "device.hpp"
#include "ops/step_state.hpp"

namespace wtrt::kernels {

struct PolicyArgs {
  float* logits;
  int32_t vocabulary;
  ops::StepState state;
  const int32_t* rows;
  int32_t count;
  void* workspace;  // of beam_select: policy_workspace() bytes for as many lines as the logits have
};
int64_t policy_workspace(int32_t count, int32_t vocabulary);

cudaError_t no_speech(const Device& device, const PolicyArgs& args, cudaStream_t stream);
cudaError_t logits_policy(const Device& device, const PolicyArgs& args, cudaStream_t stream);
cudaError_t sample(const Device& device, const PolicyArgs& args, int32_t advance, cudaStream_t stream);
// searches [count] in device memory; of a search numbered -1 nothing is done. args.rows and args.count are not used. The vocabulary
// must be larger than any search. Of a page in use the positions that it holds are copied.
cudaError_t beam_select(const Device& device, const PolicyArgs& args, const PagedKv& cache,
                        const ops::BeamLines* searches, int32_t count, int32_t advance, cudaStream_t stream);
// probabilities[i] = softmax(logits[i, 0 … limit))[targets[i]], or 0 where the target is not below `limit`
cudaError_t token_probabilities(const Device& device, const float* logits, int32_t vocabulary, int32_t limit,
                                const int32_t* targets, int32_t count, float* probabilities, cudaStream_t stream);

}  // namespace wtrt::kernels
