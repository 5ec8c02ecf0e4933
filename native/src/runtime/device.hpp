// Which device a model gets, and what was chosen.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "audio/log_mel.hpp"
#include "backends/cpu/cpu_backend.hpp"
#include "ops/backend.hpp"

namespace wtrt::runtime {

enum class DeviceKind : int32_t { cpu = 0, cuda = 1 };

struct DeviceOptions {
  std::optional<DeviceKind> kind;                // none: a GPU that works, else the CPU
  int32_t index = 0;                             // of the GPU
  std::optional<ops::ComputeType> compute_type;  // none: float16 on a GPU, the fastest on a CPU
  std::optional<cpu::Isa> isa;
  int32_t threads = 0;
};

// A device as a model uses it. Never another than was asked for.
class ChosenDevice {
 public:
  // Throws unsupported with the reason, not_found.
  static ChosenDevice choose(const DeviceOptions& options);

  DeviceKind kind() const { return gpu_ ? DeviceKind::cuda : DeviceKind::cpu; }
  ops::ComputeType compute_type() const { return compute_type_; }
  const cpu::CpuSetup& cpu() const { return cpu_; }  // the pool serves beside a GPU too
  std::string name() const;
  std::unique_ptr<ops::Ops> make_ops() const { return gpu_ ? gpu_->make_ops() : cpu::make_cpu_ops(cpu_); }
  std::shared_ptr<const audio::MelFrames> make_mel_frames(int32_t mels) const;

 private:
  cpu::CpuSetup cpu_{};
  ops::ComputeType compute_type_{};
  std::shared_ptr<ops::Device> gpu_;
};

}  // namespace wtrt::runtime
