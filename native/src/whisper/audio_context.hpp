// How many positions of the encoder a window is given: 1,500 for its 30 s, or fewer where it holds less sound.
#pragma once

#include <cstdint>
#include <optional>

namespace wtrt::whisper {

constexpr int32_t kFullContext = 1500;  // a position is two mel frames: 20 ms

// Short windows are multiples of this long, so that windows of one length meet and are encoded together.
constexpr int32_t kContextGrid = 64;

struct AudioContext {
  std::optional<int32_t> positions = kFullContext;  // none: as many as the sound takes, and the tail
  int32_t tail = 128;                               // positions of silence behind the sound
};

// Positions for a window of `frames` real mel frames: on the grid, at most kFullContext.
int32_t window_positions(const AudioContext& asked, int64_t frames);

}  // namespace wtrt::whisper
