#include "vad/span_finder.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/error.hpp"

namespace wtrt::vad {
namespace {

constexpr int64_t kSamplesPerMs = kSampleRate / 1000;
constexpr int64_t kCutPause = 98 * kSamplesPerMs;  // a span that is too long is cut at a pause longer than this
constexpr int32_t kLongest = 3'600'000;            // ms

[[noreturn]] void refuse(const std::string& name, const std::string& value, const std::string& range) {
  throw Error(ErrorCode::invalid_argument, name + ": " + value + " is outside " + range);
}

void check_duration(const std::string& name, int32_t ms) {
  if (ms < 0 || ms > kLongest) refuse(name, std::to_string(ms), "0.." + std::to_string(kLongest) + " ms");
}

void check_probability(const std::string& name, double value) {
  if (!(value >= 0 && value <= 1)) refuse(name, std::to_string(value), "0..1");
}

}  // namespace

void check_options(const VadOptions& options) {
  check_probability("vad_threshold", options.threshold);
  if (options.neg_threshold) check_probability("vad_neg_threshold", *options.neg_threshold);
  check_duration("vad_min_speech_duration_ms", options.min_speech_duration_ms);
  check_duration("vad_min_silence_duration_ms", options.min_silence_duration_ms);
  check_duration("vad_speech_pad_ms", options.speech_pad_ms);
  if (!(options.max_speech_duration_s > 0)) {
    refuse("vad_max_speech_duration_s", std::to_string(options.max_speech_duration_s), "above 0..infinity");
  }
}

SpanFinder::SpanFinder(const VadOptions& options) {
  check_options(options);
  threshold_ = static_cast<float>(options.threshold);
  neg_threshold_ = static_cast<float>(options.neg_threshold.value_or(std::max(options.threshold - 0.15, 0.01)));
  min_speech_ = options.min_speech_duration_ms * kSamplesPerMs;
  min_silence_ = options.min_silence_duration_ms * kSamplesPerMs;
  pad_ = options.speech_pad_ms * kSamplesPerMs;
  max_speech_ = kSampleRate * options.max_speech_duration_s - kFrameSamples - 2 * static_cast<double>(pad_);
}

void SpanFinder::add(float probability) {
  const int64_t at = now_;
  now_ += kFrameSamples;
  turn(at, probability);
  // Wherever it ends now, it ends at the silence it is in, or later than this frame began.
  if (start_ && !certain_ && (silence_from_ != 0 ? silence_from_ : at) - *start_ > min_speech_) become_certain();
  // A neighbour within twice the padding would share the silence between them.
  if (last_ && earliest_start() - last_->end >= 2 * pad_ && last_->end + pad_ <= at) {
    settled_.push_back({last_->start, last_->end + pad_});
    last_.reset();
  }
}

// One turn of the reference's loop.
void SpanFinder::turn(int64_t at, float probability) {
  const bool speech = probability >= threshold_;
  if (speech && silence_from_ != 0) {
    silence_from_ = 0;
    if (resumed_ < pause_) resumed_ = at;
  }
  if (speech && !triggered_) {
    triggered_ = true;
    start_ = at;
    return;
  }
  if (triggered_ && static_cast<double>(at - *start_) > max_speech_) {
    const int64_t pause = pause_, resumed = resumed_;
    leave(pause != 0 ? pause : at, true);
    if (pause == 0) return;
    if (resumed >= pause) {
      triggered_ = true;
      start_ = resumed;
    }
  }
  if (triggered_ && probability < neg_threshold_) {
    if (silence_from_ == 0) silence_from_ = at;
    if (at - silence_from_ > kCutPause) pause_ = silence_from_;
    if (at - silence_from_ >= min_silence_) leave(silence_from_, false);
  }
}

// The speech under way has ended: it becomes the last span, or is too short to be one.
void SpanFinder::leave(int64_t end, bool even_if_short) {
  if (even_if_short || end - *start_ > min_speech_) {
    if (!certain_) become_certain();
    last_ = {open_start_, end};
  }
  triggered_ = certain_ = false;
  start_.reset();
  silence_from_ = pause_ = resumed_ = 0;
}

// Now the padding between it and the span before is known.
void SpanFinder::become_certain() {
  int64_t pad = pad_;
  if (last_) {
    const int64_t between = *start_ - last_->end;
    if (between < 2 * pad_) pad = between / 2;
    settled_.push_back({last_->start, last_->end + pad});
    last_.reset();
  }
  certain_ = true;
  open_start_ = std::max<int64_t>(0, *start_ - pad);
}

void SpanFinder::finish(int64_t samples) {
  if (start_) leave(samples, false);
  if (last_) settled_.push_back({last_->start, std::min(samples, last_->end + pad_)});
  last_.reset();
}

std::optional<SpeechSpan> SpanFinder::next() {
  if (settled_.empty()) return std::nullopt;
  const SpeechSpan span = settled_.front();
  settled_.pop_front();
  return span;
}

std::optional<SpeechSpan> SpanFinder::open() const {
  if (!certain_) return std::nullopt;
  const bool may_be_cut = std::isfinite(max_speech_) && pause_ != 0;
  return SpeechSpan{open_start_, may_be_cut ? pause_ : silence_from_ != 0 ? silence_from_ : now_};
}

int64_t SpanFinder::earliest_start() const { return start_ ? *start_ : now_; }

int64_t SpanFinder::searched() const {
  if (last_) return last_->start;
  if (certain_) return open_start_;
  return std::max<int64_t>(0, earliest_start() - pad_);
}

}  // namespace wtrt::vad
