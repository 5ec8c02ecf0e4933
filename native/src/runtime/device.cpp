#include "runtime/device.hpp"

#include "backends/module.hpp"
#include "common/error.hpp"
#include "common/log.hpp"

namespace wtrt::runtime {
namespace {

// Why no GPU can be had; empty: the one asked for can.
std::string refusal_of(int32_t index) {
  const backends::Module& module = backends::cuda_module();
  if (module.backend == nullptr) return module.reason;
  std::string refusal;
  const auto devices = module.backend->devices(refusal);
  if (devices.empty()) return refusal;
  const auto at = static_cast<size_t>(index);
  return at < devices.size() ? devices[at].refusal : "there is no GPU " + std::to_string(index);
}

}  // namespace

ChosenDevice ChosenDevice::choose(const DeviceOptions& options) {
  ChosenDevice chosen;
  const bool automatic = !options.kind.has_value();
  if (options.kind != DeviceKind::cpu) {
    const std::string refusal = refusal_of(options.index);
    const bool wants_int8 = options.compute_type == ops::ComputeType::i8;  // the CPU's alone
    if (refusal.empty() && !(automatic && wants_int8)) {
      chosen.compute_type_ = options.compute_type.value_or(ops::ComputeType::f16);
      chosen.gpu_ =
          backends::cuda_module().backend->open(options.index, chosen.compute_type_, backends::host_services());
      chosen.cpu_ = cpu::resolve({.isa = options.isa, .compute_type = {}, .threads = options.threads});
      return chosen;
    }
    if (!automatic) {
      throw Error(ErrorCode::unsupported,
                  "device: cuda was asked for, but " + refusal + "; `doctor` says more, device auto takes the CPU");
    }
  }
  if (options.compute_type == ops::ComputeType::f16) {
    throw Error(ErrorCode::unsupported,
                "compute_type: float16 is for GPUs; on the CPU use float32, bfloat16, int8 or auto");
  }
  chosen.cpu_ = cpu::resolve({.isa = options.isa, .compute_type = options.compute_type, .threads = options.threads});
  chosen.compute_type_ = chosen.cpu_.compute_type;
  return chosen;
}

std::string ChosenDevice::name() const {
  return gpu_ ? "cuda:" + std::to_string(gpu_->info().index) + " (" + gpu_->info().name + ")" : "the CPU";
}

}  // namespace wtrt::runtime
