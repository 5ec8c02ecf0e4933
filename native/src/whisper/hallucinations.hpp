// Where to go on after a window whose words have times, and which of its segments were made up (whisper/transcribe.py).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "output/writers.hpp"

namespace wtrt::whisper {

// A window in its recording, in mel frames of 10 ms.
struct WindowSpan {
  int64_t seek = 0, frames = 0;
  int64_t content = -1;  // of the whole recording; -1 while unknown
};

// Words that are very short, very long or improbable are likely to be made up.
bool is_anomaly(const output::Segment& segment);

// Where the last word ends, or the last segment if none has words; none without segments.
std::optional<double> last_end(std::span<const output::Segment> segments);

struct NextSeek {
  int64_t seek = 0;
  bool skipped = false;  // the window begins with silence and is decoded again without it: nothing of it counts
};

// `seek`: where the window's timestamps lead; `closed`: they say that nothing follows. Where they do not, the last
// word's end counts. With a `threshold` (seconds), silences longer than that next to made-up text are skipped, and that
// text leaves `segments`. `last_speech`: where the last word before this window ended, in seconds.
NextSeek seek_by_words(std::vector<output::Segment>& segments, const WindowSpan& window, int64_t seek, bool closed,
                       std::optional<double> threshold, double last_speech);

}  // namespace wtrt::whisper
