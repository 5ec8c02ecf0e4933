#include "backends/cpu/weight_rows.hpp"

#include <cstring>

#include "common/dtype.hpp"
#include "quant/int8.hpp"

namespace wtrt::cpu {
namespace {

using ops::HostTensor;
using ops::LinearPart;

// The part that holds an output channel, and the channel's row there.
struct Found {
  const LinearPart& part;
  int64_t row;
};

Found find_channel(std::span<const LinearPart> parts, int64_t channel) {
  size_t i = 0;
  for (; i + 1 < parts.size() && channel >= parts[i].weight.rows; ++i) channel -= parts[i].weight.rows;
  return {parts[i], channel};
}

float value_of(HostTensor vector, int64_t index) {
  vector.data = static_cast<const std::byte*>(vector.data) + index * static_cast<int64_t>(size_of(vector.dtype));
  vector.rows = vector.cols = 1;
  float value = 0;
  widen_row(vector, 0, &value);
  return value;
}

}  // namespace

WeightRows::WeightRows(const Kernels& kernels, Element element, std::span<const LinearPart> parts, Channels& channels)
    : kernels_(kernels), element_(element), parts_(parts), channels_(channels), k_(parts.front().weight.cols) {
  for (const LinearPart& part : parts) n_ += part.weight.rows;
  const int64_t padded = (n_ + kPanel - 1) / kPanel * kPanel;
  channels.bias = AlignedMemory(padded * 4, "a layer's biases");
  if (element == Element::i8) {
    channels.scale = AlignedMemory(padded * 4, "a layer's scales");
    channels.offset = AlignedMemory(padded * 4, "a layer's offsets");
  }
}

void WeightRows::stage(int64_t channel, void* row, float* wide) const {
  const Found from = find_channel(parts_, channel);
  const HostTensor& weight = from.part.weight;
  if (from.part.bias.data != nullptr) channels_.bias.as<float>()[channel] = value_of(from.part.bias, from.row);
  switch (element_) {
    case Element::f32: widen_row(weight, from.row, static_cast<float*>(row)); break;
    case Element::bf16:
      widen_row(weight, from.row, wide);
      kernels_.stage_bf16(wide, k_, k_, static_cast<uint16_t*>(row));
      break;
    case Element::i8: stage_i8(weight, from.row, channel, static_cast<int8_t*>(row), wide); break;
  }
}

void WeightRows::stage_i8(const HostTensor& weight, int64_t row, int64_t channel, int8_t* quantized,
                          float* wide) const {
  const auto k = static_cast<size_t>(k_);
  float& scale = channels_.scale.as<float>()[channel];
  if (weight.dtype == DType::i8) {
    std::memcpy(quantized, static_cast<const int8_t*>(weight.data) + row * k_, k);
    scale = weight.scale[row];
  } else {
    widen_row(weight, row, wide);
    quant::quantize_row_int8({wide, k}, {quantized, k}, scale);
  }
  if (kernels_.staged_offset) {
    int32_t sum = 0;
    for (size_t i = 0; i < k; ++i) sum += quantized[i];
    channels_.offset.as<int32_t>()[channel] = -128 * sum;
  }
}

}  // namespace wtrt::cpu
