#include "whisper/hallucinations.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace wtrt::whisper {
namespace {

constexpr std::string_view kPunctuation =
    "\"'“¿([{-\"'.。,，!！?？:：”)]}、";  // all that may be joined to a word by default
constexpr int64_t kWindowFrames = 3000;
constexpr double kFramesPerSecond = 100;
constexpr double kNearBorder = 2.0;  // seconds: this close to a window's border, silence may continue beyond it

double seconds(int64_t frames) { return static_cast<double>(frames * 160) / 16000.0; }
int64_t frames_of(double time) { return static_cast<int64_t>(std::nearbyint(time * kFramesPerSecond)); }

double anomaly_of(const output::Word& word) {
  const double duration = word.end - word.start;
  double score = word.probability < 0.15 ? 1.0 : 0.0;
  if (duration < 0.133) score += (0.133 - duration) * 15;
  if (duration > 2.0) score += duration - 2.0;
  return score;
}

// The first of `segments` that has words; null if none has.
const output::Segment* first_with_words(std::span<const output::Segment> segments) {
  const auto found = std::find_if(segments.begin(), segments.end(), [](const auto& s) { return !s.words.empty(); });
  return found == segments.end() ? nullptr : &*found;
}

// The first segment that is made up and has silence, or more of its kind, on both sides; segments.size() if there is
// none.
size_t first_hallucination(std::span<const output::Segment> segments, const WindowSpan& window, double threshold,
                           double last_speech) {
  const double begin = seconds(window.seek), window_end = seconds(window.seek + kWindowFrames);
  double previous_end = last_speech;
  for (size_t i = 0; i < segments.size(); ++i) {
    const output::Segment& segment = segments[i];
    if (segment.words.empty()) continue;
    if (is_anomaly(segment)) {
      const output::Segment* const next = first_with_words(segments.subspan(i + 1));
      const double next_start = next != nullptr ? next->words[0].start : begin + seconds(window.frames);
      const bool silence_before =
          segment.start - previous_end > threshold || segment.start < threshold || segment.start - begin < kNearBorder;
      const bool silence_after = next_start - segment.end > threshold || (next != nullptr && is_anomaly(*next)) ||
                                 window_end - segment.end < kNearBorder;
      if (silence_before && silence_after) return i;
    }
    previous_end = segment.end;
  }
  return segments.size();
}

}  // namespace

bool is_anomaly(const output::Segment& segment) {
  double score = 0;
  int count = 0;
  for (const output::Word& word : segment.words) {
    if (kPunctuation.find(word.text) != std::string_view::npos) continue;
    score += anomaly_of(word);
    if (++count == 8) break;
  }
  return !segment.words.empty() && (score >= 3 || score + 0.01 >= count);
}

std::optional<double> last_end(std::span<const output::Segment> segments) {
  if (segments.empty()) return std::nullopt;
  for (size_t i = segments.size(); i-- > 0;) {
    if (!segments[i].words.empty()) return segments[i].words.back().end;
  }
  return segments.back().end;
}

NextSeek seek_by_words(std::vector<output::Segment>& segments, const WindowSpan& window, int64_t seek, bool closed,
                       std::optional<double> threshold, double last_speech) {
  const double begin = seconds(window.seek);
  const std::optional<double> words_end = last_end(segments);
  const bool follows_words = !closed && words_end && *words_end > begin;
  if (follows_words) seek = frames_of(*words_end);
  if (!threshold) return {seek};

  if (follows_words && !(seconds(window.seek + kWindowFrames) - *words_end > *threshold))
    seek = window.seek + window.frames;
  const output::Segment* const first = first_with_words(segments);
  if (first != nullptr && is_anomaly(*first) && first->start - begin > *threshold) {
    return {window.seek + frames_of(first->start - begin), true};
  }
  const size_t made_up = first_hallucination(segments, window, *threshold, last_speech);
  if (made_up < segments.size()) {
    const output::Segment& segment = segments[made_up];
    seek = frames_of(std::max(begin + 1, segment.start));
    if (window.content >= 0 && seconds(window.content) - segment.end < *threshold) seek = window.content;
    segments.resize(made_up);
  }
  return {seek};
}

}  // namespace wtrt::whisper
