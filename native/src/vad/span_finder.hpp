// From probabilities to spans of speech, as faster-whisper's get_speech_timestamps decides (faster_whisper/vad.py,
// 1.2), frame by frame: neither the probabilities nor the recording are kept.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>

#include "vad/speech_detector.hpp"

namespace wtrt::vad {

// Names and meanings are faster-whisper's.
struct VadOptions {
  double threshold = 0.5;               // speech begins at this probability
  std::optional<double> neg_threshold;  // silence begins below it; none: threshold - 0.15, at least 0.01
  int32_t min_speech_duration_ms = 0;   // what is not longer is dropped
  double max_speech_duration_s =
      std::numeric_limits<double>::infinity();  // what is longer is cut, at a pause if it has one
  int32_t min_silence_duration_ms = 2000;       // a shorter silence does not end a span
  int32_t speech_pad_ms = 400;                  // added on either side
};

// Throws invalid_argument naming the option, the value and its range.
void check_options(const VadOptions& options);

struct SpeechSpan {
  int64_t start = 0, end = 0;  // samples: [start, end)
  bool operator==(const SpeechSpan&) const = default;
};

class SpanFinder {
 public:
  explicit SpanFinder(const VadOptions& options);  // throws as check_options

  void add(float probability);   // of the next frame
  void finish(int64_t samples);  // the recording ended after so many

  // The next span that is settled with both its ends; each is handed out once.
  std::optional<SpeechSpan> next();
  // After those: a span that has begun for certain and reaches at least to `end`.
  std::optional<SpeechSpan> open() const;
  // No span but those settled or open begins before this sample.
  int64_t searched() const;

 private:
  void turn(int64_t at, float probability);
  void leave(int64_t end, bool even_if_short);
  void become_certain();
  int64_t earliest_start() const;

  float threshold_, neg_threshold_;  // compared in the probabilities' own precision, as NumPy does
  double max_speech_;
  int64_t min_speech_, min_silence_, pad_;  // samples

  int64_t now_ = 0;  // where the next frame begins
  bool triggered_ = false;
  std::optional<int64_t> start_;     // of the speech under way, without padding
  bool certain_ = false;             // it will be kept; it is the open span then
  int64_t silence_from_ = 0;         // where the silence within it began; 0: there is none
  int64_t pause_ = 0, resumed_ = 0;  // the last pause long enough to cut at, and where speech went on; 0: none

  std::optional<SpeechSpan> last_;  // left, but its end may still be moved by a neighbour; its start is padded
  int64_t open_start_ = 0;          // of the open span, padded
  std::deque<SpeechSpan> settled_;
};

}  // namespace wtrt::vad
