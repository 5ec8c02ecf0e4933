#include "backends/cuda/cuda_ops.hpp"

#include <nvtx3/nvToolsExt.h>

#include <algorithm>
#include <string>

#include "common/error.hpp"
#include "gemm.hpp"
#include "rows.hpp"

namespace wtrt::cuda {
namespace {

DType type_for(ops::ComputeType type) {
  switch (type) {
    case ops::ComputeType::f32: return DType::f32;
    case ops::ComputeType::bf16: return DType::bf16;
    default: return DType::f16;
  }
}

}  // namespace

CudaOps::CudaOps(std::shared_ptr<const CudaContext> context)
    : context_((check(cudaSetDevice(context->info.index), "choosing the GPU"), std::move(context))),
      type_(type_for(context_->compute_type)),
      uploader_(stream_.get(), context_->services),
      downloader_(stream_.get()),
      weights_(context_->arena, stream_.get(), uploader_, type_) {}

CudaOps::~CudaOps() {
  static_cast<void>(cudaSetDevice(context_->info.index));
  static_cast<void>(cudaStreamSynchronize(stream_.get()));  // what is under way still reads from what goes now
}

void CudaOps::activate() const { check(cudaSetDevice(context_->info.index), "choosing the GPU"); }

void CudaOps::must_be_outside(const char* act) const {
  if (in_run_) {
    throw Error(ErrorCode::internal, std::string(act) + " between open() and close(): a run must not touch the host");
  }
}

int64_t CudaOps::available_bytes() const {
  activate();
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  return static_cast<int64_t>(free);
}

std::unique_ptr<ops::Buffer> CudaOps::allocate(int64_t bytes) {
  must_be_outside("allocate");
  activate();
  auto memory = std::make_unique<DeviceMemory>(bytes, "a workspace");
  check(cudaMemsetAsync(memory->data(), 0, static_cast<size_t>(bytes), stream_.get()), "clearing memory");
  return memory;
}

std::unique_ptr<ops::Buffer> CudaOps::upload_f32(const ops::HostTensor& values) {
  must_be_outside("upload_f32");
  activate();
  return weights_.f32(values);
}

std::unique_ptr<ops::Linear> CudaOps::make_linear(std::span<const ops::LinearPart> parts, ops::LinearUse use) {
  must_be_outside("make_linear");
  activate();
  return weights_.linear(parts, use);
}

std::unique_ptr<ops::LayerNorm> CudaOps::make_norm(const ops::HostTensor& gain, const ops::HostTensor& bias) {
  must_be_outside("make_norm");
  activate();
  return weights_.norm(gain, bias);
}

std::unique_ptr<ops::Conv1d> CudaOps::make_conv1d(const ops::HostTensor& weight, const ops::HostTensor& bias,
                                                  int32_t stride) {
  must_be_outside("make_conv1d");
  activate();
  return weights_.conv1d(weight, bias, stride);
}

kernels::PagedKv CudaOps::view_of(const ops::AttentionShape& shape, int32_t pages, int32_t page_tokens) const {
  return {type_, nullptr, shape.layers, pages, page_tokens, shape.heads, shape.head_size};
}

kernels::CrossKv CudaOps::cross_view_of(const ops::AttentionShape& shape, int32_t slots, int32_t positions) const {
  return {type_, nullptr, nullptr, shape.layers, slots, positions, shape.heads, shape.head_size};
}

std::unique_ptr<ops::PagedKv> CudaOps::make_paged_kv(const ops::AttentionShape& shape, int32_t pages,
                                                     int32_t page_tokens) {
  must_be_outside("make_paged_kv");
  activate();
  return std::make_unique<CudaPagedKv>(view_of(shape, pages, page_tokens));
}

std::unique_ptr<ops::CrossKv> CudaOps::make_cross_kv(const ops::AttentionShape& shape, int32_t slots,
                                                     int32_t positions) {
  must_be_outside("make_cross_kv");
  activate();
  return std::make_unique<CudaCrossKv>(cross_view_of(shape, slots, positions));
}

int64_t CudaOps::paged_kv_bytes(const ops::AttentionShape& shape, int32_t pages, int32_t page_tokens) const {
  return view_of(shape, pages, page_tokens).bytes();
}

int64_t CudaOps::cross_kv_bytes(const ops::AttentionShape& shape, int32_t slots, int32_t positions) const {
  return cross_view_of(shape, slots, positions).bytes() + slots * 4LL;
}

void CudaOps::open(const char* name) {
  must_be_outside("open");
  activate();
  in_run_ = true;
  nvtxRangePushA(name);
}

void CudaOps::close() {
  nvtxRangePop();
  in_run_ = false;
}

void CudaOps::run_recorded(const char* name, uint64_t key, const std::function<void()>& body) {
  const ops::Run run(*this, name);
  recordings_.run(key, stream_.get(), body);
}

void CudaOps::write(void* device, const void* host, int64_t bytes) {
  must_be_outside("write");
  if (bytes <= 0) return;
  activate();
  uploader_.upload(device, host, bytes);
}

uint64_t CudaOps::read(void* host, const void* device, int64_t bytes) {
  must_be_outside("read");
  activate();
  return downloader_.download(host, device, bytes);
}

void CudaOps::wait(uint64_t ticket) {
  must_be_outside("wait");
  downloader_.wait(ticket);
}

bool CudaOps::ready(uint64_t ticket) { return downloader_.ready(ticket); }

}  // namespace wtrt::cuda
