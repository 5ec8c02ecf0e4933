#include "backends/cpu/cpu_ops.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "backends/cpu/conv1d.hpp"
#include "backends/cpu/embed.hpp"
#include "backends/cpu/kv_cache.hpp"
#include "backends/cpu/linear.hpp"
#include "backends/cpu/memory.hpp"
#include "backends/cpu/norm.hpp"
#include "backends/cpu/token_policy.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

using ops::Tensor;

// What another backend made cannot be used here.
template <typename Mine, typename Base>
auto& mine(Base& base) {
  auto* const found = dynamic_cast<Mine*>(&base);
  if (found == nullptr) throw Error(ErrorCode::internal, "the CPU backend was given an object that it did not make");
  return *found;
}

}  // namespace

std::unique_ptr<ops::Ops> make_cpu_ops(const CpuSetup& setup) { return std::make_unique<CpuOps>(setup); }

CpuOps::CpuOps(const CpuSetup& setup)
    : setup_(setup), pool_(ThreadPool::instance(setup.threads)), encoder_attention_(setup.isa, setup.compute_type) {}

void CpuOps::must_be_outside(const char* act) const {
  if (in_run())
    throw Error(ErrorCode::internal, std::string(act) + " between open() and close(): a run must not touch the host");
}

ops::KvTypes CpuOps::kv_types() const { return kv_types_of(setup_.compute_type); }

std::unique_ptr<ops::Buffer> CpuOps::allocate(int64_t bytes) {
  must_be_outside("allocate");
  return allocate_buffer(bytes);
}

std::unique_ptr<ops::Buffer> CpuOps::upload_f32(const ops::HostTensor& values) {
  must_be_outside("upload_f32");
  return upload_as_f32(values);
}

std::unique_ptr<ops::Linear> CpuOps::make_linear(std::span<const ops::LinearPart> parts, ops::LinearUse use) {
  must_be_outside("make_linear");
  return std::make_unique<CpuLinear>(pool_, setup_, parts, use, &weight_memory_);
}

std::unique_ptr<ops::LayerNorm> CpuOps::make_norm(const ops::HostTensor& gain, const ops::HostTensor& bias) {
  must_be_outside("make_norm");
  return std::make_unique<CpuLayerNorm>(gain, bias);
}

std::unique_ptr<ops::Conv1d> CpuOps::make_conv1d(const ops::HostTensor& weight, const ops::HostTensor& bias,
                                                 int32_t stride) {
  must_be_outside("make_conv1d");
  return std::make_unique<CpuConv1d>(pool_, setup_, weight, bias, stride);
}

std::unique_ptr<ops::PagedKv> CpuOps::make_paged_kv(const ops::AttentionShape& shape, int32_t pages,
                                                    int32_t page_tokens) {
  must_be_outside("make_paged_kv");
  return std::make_unique<CpuPagedKv>(shape, pages, page_tokens, kv_types().self);
}

std::unique_ptr<ops::CrossKv> CpuOps::make_cross_kv(const ops::AttentionShape& shape, int32_t slots,
                                                    int32_t positions) {
  must_be_outside("make_cross_kv");
  return std::make_unique<CpuCrossKv>(shape, slots, positions, kv_types().cross);
}

int64_t CpuOps::paged_kv_bytes(const ops::AttentionShape& shape, int32_t pages, int32_t page_tokens) const {
  return cpu::paged_kv_bytes(shape, pages, page_tokens, kv_types().self);
}

int64_t CpuOps::cross_kv_bytes(const ops::AttentionShape& shape, int32_t slots, int32_t positions) const {
  return cpu::cross_kv_bytes(shape, slots, positions, kv_types().cross);
}

void CpuOps::open(const char*) {
  must_be_outside("open");
  auto lease = std::make_unique<ThreadPool::Lease>(pool_);  // waits for its turn
  lease_ = std::move(lease);
  opener_.store(std::this_thread::get_id(), std::memory_order_relaxed);
}

void CpuOps::close() {
  if (!in_run()) throw Error(ErrorCode::internal, "close() by a thread that has not called open()");
  const auto lease = std::move(lease_);  // dropped last
  opener_.store(std::thread::id(), std::memory_order_relaxed);
}

void CpuOps::run_recorded(const char* name, uint64_t, const std::function<void()>& body) {
  const ops::Run run(*this, name);
  body();
}

void CpuOps::write(void* device, const void* host, int64_t bytes) {
  if (bytes > 0) std::memcpy(device, host, static_cast<size_t>(bytes));  // of nothing there may be no address
}

uint64_t CpuOps::read(void* host, const void* device, int64_t bytes) {
  must_be_outside("read");
  if (bytes > 0) std::memcpy(host, device, static_cast<size_t>(bytes));
  return 0;
}

void CpuOps::wait(uint64_t) { must_be_outside("wait"); }

bool CpuOps::ready(uint64_t) { return true; }

void CpuOps::convolve(const ops::Conv1d& over_mel, const ops::Conv1d& over_time, const Tensor& mel,
                      const Tensor& position, const Tensor& scratch, const Tensor& out, int32_t batch) {
  const Tensor between{scratch.data, DType::f32, batch * mel.cols, out.cols};
  mine<const CpuConv1d>(over_mel).run_mel(pool_, mel, between, batch, scratch_);
  mine<const CpuConv1d>(over_time).run_time(pool_, between, position, out, batch, scratch_);
}

void CpuOps::attention(const Tensor& qkv, const Tensor& out, int32_t batch, int32_t heads) {
  encoder_attention_.run(pool_, qkv, out, batch, heads);
}

void CpuOps::norm(const ops::LayerNorm& norm, const Tensor& in, const Tensor& out) {
  layer_norm(setup_.isa, pool_, mine<const CpuLayerNorm>(norm), in, out);
}

void CpuOps::norm_linear(const ops::LayerNorm& norm, const ops::Linear& linear, const Tensor& in, const Tensor& normed,
                         ops::Activation activation, const Tensor& out) {
  this->norm(norm, in, normed);
  this->linear(linear, normed, activation, nullptr, out);
}

void CpuOps::linear(const ops::Linear& linear, const Tensor& in, ops::Activation activation, const Tensor* residual,
                    const Tensor& out) {
  mine<const CpuLinear>(linear).run(pool_, in, activation, residual, out, scratch_);
}

void CpuOps::project_cross_kv(const ops::Linear& linear, const Tensor& in, ops::CrossKv& cache, int32_t layer,
                              const Tensor& scratch, std::span<const int32_t> slots) {
  this->linear(linear, in, ops::Activation::none, nullptr, scratch);
  cpu::store_cross_kv(setup_.isa, pool_, mine<CpuCrossKv>(cache), layer, scratch, slots);
}

void CpuOps::embed(const ops::Linear& table, const Tensor& positions, const ops::StepState& state,
                   const ops::TokenSlot* tokens, int32_t count, const Tensor& out) {
  const auto& matrix = mine<const CpuLinear>(table);
  const auto unpack = [&](int64_t n, float* row) { matrix.unpack_row(n, row); };
  cpu::embed(pool_, unpack, matrix.outputs(), positions, state, tokens, count, out);
}

void CpuOps::self_attention(ops::PagedKv& cache, int32_t layer, const Tensor& qkv, const ops::StepState& state,
                            const ops::TokenSlot* tokens, int32_t count, const Tensor& out) {
  cpu::self_attention(setup_.isa, pool_, mine<CpuPagedKv>(cache), layer, qkv, state, tokens, count, out);
}

void CpuOps::cross_attention(const ops::CrossKv& cache, int32_t layer, const Tensor& q, const ops::StepState& state,
                             const ops::TokenSlot* tokens, int32_t count, const Tensor& out) {
  cpu::cross_attention(setup_.isa, pool_, mine<const CpuCrossKv>(cache), layer, q, state, tokens, count, out);
}

void CpuOps::alignment_scores(const ops::CrossKv& cache, int32_t layer, std::span<const int32_t> heads, const Tensor& q,
                              const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count,
                              const Tensor& out) {
  cpu::alignment_scores(setup_.isa, pool_, mine<const CpuCrossKv>(cache), layer, heads, q, state, tokens, count, out);
}

void CpuOps::gather(const Tensor& in, const int32_t* rows, int32_t count, const Tensor& out) {
  cpu::gather(pool_, in, rows, count, out);
}

void CpuOps::no_speech(const Tensor& logits, const ops::StepState& state, const int32_t* rows, int32_t count) {
  cpu::no_speech(setup_.isa, pool_, logits, state, rows, count);
}

void CpuOps::logits_policy(const Tensor& logits, const ops::StepState& state, const int32_t* rows, int32_t count) {
  cpu::logits_policy(setup_.isa, pool_, logits, state, rows, count);
}

void CpuOps::sample(const Tensor& logits, const ops::StepState& state, const int32_t* rows, int32_t count,
                    int32_t advance) {
  cpu::sample(setup_.isa, pool_, logits, state, rows, count, advance);
}

void CpuOps::beam_select(ops::PagedKv& cache, const Tensor& logits, const ops::StepState& state,
                         const ops::BeamLines* searches, int32_t count, int32_t advance) {
  cpu::beam_select(setup_.isa, pool_, mine<CpuPagedKv>(cache), logits, state, searches, count, advance);
}

void CpuOps::copy_pages(ops::PagedKv& cache, std::span<const ops::PageCopy> copies) {
  cpu::copy_pages(pool_, mine<CpuPagedKv>(cache), copies);
}

void CpuOps::token_probabilities(const Tensor& logits, int32_t limit, const int32_t* targets, int32_t count,
                                 float* probabilities) {
  cpu::token_probabilities(setup_.isa, pool_, logits, limit, targets, count, probabilities);
}

}  // namespace wtrt::cpu
