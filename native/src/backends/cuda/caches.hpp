// Key/value caches on the GPU.
#pragma once

#include "backends/cuda/memory.hpp"
#include "decoder.hpp"
#include "ops/ops.hpp"

namespace wtrt::cuda {

class CudaPagedKv final : public ops::PagedKv {
 public:
  explicit CudaPagedKv(kernels::PagedKv view) : view_(view), memory_(view.bytes(), "the self-attention KV cache") {
    view_.data = memory_.data();
  }
  int64_t bytes() const override { return memory_.bytes(); }
  int32_t page_tokens() const override { return view_.page_tokens; }
  const kernels::PagedKv& view() const { return view_; }

 private:
  kernels::PagedKv view_;
  DeviceMemory memory_;
};

class CudaCrossKv final : public ops::CrossKv {
 public:
  explicit CudaCrossKv(kernels::CrossKv view)
      : view_(view),
        memory_(view.bytes(), "the cross-attention KV cache"),
        lengths_(view.slots * 4LL, "the windows' lengths") {
    view_.data = memory_.data();
    view_.lengths = static_cast<int32_t*>(lengths_.data());
    check(cudaMemset(view_.lengths, 0, static_cast<size_t>(view.slots) * 4), "clearing the windows' lengths");
  }
  int64_t bytes() const override { return memory_.bytes() + lengths_.bytes(); }
  const kernels::CrossKv& view() const { return view_; }

 private:
  kernels::CrossKv view_;
  DeviceMemory memory_, lengths_;
};

}  // namespace wtrt::cuda
