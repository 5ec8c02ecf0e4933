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

// Frames of a recording that ends `padding` zeros after its samples.
int64_t frames_of(int64_t samples, int64_t padding) {
  if (padding < 0 || padding > int64_t{1} << 40) {
    throw Error(ErrorCode::invalid_argument,
                "padding is " + std::to_string(padding) + " samples: 0 to 2^40 are possible");
  }
  const int64_t total = samples + padding;
  if (total > 0 && total <= kFrameLead) {
    throw Error(ErrorCode::invalid_argument, "a log-mel needs more than 200 samples or padding, not " +
                                                 std::to_string(total) + ": its first frame is mirrored at the start");
  }
  return total / kHopLength;
}

}  // namespace

std::vector<float> log_mel(std::span<const float> samples, const MelFrames& maker, int64_t padding) {
  const auto size = static_cast<int64_t>(samples.size());
  const int64_t frames = frames_of(size, padding), mels = maker.n_mels();
  const int64_t most = std::min<int64_t>(maker.most_blocks(), (frames + kBlockFrames - 1) / kBlockFrames);
  std::vector<float> mel(static_cast<size_t>(mels * frames));
  std::vector<float> out(static_cast<size_t>(most * mels * kBlockFrames));
  std::vector<float> edge(static_cast<size_t>(most * kBlockAdvance + kBlockOverlap));
  float maximum = kLogFloor;
  for (int64_t frame = 0, blocks = 0; frame < frames; frame += blocks * kBlockFrames) {
    blocks = std::min(most, (frames - frame + kBlockFrames - 1) / kBlockFrames);
    const int64_t start = frame * kHopLength - kFrameLead, seen = blocks * kBlockAdvance + kBlockOverlap;
    const float* from = edge.data();
    if (start < 0 || start + seen > size) {
      for (int64_t i = 0; i < seen; ++i) edge[static_cast<size_t>(i)] = mirrored(samples, size + padding, start + i);
    } else {
      from = samples.data() + start;
    }
    maker.make(from, static_cast<int>(blocks), out.data());
    for (int64_t row = 0; row < blocks * mels; ++row) {
      const int64_t at = frame + row / mels * kBlockFrames, count = std::min<int64_t>(kBlockFrames, frames - at);
      const float* values = out.data() + row * kBlockFrames;
      for (int64_t i = 0; i < count; ++i) maximum = std::max(maximum, values[i]);
      std::copy_n(values, count, mel.data() + row % mels * frames + at);
    }
  }
  const float least = maximum - 8.0f;
  for (float& value : mel) value = (std::max(value, least) + 4.0f) / 4.0f;
  return mel;
}

std::vector<float> log_mel(std::span<const float> samples, int n_mels, int64_t padding) {
  return log_mel(samples, MelKernel(n_mels), padding);
}

}  // namespace wtrt::audio
