// libwhispertrt_cuda.so's one export, and the GPUs it finds.
#include <string>

#include "backends/cuda/cuda_log_mel.hpp"
#include "backends/cuda/cuda_ops.hpp"
#include "common/error.hpp"
#include "ops/backend.hpp"

namespace wtrt::cuda {
namespace {

constexpr int32_t kOldestSm = 80;

ops::DeviceInfo describe(int32_t index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "reading a GPU's properties");
  const int32_t sm = 10 * properties.major + properties.minor;
  ops::DeviceInfo info{
      properties.name, index, "sm_" + std::to_string(sm), static_cast<int64_t>(properties.totalGlobalMem), 0, {}};
  if (sm < kOldestSm) {
    info.refusal = info.name + " is of " + info.architecture + "; sm_" + std::to_string(kOldestSm) +
                   " (Ampere) is the oldest that works";
    return info;
  }
  size_t free = 0, total = 0;
  int before = 0;
  static_cast<void>(cudaGetDevice(&before));
  kernels::Device device{};
  cudaError_t status = cudaSetDevice(index);
  if (status == cudaSuccess) status = cudaMemGetInfo(&free, &total);
  if (status == cudaSuccess) status = kernels::this_device(device);
  info.free_bytes = static_cast<int64_t>(free);
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorUnsupportedPtxVersion) {
    info.refusal = info.name + " is of " + info.architecture +
                   ", for which this module has no code that the driver takes; "
                   "build it with CMAKE_CUDA_ARCHITECTURES=" +
                   std::to_string(sm);
  } else if (status != cudaSuccess) {
    info.refusal = info.name + " cannot be used: " + cudaGetErrorString(status);
  }
  static_cast<void>(cudaGetLastError());
  static_cast<void>(cudaSetDevice(before));
  return info;
}

class CudaDevice final : public ops::Device {
 public:
  explicit CudaDevice(std::shared_ptr<const CudaContext> context) : context_(std::move(context)) {}
  const ops::DeviceInfo& info() const override { return context_->info; }
  std::unique_ptr<ops::Ops> make_ops() override { return std::make_unique<CudaOps>(context_); }
  std::unique_ptr<ops::LogMel> make_log_mel(const ops::LogMelShape& shape) override {
    return std::make_unique<CudaLogMel>(context_->info.index, shape);
  }

 private:
  std::shared_ptr<const CudaContext> context_;
};

class CudaBackend final : public ops::Backend {
 public:
  std::vector<ops::DeviceInfo> devices(std::string& refusal) const override {
    std::vector<ops::DeviceInfo> found;
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess) {
      static_cast<void>(cudaGetLastError());
      refusal = std::string("no NVIDIA GPU can be used: ") + cudaGetErrorString(status);
      return found;
    }
    for (int32_t i = 0; i < count; ++i) found.push_back(describe(i));
    if (found.empty()) refusal = "the NVIDIA driver lists no GPU";
    return found;
  }

  std::shared_ptr<ops::Device> open(int32_t index, ops::ComputeType compute_type,
                                    const ops::HostServices& services) const override {
    std::string refusal;
    const auto found = devices(refusal);
    if (found.empty()) throw Error(ErrorCode::unsupported, "device: cuda was asked for, but " + refusal);
    if (index < 0 || index >= static_cast<int32_t>(found.size())) {
      throw Error(ErrorCode::not_found, "device_index: " + std::to_string(index) + " was asked for, but there are " +
                                            std::to_string(found.size()) + " GPUs, numbered from 0");
    }
    const ops::DeviceInfo& info = found[static_cast<size_t>(index)];
    if (!info.refusal.empty()) throw Error(ErrorCode::unsupported, "device: " + info.refusal);
    if (compute_type == ops::ComputeType::i8) {
      throw Error(ErrorCode::unsupported, "compute_type: int8 is not there on cuda; use float16, bfloat16 or float32");
    }
    check(cudaSetDevice(index), "choosing the GPU");
    kernels::Device device{};
    check(kernels::this_device(device), "asking what was compiled for the GPU");
    return std::make_shared<CudaDevice>(std::make_shared<const CudaContext>(
        CudaContext{info, device, compute_type, services, std::make_shared<Arena>()}));
  }
};

}  // namespace
}  // namespace wtrt::cuda

extern "C" __attribute__((visibility("default"))) const wtrt::ops::Backend* wtrt_backend_entry(const char* stamp) {
  static const wtrt::cuda::CudaBackend backend;
  return std::string_view(stamp) == wtrt::ops::kBuildStamp ? &backend : nullptr;
}
