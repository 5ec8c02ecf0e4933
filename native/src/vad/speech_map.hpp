// Which parts of a recording were kept, and where the time of what was kept lies in the recording: faster-whisper's
// SpeechTimestampsMap, growing as speech is found. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "output/writers.hpp"
#include "vad/span_finder.hpp"

namespace wtrt::vad {

class SpeechMap {
 public:
  // ---- whoever finds the speech, in order ----
  void open(int64_t start);      // a span that is kept has begun; again for the same one: nothing
  void settle(SpeechSpan span);  // it has ended; opens it if need be
  void finish(int64_t samples);  // the recording has ended
  void clear();

  // ---- whoever needs to know ----
  // Seconds of the recording at these seconds of what was kept, to hundredths. Where a span ends and the next one
  // begins at once, the end of something lies in the first.
  double original_time(double seconds, bool is_end = false) const;
  // Sets a segment's times, and those of its words, to the recording's. A word lies in one span; a segment with words
  // begins with the first and ends with the last.
  void restore(output::Segment& segment) const;
  std::vector<SpeechSpan> spans() const;  // those settled
  int64_t kept() const;                   // samples in them
  std::optional<int64_t> length() const;  // samples of the recording, once it has ended

 private:
  size_t chunk_at(double seconds, bool is_end) const;
  double original_time(double seconds, size_t chunk) const;
  int64_t skipped_before(size_t chunk) const { return spans_[chunk].start - kept_until_[chunk]; }

  mutable std::mutex mutex_;
  std::vector<SpeechSpan> spans_;    // the last may be open: its end is far away
  std::vector<int64_t> kept_until_;  // samples kept before each
  std::optional<int64_t> length_;
};

}  // namespace wtrt::vad
