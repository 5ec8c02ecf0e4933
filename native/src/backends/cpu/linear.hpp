// Linear layers of the CPU backend.
#pragma once

#include <memory>
#include <span>

#include "backends/cpu/cpu_backend.hpp"
#include "backends/cpu/onednn.hpp"
#include "backends/cpu/packed_matrix.hpp"
#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

class CpuLinear final : public ops::Linear {
 public:
  CpuLinear(ThreadPool& pool, const CpuSetup& setup, std::span<const ops::LinearPart> parts, ops::LinearUse use,
            WeightMemory* memory = nullptr);

  int64_t inputs() const override { return inputs_; }
  int64_t outputs() const override { return outputs_; }
  int64_t bytes() const override { return packed_ ? packed_->bytes() : by_onednn_->bytes(); }
  // Row `channel` of the weights as f32: the token embedding shares the logits' matrix. LinearUse::token only.
  void unpack_row(int64_t channel, float* out) const { packed_->unpack_row(channel, out); }

  // in [rows, K], out and residual [rows, N], f32. Under the caller's lease.
  void run(ThreadPool& pool, const ops::Tensor& in, ops::Activation activation, const ops::Tensor* residual,
           const ops::Tensor& out, Scratch& scratch) const;

 private:
  const Kernels& kernels_;
  int64_t inputs_, outputs_;
  std::unique_ptr<const PackedMatrix> packed_;  // one of the two
  std::unique_ptr<const OneDnnMatrix> by_onednn_;
};

}  // namespace wtrt::cpu
