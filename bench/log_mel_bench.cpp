// How many times faster than real time is the log-mel on one core? One JSON line per number of bins.
// Usage: log_mel_bench [SECONDS_OF_AUDIO]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "audio/log_mel.hpp"
#include "audio/mel_kernel.hpp"

namespace {

using namespace wtrt::audio;

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
  const double length = argc > 1 ? std::atof(argv[1]) : 600.0;
  if (!(length >= 1.0 && length <= 36000.0)) {
    std::fprintf(stderr, "seconds of audio: 1 to 36000\n");
    return 2;
  }
  const std::vector<float> samples = noise(static_cast<size_t>(length * kSampleRate));
  for (const int n_mels : {80, 128}) {
    const double whole = seconds_of([&] { log_mel(samples, n_mels, 0); });
    std::printf(
        "{\"bench\": \"log_mel\", \"n_mels\": %d, \"audio_s\": %.0f, \"seconds\": %.4f, \"times_real_time\": %.0f",
        n_mels, length, whole, length / whole);
    const MelKernel kernel(n_mels);
    std::vector<float> out(static_cast<size_t>(n_mels) * kBlockFrames);
    for (const MelKernelVariant& variant : MelKernel::variants()) {
      const double took = seconds_of([&] {
        for (size_t at = 0; at + kBlockSamples <= samples.size(); at += size_t{kBlockFrames} * kHopLength) {
          variant.function(kernel.tables(), samples.data() + at, out.data());
        }
      });
      std::printf(", \"kernel_%s_times_real_time\": %.0f", variant.name, length / took);
    }
    std::printf("}\n");
  }
}
