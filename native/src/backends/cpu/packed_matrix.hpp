// A weight matrix packed for the kernels of gemm.hpp, and products with it.
#pragma once

#include <cstdint>
#include <span>

#include "backends/cpu/gemm.hpp"
#include "backends/cpu/memory.hpp"
#include "backends/cpu/weight_rows.hpp"
#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

struct PackedMatrix {
  Element element = Element::f32;
  int64_t n = 0, k = 0;
  int64_t panels = 1;  // per group, as the kernels have it
  AlignedMemory weights;
  Channels channels;

  int64_t steps() const { return (k + k_group(element) - 1) / k_group(element); }
  int64_t groups() const { return (n + panels * kPanel - 1) / (panels * kPanel); }
  int64_t bytes() const { return weights.bytes() + channels.bytes(); }
  // Row `channel` of the matrix as f32.
  void unpack_row(int64_t channel, float* out) const;
};

// Stacks the parts along their outputs. int8 parts are taken as they are under Element::i8; all else is converted row
// by row, so that no second copy of a matrix exists. Uses the pool's lease (its own when the caller has none).
PackedMatrix pack_matrix(ThreadPool& pool, const Kernels& kernels, Element element,
                         std::span<const ops::LinearPart> parts, WeightMemory* memory = nullptr);

// Where rows are staged between ops; grows to the largest op and stays.
struct Scratch {
  AlignedMemory rows, scales;
};

struct RowsIn {
  const float* data;
  int64_t count, stride;  // floats
};

struct RowsOut {
  float* data;
  int64_t stride;  // floats
  bool gelu = false;
  const float* residual = nullptr;  // may be `data`
  int64_t residual_stride = 0;
};

// A product with its output side filled in.
Product product_of(const RowsOut& out);

// Rows `in.data + i * in.stride` of k values; they may overlap, as the taps of a convolution do.
void multiply(ThreadPool& pool, const Kernels& kernels, const PackedMatrix& matrix, const RowsIn& in,
              const RowsOut& out, Scratch& scratch);
// The same for rows that are staged already (f32, or bf16 by Kernels::stage_bf16). Strides in bytes.
void multiply_staged(ThreadPool& pool, const Kernels& kernels, const PackedMatrix& matrix, const void* rows,
                     int64_t row_stride, const float* row_scales, int64_t count, const RowsOut& out);

}  // namespace wtrt::cpu
