#include "backends/cuda/weights.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "rows.hpp"
#include "token_linear.hpp"

namespace wtrt::cuda {
namespace {

using ops::HostTensor;

int64_t size_in(const HostTensor& tensor, DType type) {
  return tensor.rows * tensor.cols * static_cast<int64_t>(size_of(type));
}

// A vector of f32, f16 or bf16 as f32.
void widen(const HostTensor& from, float* to) {
  for (int64_t i = 0; i < from.rows * from.cols; ++i) {
    switch (from.dtype) {
      case DType::f32: to[i] = static_cast<const float*>(from.data)[i]; break;
      case DType::f16: to[i] = f16_to_f32(static_cast<const uint16_t*>(from.data)[i]); break;
      case DType::bf16: to[i] = bf16_to_f32(static_cast<const uint16_t*>(from.data)[i]); break;
      default: throw Error(ErrorCode::internal, "a vector of integers cannot be put on the GPU");
    }
  }
}

}  // namespace

void* Scratch::of(int64_t bytes) {
  if (blocks_.empty() || blocks_.back()->bytes() < bytes) {
    const int64_t grown = blocks_.empty() ? bytes : std::max(bytes, blocks_.back()->bytes() * 3 / 2);
    blocks_.push_back(std::make_unique<DeviceMemory>(grown, "a workspace"));
  }
  return blocks_.back()->data();
}

WeightLoader::WeightLoader(std::shared_ptr<Arena> arena, cudaStream_t stream, Uploader& uploader, DType type)
    : arena_(std::move(arena)), stream_(stream), uploader_(uploader), type_(type) {}

const void* WeightLoader::raw(const HostTensor& tensor) {
  const int64_t bytes = size_in(tensor, tensor.dtype);
  void* const data = raw_.of(bytes);
  uploader_.upload(data, tensor.data, bytes);
  return data;
}

// Into `to` [rows, cols] of the weights' type.
void WeightLoader::convert(const HostTensor& from, void* to) {
  if (from.dtype == type_) {
    uploader_.upload(to, from.data, size_in(from, type_));
  } else if (from.dtype == DType::i8) {
    void* const scale = scales_.of(from.rows * 4);
    uploader_.upload(scale, from.scale, from.rows * 4);
    check(kernels::dequantize(static_cast<const int8_t*>(raw(from)), static_cast<const float*>(scale), to, type_,
                              from.rows, from.cols, stream_),
          "dequantizing weights");
  } else {
    check(kernels::convert(raw(from), from.dtype, to, type_, from.rows * from.cols, stream_), "converting weights");
  }
}

const float* WeightLoader::vector(const HostTensor& values) {
  std::vector<float> wide(static_cast<size_t>(values.rows * values.cols));
  widen(values, wide.data());
  const auto bytes = static_cast<int64_t>(wide.size() * sizeof(float));
  auto* const device = static_cast<float*>(arena_->allocate(bytes, "weights"));
  uploader_.upload(device, wide.data(), bytes);
  return device;
}

std::unique_ptr<ops::Linear> WeightLoader::linear(std::span<const ops::LinearPart> parts, ops::LinearUse use) {
  auto linear = std::make_unique<CudaLinear>();
  linear->arena = arena_;
  linear->use = use;
  linear->k = parts.front().weight.cols;
  bool biased = false;
  for (const ops::LinearPart& part : parts) {
    linear->n += part.weight.rows;
    biased = biased || part.bias.data != nullptr;
  }
  const auto element = static_cast<int64_t>(size_of(type_));
  const int64_t row_major = linear->n * linear->k * element;
  const bool packed = use == ops::LinearUse::token;
  const int64_t weight_bytes = packed ? kernels::token_weight_bytes(type_, linear->n, linear->k) : row_major;
  void* const weight = arena_->allocate(weight_bytes, "weights");
  auto* const rows = static_cast<std::byte*>(packed ? rows_.of(row_major) : weight);
  std::vector<float> bias(static_cast<size_t>(linear->n));
  int64_t first = 0;
  for (const ops::LinearPart& part : parts) {
    convert(part.weight, rows + first * linear->k * element);
    if (part.bias.data != nullptr) widen(part.bias, bias.data() + first);
    first += part.weight.rows;
  }
  if (packed) {
    check(kernels::pack_token_weight(type_, rows, linear->n, linear->k, weight, stream_), "packing weights");
  }
  linear->weight = weight;
  linear->size = weight_bytes;
  if (biased) {
    linear->bias = vector({bias.data(), DType::f32, 1, linear->n, nullptr});
    linear->size += linear->n * 4;
  }
  return linear;
}

std::unique_ptr<ops::Conv1d> WeightLoader::conv1d(const HostTensor& weight, const HostTensor& bias, int32_t stride) {
  constexpr int64_t kTaps = 3;
  auto conv = std::make_unique<CudaConv1d>();
  conv->arena = arena_;
  conv->outputs = static_cast<int32_t>(weight.rows);
  conv->inputs = static_cast<int32_t>(weight.cols / kTaps);
  conv->inputs_padded = (conv->inputs + 7) / 8 * 8;
  conv->stride = stride;
  conv->size = weight.rows * kTaps * conv->inputs_padded * static_cast<int64_t>(size_of(type_)) + weight.rows * 4;
  void* const packed = arena_->allocate(conv->size, "weights");
  check(kernels::pack_conv(raw(weight), weight.dtype, conv->outputs, conv->inputs, conv->inputs_padded, packed, type_,
                           stream_),
        "packing a convolution");
  conv->weight = packed;
  conv->bias = vector(bias);
  return conv;
}

std::unique_ptr<ops::LayerNorm> WeightLoader::norm(const HostTensor& gain, const HostTensor& bias) {
  auto norm = std::make_unique<CudaLayerNorm>();
  norm->arena = arena_;
  norm->width = gain.cols;
  norm->gain = vector(gain);
  norm->shift = vector(bias);
  return norm;
}

std::unique_ptr<ops::Buffer> WeightLoader::f32(const HostTensor& values) {
  const int64_t bytes = size_in(values, DType::f32);
  auto memory = std::make_unique<DeviceMemory>(bytes, "weights");
  if (values.dtype == DType::f32) {
    uploader_.upload(memory->data(), values.data, bytes);
  } else if (values.dtype == DType::i8) {
    void* const scale = scales_.of(values.rows * 4);
    uploader_.upload(scale, values.scale, values.rows * 4);
    check(kernels::dequantize(static_cast<const int8_t*>(raw(values)), static_cast<const float*>(scale), memory->data(),
                              DType::f32, values.rows, values.cols, stream_),
          "dequantizing weights");
  } else {
    check(kernels::convert(raw(values), values.dtype, memory->data(), DType::f32, values.rows * values.cols, stream_),
          "converting weights");
  }
  return memory;
}

}  // namespace wtrt::cuda
