// The ops of prompts and steps: attention over the caches and the token policy.
#include <algorithm>

#include "backends/cuda/cuda_ops.hpp"
#include "backends/cuda/own.hpp"
#include "decoder.hpp"
#include "policy.hpp"
#include "rows.hpp"

namespace wtrt::cuda {
namespace {

using ops::Tensor;

int32_t size32(int64_t size) { return static_cast<int32_t>(size); }

}  // namespace

void CudaOps::embed(const ops::Linear& table, const Tensor& positions, const ops::StepState& state,
                    const ops::TokenSlot* tokens, int32_t count, const Tensor& out) {
  const auto& matrix = own<CudaLinear>(table);
  check(kernels::embed({type_, matrix.weight, static_cast<const float*>(positions.data), size32(matrix.n),
                        size32(matrix.k), state, tokens, count, out.data},
                       stream_.get()),
        "embedding tokens");
}

void CudaOps::self_attention(ops::PagedKv& cache, int32_t layer, const Tensor& qkv, const ops::StepState& state,
                             const ops::TokenSlot* tokens, int32_t count, const Tensor& out) {
  const kernels::PagedKv& view = own<CudaPagedKv>(cache).view();
  const int32_t most = state.pages_per_row * view.page_tokens;
  void* const workspace = scratch_.of(kernels::self_attention_workspace(view, count, most));
  check(kernels::self_attention(
            context_->device, {view, layer, qkv.data, state, tokens, count, most, out.data, workspace}, stream_.get()),
        "self-attention");
}

void CudaOps::cross_attention(const ops::CrossKv& cache, int32_t layer, const Tensor& q, const ops::StepState& state,
                              const ops::TokenSlot* tokens, int32_t count, const Tensor& out) {
  const kernels::CrossKv& view = own<CudaCrossKv>(cache).view();
  void* const workspace = scratch_.of(kernels::cross_attention_workspace(view, count));
  check(kernels::cross_attention(context_->device, {view, layer, q.data, state, tokens, count, out.data, workspace},
                                 stream_.get()),
        "cross-attention");
}

void CudaOps::alignment_scores(const ops::CrossKv& cache, int32_t layer, std::span<const int32_t> heads,
                               const Tensor& q, const ops::StepState& state, const ops::TokenSlot* tokens,
                               int32_t count, const Tensor& out) {
  const kernels::CrossKv& view = own<CudaCrossKv>(cache).view();
  check(kernels::alignment_scores({view, layer, heads.data(), size32(static_cast<int64_t>(heads.size())), q.data, state,
                                   tokens, count, static_cast<float*>(out.data)},
                                  stream_.get()),
        "alignment scores");
}

void CudaOps::gather(const Tensor& in, const int32_t* rows, int32_t count, const Tensor& out) {
  check(kernels::gather(in.data, rows, count, in.row_bytes(), out.data, stream_.get()), "gathering rows");
}

void CudaOps::no_speech(const Tensor& logits, const ops::StepState& state, const int32_t* rows, int32_t count) {
  check(kernels::no_speech(context_->device, policy_args(logits, state, rows, count), stream_.get()),
        "no-speech probabilities");
}

void CudaOps::logits_policy(const Tensor& logits, const ops::StepState& state, const int32_t* rows, int32_t count) {
  check(kernels::logits_policy(context_->device, policy_args(logits, state, rows, count), stream_.get()),
        "the token policy");
}

void CudaOps::sample(const Tensor& logits, const ops::StepState& state, const int32_t* rows, int32_t count,
                     int32_t advance) {
  check(kernels::sample(context_->device, policy_args(logits, state, rows, count), advance, stream_.get()), "sampling");
}

void CudaOps::beam_select(ops::PagedKv& cache, const Tensor& logits, const ops::StepState& state,
                          const ops::BeamLines* searches, int32_t count, int32_t advance) {
  check(kernels::beam_select(context_->device, policy_args(logits, state, nullptr, size32(logits.rows)),
                             own<CudaPagedKv>(cache).view(), searches, count, advance, stream_.get()),
        "selecting beams");
}

void CudaOps::copy_pages(ops::PagedKv& cache, std::span<const ops::PageCopy> copies) {
  const auto bytes = static_cast<int64_t>(copies.size_bytes());
  auto* const list = static_cast<ops::PageCopy*>(scratch_.of(bytes));
  uploader_.upload(list, copies.data(), bytes);
  check(kernels::copy_pages(own<CudaPagedKv>(cache).view(), list, size32(static_cast<int64_t>(copies.size())),
                            stream_.get()),
        "copying pages");
}

void CudaOps::token_probabilities(const Tensor& logits, int32_t limit, const int32_t* targets, int32_t count,
                                  float* probabilities) {
  check(kernels::token_probabilities(context_->device, static_cast<const float*>(logits.data), size32(logits.cols),
                                     limit, targets, count, probabilities, stream_.get()),
        "token probabilities");
}

kernels::PolicyArgs CudaOps::policy_args(const Tensor& logits, const ops::StepState& state, const int32_t* rows,
                                         int32_t count) {
  const int32_t vocabulary = size32(logits.cols);
  return {static_cast<float*>(logits.data),
          vocabulary,
          state,
          rows,
          count,
          scratch_.of(kernels::policy_workspace(count, vocabulary))};
}

}  // namespace wtrt::cuda
