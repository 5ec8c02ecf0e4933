// The arithmetic of the log-mel: sixteen frames at a time, one per vector lane.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "audio/log_mel.hpp"

namespace wtrt::audio {

constexpr int kBlockSamples = kBlockAdvance + kBlockOverlap;  // samples that the frames of a block see

// What the kernel reads: plain arrays, because each instruction set's translation unit sees only this.
struct MelTables {
  const float* window;         // [400] Hann
  const double* twiddle25_re;  // [25] e^(-2πi bc/25) at 5 c + b
  const double* twiddle25_im;
  const double* twiddle400_re;  // [101] e^(-2πi k/400)
  const double* twiddle400_im;
  const uint16_t* slot;  // [200] where frequency k of the complex transform lies
  int n_mels;
  const uint16_t* first_bin;     // [n_mels] first frequency of each filter
  const uint16_t* bin_count;     // [n_mels]
  const uint32_t* first_weight;  // [n_mels] into weights
  const float* weights;
};

// Reads kBlockSamples samples; writes log10 of the mel power (at least kLogFloor) as [n_mels, kBlockFrames].
using MelKernelFunction = void (*)(const MelTables& tables, const float* samples, float* out);

struct MelKernelVariant {
  const char* name;
  MelKernelFunction function;
};

class MelKernel final : public MelFrames {
 public:
  explicit MelKernel(int n_mels);  // throws invalid_argument
  ~MelKernel() override;
  int n_mels() const override;
  int most_blocks() const override { return 1; }
  void make(const float* samples, int blocks, float* out) const override;

  // Those this processor can run, the fastest first. All give the same bits.
  static std::vector<MelKernelVariant> variants();
  const MelTables& tables() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wtrt::audio
