// How many times faster than real time is the detection of speech on one core? One JSON line per instruction set.
// Usage: vad_bench [SECONDS_OF_AUDIO]
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "vad/silero.hpp"

namespace {

using namespace wtrt::vad;

std::vector<float> noise(size_t count) {
  std::vector<float> samples(count);
  uint32_t state = 1;
  for (float& sample : samples) {
    state = state * 1664525u + 1013904223u;
    sample = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-33f;
  }
  return samples;
}

double seconds_of(auto act) {
  double best = 1e30;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    act();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = took.count() < best ? took.count() : best;
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const double length = argc > 1 ? std::atof(argv[1]) : 120.0;
  if (!(length >= 1.0 && length <= 36000.0)) {
    std::fprintf(stderr, "seconds of audio: 1 to 36000\n");
    return 2;
  }
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
