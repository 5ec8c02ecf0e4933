// Any sample rate to 16 kHz by soxr, as a stream.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace wtrt::audio {

class Resampler {
 public:
  // The rates that can be resampled: wider than any recording, narrow enough to bound the work per input byte.
  static constexpr int kLowestRate = 1000;
  static constexpr int kHighestRate = 2'000'000;

  // True when the build has soxr.
  static bool available();
  static std::string version();  // empty without soxr

  // Throws unsupported without soxr.
  explicit Resampler(int rate);
  ~Resampler();
  // Appends what `in` gives to `out`; an empty `in` flushes the end.
  void process(std::span<const float> in, std::vector<float>& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wtrt::audio
