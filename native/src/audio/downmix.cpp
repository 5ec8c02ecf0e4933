#include "audio/downmix.hpp"

#include <algorithm>
#include <cmath>

namespace wtrt::audio {
namespace {

using enum Speaker;

// What a bare channel count means.
std::span<const Speaker> usual_layout(size_t channels) {
  static constexpr Speaker kStereo[] = {front_left, front_right};
  static constexpr Speaker kTwoOne[] = {front_left, front_right, low_frequency};
  static constexpr Speaker kFour[] = {front_left, front_right, front_centre, other};
  static constexpr Speaker kFive[] = {front_left, front_right, front_centre, other, other};
  static constexpr Speaker kUpToEight[] = {front_left, front_right, front_centre, low_frequency,
                                           other,      other,       other,        other};
  switch (channels) {
    case 2: return kStereo;
    case 3: return kTwoOne;
    case 4: return kFour;
    case 5: return kFive;
    case 6:
    case 7:
    case 8: return std::span(kUpToEight).first(channels);
    default: return {};
  }
}

float weight_of(Speaker speaker) {
  switch (speaker) {
    case front_left:
    case front_right:
    case other_front: return 0.70710678f;
    case front_centre: return 1.0f;
    case low_frequency: return 0.0f;
    case other:
    case unknown: return 0.5f;
  }
  return 0.0f;
}

}  // namespace

std::vector<float> downmix_weights(std::span<const Speaker> speakers) {
  const size_t channels = speakers.size();
  std::vector<float> weights(channels, 1.0f / static_cast<float>(channels));
  if (channels < 2) return weights;
  if (std::ranges::find(speakers, unknown) != speakers.end()) speakers = usual_layout(channels);
  float sum = 0.0f;
  for (const Speaker speaker : speakers) sum += weight_of(speaker);
  if (!(sum > 0.0f)) return weights;
  std::ranges::transform(speakers, weights.begin(), [sum](Speaker speaker) { return weight_of(speaker) / sum; });
  return weights;
}

std::vector<float> channel_weights(size_t channels, int channel) {
  std::vector<float> weights(channels);
  if (channel >= 0 && static_cast<size_t>(channel) < channels) weights[static_cast<size_t>(channel)] = 1.0f;
  return weights;
}

void downmix(std::span<const float> interleaved, std::span<const float> weights, std::span<float> out) {
  const size_t channels = weights.size();
  for (size_t i = 0; i < out.size(); ++i) {
    float sum = 0.0f;
    for (size_t c = 0; c < channels; ++c) sum += weights[c] * interleaved[i * channels + c];
    out[i] = std::isfinite(sum) ? sum : 0.0f;
  }
}

}  // namespace wtrt::audio
