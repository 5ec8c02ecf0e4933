// The GPU's implementation of ops::Ops: one stream, onto which each op enqueues its kernel.
#pragma once

#include <memory>

#include "backends/cuda/caches.hpp"
#include "backends/cuda/memory.hpp"
#include "backends/cuda/recordings.hpp"
#include "backends/cuda/weights.hpp"
#include "device.hpp"
#include "ops/backend.hpp"
#include "policy.hpp"

namespace wtrt::cuda {

// What all streams of one model share.
struct CudaContext {
  ops::DeviceInfo info;
  kernels::Device device;
  ops::ComputeType compute_type;
  ops::HostServices services;
  std::shared_ptr<Arena> arena;
};

class CudaOps final : public ops::Ops {
 public:
  explicit CudaOps(std::shared_ptr<const CudaContext> context);
  ~CudaOps() override;

  ops::ComputeType compute_type() const override { return context_->compute_type; }
  DType activation_type() const override { return type_; }
  ops::KvTypes kv_types() const override { return {type_, type_}; }
  int32_t encoder_batch() const override { return 8; }
  int64_t available_bytes() const override;

  std::unique_ptr<ops::Buffer> allocate(int64_t bytes) override;
  std::unique_ptr<ops::Buffer> upload_f32(const ops::HostTensor& values) override;
  std::unique_ptr<ops::Linear> make_linear(std::span<const ops::LinearPart> parts, ops::LinearUse use) override;
  std::unique_ptr<ops::LayerNorm> make_norm(const ops::HostTensor& gain, const ops::HostTensor& bias) override;
  std::unique_ptr<ops::Conv1d> make_conv1d(const ops::HostTensor& weight, const ops::HostTensor& bias,
                                           int32_t stride) override;
  std::unique_ptr<ops::PagedKv> make_paged_kv(const ops::AttentionShape& shape, int32_t pages,
                                              int32_t page_tokens) override;
  std::unique_ptr<ops::CrossKv> make_cross_kv(const ops::AttentionShape& shape, int32_t slots,
                                              int32_t positions) override;
  int64_t paged_kv_bytes(const ops::AttentionShape& shape, int32_t pages, int32_t page_tokens) const override;
  int64_t cross_kv_bytes(const ops::AttentionShape& shape, int32_t slots, int32_t positions) const override;

  void open(const char* name) override;
  void close() override;
  void run_recorded(const char* name, uint64_t key, const std::function<void()>& body) override;

  void write(void* device, const void* host, int64_t bytes) override;
  uint64_t read(void* host, const void* device, int64_t bytes) override;
  void wait(uint64_t ticket) override;
  bool ready(uint64_t ticket) override;

  void convolve(const ops::Conv1d& over_mel, const ops::Conv1d& over_time, const ops::Tensor& mel,
                const ops::Tensor& position, const ops::Tensor& scratch, const ops::Tensor& out,
                int32_t batch) override;
  void attention(const ops::Tensor& qkv, const ops::Tensor& out, int32_t batch, int32_t heads) override;
  void norm(const ops::LayerNorm& norm, const ops::Tensor& in, const ops::Tensor& out) override;
  void norm_linear(const ops::LayerNorm& norm, const ops::Linear& linear, const ops::Tensor& in,
                   const ops::Tensor& normed, ops::Activation activation, const ops::Tensor& out) override;
  void linear(const ops::Linear& linear, const ops::Tensor& in, ops::Activation activation, const ops::Tensor* residual,
              const ops::Tensor& out) override;
  void project_cross_kv(const ops::Linear& linear, const ops::Tensor& in, ops::CrossKv& cache, int32_t layer,
                        const ops::Tensor& scratch, std::span<const int32_t> slots) override;
  void embed(const ops::Linear& table, const ops::Tensor& positions, const ops::StepState& state,
             const ops::TokenSlot* tokens, int32_t count, const ops::Tensor& out) override;
  void self_attention(ops::PagedKv& cache, int32_t layer, const ops::Tensor& qkv, const ops::StepState& state,
                      const ops::TokenSlot* tokens, int32_t count, const ops::Tensor& out) override;
  void cross_attention(const ops::CrossKv& cache, int32_t layer, const ops::Tensor& q, const ops::StepState& state,
                       const ops::TokenSlot* tokens, int32_t count, const ops::Tensor& out) override;
  void alignment_scores(const ops::CrossKv& cache, int32_t layer, std::span<const int32_t> heads, const ops::Tensor& q,
                        const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count,
                        const ops::Tensor& out) override;
  void gather(const ops::Tensor& in, const int32_t* rows, int32_t count, const ops::Tensor& out) override;
  void no_speech(const ops::Tensor& logits, const ops::StepState& state, const int32_t* rows, int32_t count) override;
  void logits_policy(const ops::Tensor& logits, const ops::StepState& state, const int32_t* rows,
                     int32_t count) override;
  void sample(const ops::Tensor& logits, const ops::StepState& state, const int32_t* rows, int32_t count,
              int32_t advance) override;
  void beam_select(ops::PagedKv& cache, const ops::Tensor& logits, const ops::StepState& state,
                   const ops::BeamLines* searches, int32_t count, int32_t advance) override;
  void copy_pages(ops::PagedKv& cache, std::span<const ops::PageCopy> copies) override;
  void token_probabilities(const ops::Tensor& logits, int32_t limit, const int32_t* targets, int32_t count,
                           float* probabilities) override;

 private:
  void activate() const;
  void must_be_outside(const char* act) const;
  kernels::PagedKv view_of(const ops::AttentionShape& shape, int32_t pages, int32_t page_tokens) const;
  kernels::CrossKv cross_view_of(const ops::AttentionShape& shape, int32_t slots, int32_t positions) const;
  void window_linear(const CudaLinear& linear, const ops::Tensor& in, ops::Activation activation,
                     const ops::Tensor* residual, const ops::Tensor& out);
  void token_linear(const CudaLayerNorm* norm, const CudaLinear& linear, const ops::Tensor& in,
                    ops::Activation activation, const ops::Tensor* residual, const ops::Tensor& out);
  kernels::PolicyArgs policy_args(const ops::Tensor& logits, const ops::StepState& state, const int32_t* rows,
                                  int32_t count);

  std::shared_ptr<const CudaContext> context_;
  const DType type_;
  Stream stream_;
  Uploader uploader_;
  Downloader downloader_;
  WeightLoader weights_;
  Scratch scratch_;  // within an op
  Recordings recordings_;
  bool in_run_ = false;
};

}  // namespace wtrt::cuda
