// The decoder's attention over its caches, and what feeds it. `tokens` as ops::TokenSlot says: for a step, position and
// token are -1 and the row's own count. A token whose row is -1, or whose row is finished in a step, is nobody's:
// kernels skip it and leave its output as it was.
//
// On Hopper the launches of token_linear(), self_attention() and cross_attention() overlap: each may begin before the
// ones in front of it have ended, and before it waits for them reads state, tokens, page tables, and keys, values and
// lengths of windows. embed() waits for everything enqueued before it, so a step or prefill that begins with it and
// whose state nobody changes before its end is right; else `overlap` = false makes a launch wait likewise.
#pragma once

#include "device.hpp"
#include "ops/step_state.hpp"

namespace wtrt::kernels {

// Keys and values in pages, all layers: [layer][page][k, v][head][page_tokens][head_size].
struct PagedKv {
  DType type;  // that of the activations
  void* data;
  int32_t layers, pages, page_tokens, heads, head_size;

  constexpr int64_t page_elements() const { return 2LL * heads * page_tokens * head_size; }
  int64_t bytes() const { return static_cast<int64_t>(size_of(type)) * layers * pages * page_elements(); }
};

// Keys and values of windows: [slot][layer][k, v][head][positions][head_size]; lengths [slots] in device memory.
struct CrossKv {
  DType type;
  void* data;
  int32_t* lengths;
  int32_t layers, slots, positions, heads, head_size;

  constexpr int64_t layer_elements() const { return 2LL * heads * positions * head_size; }
  int64_t bytes() const { return static_cast<int64_t>(size_of(type)) * slots * layers * layer_elements(); }
};

struct EmbedArgs {
  DType type;              // of packed and out
  const void* packed;      // the embedding [vocabulary, width] as pack_token_weight made it
  const float* positions;  // [text_context, width]
  int32_t vocabulary, width;
  ops::StepState state;
  const ops::TokenSlot* tokens;
  int32_t count;
  void* out;  // [count, width]
};
cudaError_t embed(const EmbedArgs& args, cudaStream_t stream);

// qkv [count, 3 * heads * head_size]: writes each token's k and v at its position, then attends over positions 0 … its
// own. The positions of one row in one launch rise by one. → out [count, heads * head_size].
struct SelfAttentionArgs {
  PagedKv cache;
  int32_t layer;
  const void* qkv;
  ops::StepState state;
  const ops::TokenSlot* tokens;
  int32_t count;
  int32_t most_positions;  // of any row, ever (the text context): what the launch is sized for
  void* out;
  void* workspace;  // self_attention_workspace() bytes
  bool overlap = true;
};
int64_t self_attention_workspace(const PagedKv& cache, int32_t count, int32_t most_positions);
cudaError_t self_attention(const Device& device, const SelfAttentionArgs& args, cudaStream_t stream);

// q [count, heads * head_size] over the length of the slot of the token's row → out [count, heads * head_size].
// Neighbouring tokens of one slot read it together; a token's result is the same bit for bit in any company.
struct CrossAttentionArgs {
  CrossKv cache;
  int32_t layer;
  const void* q;
  ops::StepState state;
  const ops::TokenSlot* tokens;
  int32_t count;
  void* out;
  void* workspace;  // cross_attention_workspace() bytes
  bool overlap = true;
};
int64_t cross_attention_workspace(const CrossKv& cache, int32_t count);
cudaError_t cross_attention(const Device& device, const CrossAttentionArgs& args, cudaStream_t stream);

// q · k / √head_size of some heads (host array, at most kMostAlignmentHeads) → scores [heads_count * count, positions]
// f32, head by head; -inf beyond the slot's length.
constexpr int32_t kMostAlignmentHeads = 64;
struct AlignmentScoresArgs {
  CrossKv cache;
  int32_t layer;
  const int32_t* heads;
  int32_t heads_count;
  const void* q;
  ops::StepState state;
  const ops::TokenSlot* tokens;
  int32_t count;
  float* scores;
};
cudaError_t alignment_scores(const AlignmentScoresArgs& args, cudaStream_t stream);

// Sets the lengths of slots (host array).
cudaError_t set_cross_lengths(const CrossKv& cache, const int32_t* slots, int32_t count, int32_t length,
                              cudaStream_t stream);
// Copies pages, all layers; copies in device memory.
cudaError_t copy_pages(const PagedKv& cache, const ops::PageCopy* copies, int32_t count, cudaStream_t stream);

}  // namespace wtrt::kernels
