// Layer normalisation over the rows of a matrix, epsilon 1e-5.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/cpu/cpu_backend.hpp"
#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

class CpuLayerNorm final : public ops::LayerNorm {
 public:
  // gain and bias [1, width], any float type.
  CpuLayerNorm(const ops::HostTensor& gain, const ops::HostTensor& bias);
  int64_t bytes() const override { return static_cast<int64_t>((gain_.size() + bias_.size()) * sizeof(float)); }
  int64_t width() const { return static_cast<int64_t>(gain_.size()); }
  const float* gain() const { return gain_.data(); }
  const float* bias() const { return bias_.data(); }

 private:
  std::vector<float> gain_, bias_;
};

// in, out [rows, width], f32; out may be in.
void layer_norm(Isa isa, ThreadPool& pool, const CpuLayerNorm& norm, const ops::Tensor& in, const ops::Tensor& out);

}  // namespace wtrt::cpu
