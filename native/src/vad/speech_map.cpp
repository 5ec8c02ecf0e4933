#include "vad/speech_map.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace wtrt::vad {
namespace {

constexpr int64_t kFarAway = std::numeric_limits<int64_t>::max();

// As Python's round(x, 2): the exact value of the double to the nearest hundredth.
double to_hundredths(double value) {
  char digits[400];
  const auto written = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, 2);
  double rounded = value;
  std::from_chars(digits, written.ptr, rounded);
  return rounded;
}

}  // namespace

void SpeechMap::open(int64_t start) {
  const std::lock_guard lock(mutex_);
  if (!spans_.empty() && spans_.back().end == kFarAway) return;
  kept_until_.push_back(spans_.empty() ? 0 : kept_until_.back() + spans_.back().end - spans_.back().start);
  spans_.push_back({start, kFarAway});
}

void SpeechMap::settle(SpeechSpan span) {
  open(span.start);
  const std::lock_guard lock(mutex_);
  spans_.back().end = span.end;
}

void SpeechMap::finish(int64_t samples) {
  const std::lock_guard lock(mutex_);
  length_ = samples;
}

void SpeechMap::clear() {
  const std::lock_guard lock(mutex_);
  spans_.clear();
  kept_until_.clear();
  length_.reset();
}

// The first span that ends after this sample, counted in what was kept; the last one where none does.
size_t SpeechMap::chunk_at(double seconds, bool is_end) const {
  const auto sample = static_cast<int64_t>(seconds * kSampleRate);
  // Each ends where the next one begins.
  const auto after = is_end ? std::lower_bound(kept_until_.begin(), kept_until_.end(), sample)
                            : std::upper_bound(kept_until_.begin(), kept_until_.end(), sample);
  return after == kept_until_.begin() ? 0 : static_cast<size_t>(after - kept_until_.begin()) - 1;
}

double SpeechMap::original_time(double seconds, size_t chunk) const {
  return to_hundredths(static_cast<double>(skipped_before(chunk)) / kSampleRate + seconds);
}

double SpeechMap::original_time(double seconds, bool is_end) const {
  const std::lock_guard lock(mutex_);
  return spans_.empty() ? seconds : original_time(seconds, chunk_at(seconds, is_end));
}

void SpeechMap::restore(output::Segment& segment) const {
  const std::lock_guard lock(mutex_);
  if (spans_.empty()) return;
  for (output::Word& word : segment.words) {
    const size_t chunk = chunk_at((word.start + word.end) / 2, false);
    word.start = original_time(word.start, chunk);
    word.end = original_time(word.end, chunk);
  }
  if (!segment.words.empty()) {
    segment.start = segment.words.front().start;
    segment.end = segment.words.back().end;
  } else {
    segment.start = original_time(segment.start, chunk_at(segment.start, false));
    segment.end = original_time(segment.end, chunk_at(segment.end, true));
  }
}

std::vector<SpeechSpan> SpeechMap::spans() const {
  const std::lock_guard lock(mutex_);
  std::vector<SpeechSpan> settled = spans_;
  if (!settled.empty() && settled.back().end == kFarAway) settled.pop_back();
  return settled;
}

int64_t SpeechMap::kept() const {
  int64_t samples = 0;
  for (const SpeechSpan& span : spans()) samples += span.end - span.start;
  return samples;
}

std::optional<int64_t> SpeechMap::length() const {
  const std::lock_guard lock(mutex_);
  return length_;
}

}  // namespace wtrt::vad
