#include "whisper/clips.hpp"

#include <cmath>

namespace wtrt::whisper {
namespace {

constexpr double kFramesPerSecond = 100;

int64_t frame_at(double seconds) { return static_cast<int64_t>(std::nearbyint(seconds * kFramesPerSecond)); }

}  // namespace

std::vector<Clip> clips_of(std::span<const double> timestamps) {
  if (timestamps.empty()) return {Clip{}};
  std::vector<Clip> clips;
  for (size_t i = 0; i < timestamps.size(); i += 2) {
    clips.push_back({.start = frame_at(timestamps[i])});
    if (i + 1 < timestamps.size()) clips.back().end = frame_at(timestamps[i + 1]);
  }
  return clips;
}

}  // namespace wtrt::whisper
