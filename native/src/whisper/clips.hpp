// The parts of a recording that are transcribed, as openai/whisper's clip_timestamps gives them.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace wtrt::whisper {

struct Clip {  // mel frames of 10 ms: [start, end)
  int64_t start = 0, end = std::numeric_limits<int64_t>::max();
  bool operator==(const Clip&) const = default;
};

// From start, end, … in seconds, to frames, halves to even. Without an end the last clip goes on to that of the
// recording, and without any timestamp it is all of it.
std::vector<Clip> clips_of(std::span<const double> timestamps);

}  // namespace wtrt::whisper
