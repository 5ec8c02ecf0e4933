// Silero VAD 6.2 for 16 kHz: a learnt STFT, four convolutions and an LSTM cell over frames of 512 samples.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vad/silero_kernel.hpp"
#include "vad/speech_detector.hpp"

namespace wtrt::vad {

// The network's weights in the order that the kernel reads them. Immutable; shared by detectors.
class SileroWeights {
 public:
  // The content of a safetensors file; `what` names it in errors. Throws invalid_checkpoint naming the tensor that is
  // missing, of another shape or type, or not finite.
  SileroWeights(std::span<const std::byte> file, const std::string& what);

  const SileroTables& tables() const { return tables_; }

  // Those built into this library.
  static std::shared_ptr<const SileroWeights> bundled();

 private:
  std::vector<float> values_;
  SileroTables tables_{};
};

class SileroDetector final : public SpeechDetector {
 public:
  // The kernel of the widest instruction set of this CPU.
  explicit SileroDetector(std::shared_ptr<const SileroWeights> weights = SileroWeights::bundled());
  SileroDetector(std::shared_ptr<const SileroWeights> weights, SileroKernel kernel);

  void detect(std::span<const float> samples, std::span<float> probabilities) override;
  void restart() override;

 private:
  std::shared_ptr<const SileroWeights> weights_;
  SileroKernel kernel_;
  std::unique_ptr<SileroWork> work_;
};

}  // namespace wtrt::vad
