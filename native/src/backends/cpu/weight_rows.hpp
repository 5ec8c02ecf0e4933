// Rows of stacked weights as a product's element type wants them, whatever type the checkpoint has.
#pragma once

#include <cstdint>
#include <span>

#include "backends/cpu/gemm.hpp"
#include "backends/cpu/memory.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

// What an epilogue needs of each output channel; padded with zeros to whole panels.
struct Channels {
  AlignedMemory scale;   // int8: f32
  AlignedMemory offset;  // int8: i32, takes out what the 128 added to staged rows contribute
  AlignedMemory bias;    // f32
  int64_t bytes() const { return scale.bytes() + offset.bytes() + bias.bytes(); }
};

class WeightRows {
 public:
  // Refers to `parts` and writes to `channels`, which it allocates.
  WeightRows(const Kernels& kernels, Element element, std::span<const ops::LinearPart> parts, Channels& channels);

  int64_t n() const { return n_; }
  int64_t k() const { return k_; }
  // Writes channel's k values (f32, bf16 or int8; what pads them is the caller's) and sets its scale, offset and bias.
  // `wide` holds k floats of working space.
  void stage(int64_t channel, void* row, float* wide) const;

 private:
  void stage_i8(const ops::HostTensor& weight, int64_t row, int64_t channel, int8_t* quantized, float* wide) const;

  const Kernels& kernels_;
  Element element_;
  std::span<const ops::LinearPart> parts_;
  Channels& channels_;
  int64_t n_ = 0, k_;
};

}  // namespace wtrt::cpu
