// How many times faster than real time is the log-mel on one core? One JSON line per number of bins.
// Usage: log_mel_bench [SECONDS_OF_AUDIO]
#include <cstdio>
#include <vector>

#include "audio/log_mel.hpp"
#include "audio/mel_kernel.hpp"
#include "sound_bench.hpp"

using namespace wtrt::audio;

int main(int argc, char** argv) {
  const double length = sound_length(argc, argv, 600.0);
  if (length == 0) return 2;
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
