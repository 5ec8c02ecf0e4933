#include "whisper/audio_context.hpp"

#include <algorithm>

namespace wtrt::whisper {

int32_t window_positions(const AudioContext& asked, int64_t frames) {
  const int64_t wanted = asked.positions ? *asked.positions : (frames + 1) / 2 + asked.tail;
  const int64_t steps = std::max<int64_t>(1, (wanted + kContextGrid - 1) / kContextGrid);
  return static_cast<int32_t>(std::min<int64_t>(kFullContext, steps * kContextGrid));
}

}  // namespace wtrt::whisper
