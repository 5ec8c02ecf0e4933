// The two convolutions in front of the encoder: kernel 3, padding 1, GELU. With time-major rows the three taps of an
// output lie side by side in memory, so a convolution is a matrix product over overlapping rows.
#pragma once

#include <cstdint>

#include "backends/cpu/cpu_backend.hpp"
#include "backends/cpu/packed_matrix.hpp"
#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

class CpuConv1d final : public ops::Conv1d {
 public:
  // weight [outputs, inputs * 3] as [outputs, inputs, 3]. bf16 products under bf16 and i8 where the chip has them.
  CpuConv1d(ThreadPool& pool, const CpuSetup& setup, const ops::HostTensor& weight, const ops::HostTensor& bias,
            int32_t stride);

  int64_t bytes() const override { return matrix_.bytes(); }
  int64_t inputs() const { return matrix_.k / 3; }
  int64_t outputs() const { return matrix_.n; }

  // mel [batch * inputs, frames] → out [batch * frames, outputs].
  void run_mel(ThreadPool& pool, const ops::Tensor& mel, const ops::Tensor& out, int32_t batch, Scratch& scratch) const;
  // in [batch * frames, inputs] → out [batch * frames / stride, outputs], plus position [frames / stride, outputs].
  void run_time(ThreadPool& pool, const ops::Tensor& in, const ops::Tensor& position, const ops::Tensor& out,
                int32_t batch, Scratch& scratch) const;

 private:
  // Products over `frames` staged frames with a zero frame before and after them.
  void multiply_frames(ThreadPool& pool, const void* staged, int64_t frames, const RowsOut& out) const;

  const Kernels& kernels_;
  int64_t stride_;
  PackedMatrix matrix_;
};

}  // namespace wtrt::cpu
