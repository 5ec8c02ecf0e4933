#include "audio/log_mel.hpp"

#include <algorithm>
#include <string>

#include "audio/mel_kernel.hpp"
#include "common/error.hpp"

namespace wtrt::audio {
namespace {

// Sample `at` of the samples followed by zeros up to `total`, mirrored at both ends.
float mirrored(std::span<const float> samples, int64_t total, int64_t at) {
  if (at < 0) at = -at;
  if (at >= total) at = 2 * (total - 1) - at;
  return at >= 0 && at < static_cast<int64_t>(samples.size()) ? samples[static_cast<size_t>(at)] : 0.0f;
}

}  // namespace

std::vector<float> log_mel(std::span<const float> samples, int n_mels, int64_t padding) {
  const MelKernel kernel(n_mels);
  const auto size = static_cast<int64_t>(samples.size());
  if (padding < 0 || padding > int64_t{1} << 40) {
    throw Error(ErrorCode::invalid_argument,
                "padding is " + std::to_string(padding) + " samples: 0 to 2^40 are possible");
  }
  const int64_t total = size + padding;
  if (total > 0 && total <= kFrameLead) {
    throw Error(ErrorCode::invalid_argument, "a log-mel needs more than 200 samples or padding, not " +
                                                 std::to_string(total) + ": its first frame is mirrored at the start");
  }
  const auto frames = static_cast<size_t>(total / kHopLength);
  std::vector<float> mel(static_cast<size_t>(n_mels) * frames);
  std::vector<float> out(static_cast<size_t>(n_mels) * kBlockFrames);
  std::vector<float> edge(kBlockSamples);
  float maximum = kLogFloor;
  for (size_t frame = 0; frame < frames; frame += kBlockFrames) {
    const int64_t start = static_cast<int64_t>(frame) * kHopLength - kFrameLead;
    const float* from = edge.data();
    if (start < 0 || start + kBlockSamples > size) {
      for (int i = 0; i < kBlockSamples; ++i) edge[static_cast<size_t>(i)] = mirrored(samples, total, start + i);
    } else {
      from = samples.data() + start;
    }
    kernel.block(from, out.data());
    const size_t count = std::min<size_t>(kBlockFrames, frames - frame);
    for (size_t m = 0; m < static_cast<size_t>(n_mels); ++m) {
      const float* row = out.data() + m * kBlockFrames;
      for (size_t i = 0; i < count; ++i) maximum = std::max(maximum, row[i]);
      std::copy_n(row, count, mel.data() + m * frames + frame);
    }
  }
  const float least = maximum - 8.0f;
  for (float& value : mel) value = (std::max(value, least) + 4.0f) / 4.0f;
  return mel;
}

}  // namespace wtrt::audio
