// Weights on the GPU, laid out for the kernels that read them. Their memory is the arena's, which each of them keeps
// alive.
#pragma once

#include <memory>

#include "backends/cuda/memory.hpp"
#include "ops/ops.hpp"

namespace wtrt::cuda {

struct CudaLinear final : ops::Linear {
  int64_t inputs() const override { return k; }
  int64_t outputs() const override { return n; }
  int64_t bytes() const override { return size; }

  std::shared_ptr<Arena> arena;
  ops::LinearUse use = ops::LinearUse::window;
  const void* weight = nullptr;  // window: [n, k]; token: as kernels::pack_token_weight makes it
  const float* bias = nullptr;   // [n] or null
  int64_t n = 0, k = 0, size = 0;
};

struct CudaConv1d final : ops::Conv1d {
  int64_t bytes() const override { return size; }

  std::shared_ptr<Arena> arena;
  const void* weight = nullptr;  // [outputs, 3, inputs_padded]
  const float* bias = nullptr;   // [outputs]
  int32_t outputs = 0, inputs = 0, inputs_padded = 0, stride = 1;
  int64_t size = 0;
};

struct CudaLayerNorm final : ops::LayerNorm {
  int64_t bytes() const override { return 2 * width * 4; }

  std::shared_ptr<Arena> arena;
  const float *gain = nullptr, *shift = nullptr;  // [width]
  int64_t width = 0;
};

// Device memory that grows and never moves what was handed out before: recorded runs may still point there.
class Scratch {
 public:
  void* of(int64_t bytes);

 private:
  std::vector<std::unique_ptr<DeviceMemory>> blocks_;
};

// Brings host tensors into the arena.
class WeightLoader {
 public:
  WeightLoader(std::shared_ptr<Arena> arena, cudaStream_t stream, Uploader& uploader, DType type);

  std::unique_ptr<ops::Linear> linear(std::span<const ops::LinearPart> parts, ops::LinearUse use);
  std::unique_ptr<ops::Conv1d> conv1d(const ops::HostTensor& weight, const ops::HostTensor& bias, int32_t stride);
  std::unique_ptr<ops::LayerNorm> norm(const ops::HostTensor& gain, const ops::HostTensor& bias);
  std::unique_ptr<ops::Buffer> f32(const ops::HostTensor& values);

 private:
  const float* vector(const ops::HostTensor& values);
  void convert(const ops::HostTensor& from, void* to);
  const void* raw(const ops::HostTensor& tensor);

  std::shared_ptr<Arena> arena_;
  cudaStream_t stream_;
  Uploader& uploader_;
  DType type_;  // of the weights on the GPU
  Scratch raw_, rows_, scales_;
};

}  // namespace wtrt::cuda
