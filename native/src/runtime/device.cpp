#include "runtime/device.hpp"

#include "audio/mel_kernel.hpp"
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

// Frames that a GPU makes, ten seconds of audio at once: enough for the multiprocessors of a large one.
class DeviceMelFrames final : public audio::MelFrames {
 public:
  DeviceMelFrames(ops::Device& device, int32_t mels)
      : mels_(mels),
        log_mel_(device.make_log_mel({audio::mel_filters(mels), mels, audio::kBlockFrames, kMostBlocks})) {}
  int n_mels() const override { return mels_; }
  int most_blocks() const override { return kMostBlocks; }
  void make(const float* samples, int blocks, float* out) const override { log_mel_->make(samples, blocks, out); }

 private:
  static constexpr int kMostBlocks = 63;
  int32_t mels_;
  std::unique_ptr<ops::LogMel> log_mel_;
};

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

std::shared_ptr<const audio::MelFrames> ChosenDevice::make_mel_frames(int32_t mels) const {
  if (gpu_) return std::make_shared<DeviceMelFrames>(*gpu_, mels);
  return std::make_shared<audio::MelKernel>(mels);
}

std::string ChosenDevice::name() const {
  return gpu_ ? "cuda:" + std::to_string(gpu_->info().index) + " (" + gpu_->info().name + ")" : "the CPU";
}

}  // namespace wtrt::runtime
