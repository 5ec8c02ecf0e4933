// Device memory, random values and timing for the kernel tests.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "device.hpp"

namespace wtrt::gpu_test {

inline void check(cudaError_t status, const char* what = "CUDA") {
  if (status != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

// Asked once: that takes a launch, which nobody may make while a graph is recorded.
inline kernels::Device this_device() {
  static const kernels::Device device = [] {
    kernels::Device asked{};
    check(kernels::this_device(asked), "asking for the GPU");
    return asked;
  }();
  return device;
}

// Device memory, poisoned with NaN patterns unless filled.
class DeviceArray {
 public:
  explicit DeviceArray(int64_t bytes) : bytes_(bytes) {
    check(cudaMalloc(&data_, static_cast<size_t>(std::max<int64_t>(bytes, 16))), "cudaMalloc");
    check(cudaMemset(data_, 0xff, static_cast<size_t>(bytes)));
  }
  template <typename T>
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(static_cast<int64_t>(values.size() * sizeof(T))) {
    check(cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  void* get() const { return data_; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  void poison() { check(cudaMemset(data_, 0xff, static_cast<size_t>(bytes_))); }
  template <typename T>
  std::vector<T> read() const {
    std::vector<T> values(static_cast<size_t>(bytes_) / sizeof(T));
    check(cudaDeviceSynchronize());
    check(cudaMemcpy(values.data(), data_, values.size() * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  void* data_ = nullptr;
  int64_t bytes_;
};

// Host values of a type and what they are as f32 (rounded to the type).
inline std::vector<std::byte> as_type(const std::vector<float>& values, DType type) {
  std::vector<std::byte> bytes(values.size() * size_of(type));
  for (size_t i = 0; i < values.size(); ++i) {
    if (type == DType::f32) reinterpret_cast<float*>(bytes.data())[i] = values[i];
    if (type == DType::f16) reinterpret_cast<__half*>(bytes.data())[i] = __float2half(values[i]);
    if (type == DType::bf16) reinterpret_cast<__nv_bfloat16*>(bytes.data())[i] = __float2bfloat16(values[i]);
  }
  return bytes;
}

inline std::vector<float> as_f32(const std::vector<std::byte>& bytes, DType type) {
  std::vector<float> values(bytes.size() / size_of(type));
  for (size_t i = 0; i < values.size(); ++i) {
    if (type == DType::f32) values[i] = reinterpret_cast<const float*>(bytes.data())[i];
    if (type == DType::f16) values[i] = __half2float(reinterpret_cast<const __half*>(bytes.data())[i]);
    if (type == DType::bf16) values[i] = __bfloat162float(reinterpret_cast<const __nv_bfloat16*>(bytes.data())[i]);
  }
  return values;
}

inline std::vector<float> rounded(const std::vector<float>& values, DType type) {
  return as_f32(as_type(values, type), type);
}

inline std::vector<float> random_values(size_t count, uint32_t seed, float scale = 1.0f) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(engine);
  return values;
}

// Milliseconds of one run of `body`: `inside` of them in one graph, median over replays.
inline double graph_milliseconds(int inside, const std::function<void(cudaStream_t, int)>& body, int replays = 15) {
  cudaStream_t stream;
  check(cudaStreamCreate(&stream));
  for (int i = 0; i < 2; ++i) body(stream, i);
  check(cudaStreamSynchronize(stream));
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < inside; ++i) body(stream, i);
  check(cudaStreamEndCapture(stream, &graph));
  check(cudaGraphInstantiate(&exec, graph, 0));
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin));
  check(cudaEventCreate(&end));
  std::vector<double> times;
  for (int i = 0; i < replays + 3; ++i) {
    check(cudaEventRecord(begin, stream));
    check(cudaGraphLaunch(exec, stream));
    check(cudaEventRecord(end, stream));
    check(cudaEventSynchronize(end));
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin, end));
    if (i >= 3) times.push_back(milliseconds / inside);
  }
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace wtrt::gpu_test
