#include "backends/cpu/packed_matrix.hpp"

#include <algorithm>
#include <cstring>

#include "backends/cpu/lanes.hpp"
#include "common/dtype.hpp"

namespace wtrt::cpu {
namespace {

using ops::LinearPart;

// Rows of four-byte steps, side by side → step by step.
void interleave(const uint32_t* rows, int64_t row_stride, int64_t channels, int64_t steps, uint32_t* packed) {
  constexpr int64_t kBlock = 16;
  for (int64_t s = 0; s < steps; s += kBlock) {
    const int64_t end = std::min(steps, s + kBlock);
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = s; i < end; ++i) packed[i * channels + c] = rows[c * row_stride + i];
    }
  }
}

// Packs group by group, each from its own rows.
class Packer {
 public:
  Packer(const WeightRows& rows, PackedMatrix& matrix)
      : rows_(rows), matrix_(matrix), channels_(matrix.panels * kPanel) {}

  int64_t scratch_floats() const { return matrix_.k + channels_ * matrix_.steps(); }

  void pack_group(int64_t group, float* scratch) const {
    const int64_t first = group * channels_, steps = matrix_.steps();
    const int64_t valid = std::min(channels_, matrix_.n - first), padded = (valid + kPanel - 1) / kPanel * kPanel;
    auto* const staged = reinterpret_cast<uint32_t*>(scratch + matrix_.k);
    std::memset(staged, 0, static_cast<size_t>(padded * steps) * 4);
    for (int64_t c = 0; c < valid; ++c) rows_.stage(first + c, staged + c * steps, scratch);
    interleave(staged, steps, padded, steps, matrix_.weights.as<uint32_t>() + first * steps);
  }

 private:
  const WeightRows& rows_;
  PackedMatrix& matrix_;
  int64_t channels_;
};

}  // namespace

PackedMatrix pack_matrix(ThreadPool& pool, const Kernels& kernels, Element element, std::span<const LinearPart> parts,
                         WeightMemory* memory) {
  constexpr const char* kWhat = "a weight matrix";
  PackedMatrix matrix;
  matrix.element = element;
  const WeightRows rows(kernels, element, parts, matrix.channels);
  matrix.n = rows.n();
  matrix.k = rows.k();
  matrix.panels = kernels.panels;
  const int64_t bytes = (matrix.n + kPanel - 1) / kPanel * kPanel * matrix.steps() * 4;
  matrix.weights = memory != nullptr ? memory->take(bytes, kWhat) : AlignedMemory(bytes, kWhat);
  const Packer packer(rows, matrix);
  const int64_t groups = matrix.groups();
  const int32_t lanes = lanes_for(pool, groups);
  const AlignedMemory scratch(packer.scratch_floats() * 4 * lanes, kWhat);
  const ThreadPool::Lease lease(pool);
  in_lanes(pool, lanes, groups, [&](int32_t lane, int64_t group) {
    packer.pack_group(group, scratch.as<float>() + packer.scratch_floats() * lane);
  });
  return matrix;
}

void PackedMatrix::unpack_row(int64_t channel, float* out) const {
  const int64_t per_group = panels * kPanel, first = channel / per_group * per_group;
  const int64_t width = std::min(per_group, (n - first + kPanel - 1) / kPanel * kPanel), size = k_group(element);
  for (int64_t i = 0; i < k; ++i) {
    const int64_t at = first * steps() * size + (i / size * width + channel - first) * size + i % size;
    switch (element) {
      case Element::f32: out[i] = weights.as<float>()[at]; break;
      case Element::bf16: out[i] = bf16_to_f32(weights.as<uint16_t>()[at]); break;
      case Element::i8:
        out[i] = static_cast<float>(weights.as<int8_t>()[at]) * channels.scale.as<float>()[channel];
        break;
    }
  }
}

}  // namespace wtrt::cpu
