// How many times faster than real time is the detection of speech on one core? One JSON line per instruction set.
// Usage: vad_bench [SECONDS_OF_AUDIO]
#include <cstdio>
#include <vector>

#include "sound_bench.hpp"
#include "vad/silero.hpp"

using namespace wtrt::vad;

int main(int argc, char** argv) {
  const double length = sound_length(argc, argv, 120.0);
  if (length == 0) return 2;
  const auto frames = static_cast<size_t>(length * kSampleRate) / kFrameSamples;
  const std::vector<float> samples = noise(frames * kFrameSamples);
  std::vector<float> probabilities(frames);
  const auto weights = SileroWeights::bundled();
  for (const SileroKernel& kernel : silero_kernels()) {
    SileroDetector detector(weights, kernel);
    const double whole = seconds_of([&] { detector.detect(samples, probabilities); });
    const double live = seconds_of([&] {  // frame by frame, as they come from a microphone
      for (size_t i = 0; i < frames / 8; ++i) {
        detector.detect({samples.data() + i * kFrameSamples, kFrameSamples}, {probabilities.data() + i, 1});
      }
    });
    std::printf(
        "{\"bench\": \"vad\", \"isa\": \"%s\", \"audio_s\": %.0f, \"seconds\": %.4f, \"times_real_time\": %.0f, "
        "\"frame_by_frame_times_real_time\": %.0f}\n",
        kernel.name, length, whole, length / whole, length / 8 / live);
  }
}
