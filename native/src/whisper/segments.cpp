#include "whisper/segments.hpp"

#include "common/utf8.hpp"
#include "text/normalizer.hpp"

namespace wtrt::whisper {
namespace {

constexpr int kFramesPerTimestamp = 2;  // mel frames per encoder position
constexpr double kTimestampSeconds = kFramesPerTimestamp * 160.0 / 16000.0;

// Builds segments of one window; all share its seek and figures.
class Cutter {
 public:
  Cutter(const DecodedWindow& window, const WindowQuality& quality, int64_t seek, const text::Tokenizer& tokenizer)
      : window_(window), quality_(quality), seek_(seek), tokenizer_(tokenizer) {}

  void add(double start, double end, std::span<const text::TokenId> tokens) {
    output::Segment segment;
    segment.seek = seek_;
    segment.start = start;
    segment.end = end;
    segment.temperature = window_.temperature;
    segment.avg_logprob = quality_.avg_logprob;
    segment.compression_ratio = quality_.compression_ratio;
    segment.no_speech_prob = window_.no_speech_prob;
    std::vector<text::TokenId> spoken;
    for (const text::TokenId id : tokens) {
      if (id < tokenizer_.special().eot) spoken.push_back(id);
    }
    segment.text = tokenizer_.decode(spoken);
    segment.tokens.assign(tokens.begin(), tokens.end());
    segments.push_back(std::move(segment));
  }

  std::vector<output::Segment> segments;

 private:
  const DecodedWindow& window_;
  const WindowQuality& quality_;
  int64_t seek_;
  const text::Tokenizer& tokenizer_;
};

}  // namespace

WindowQuality measure(const DecodedWindow& window, const text::Tokenizer& tokenizer) {
  const std::string text = tokenizer.decode(window.tokens);
  return {window.sum_logprob / (static_cast<double>(window.tokens.size()) + 1), text::compression_ratio(strip(text))};
}

CutWindow cut_segments(const DecodedWindow& window, const WindowQuality& quality, int64_t seek, int64_t frames,
                       const text::Tokenizer& tokenizer) {
  const text::TokenId begin = tokenizer.special().timestamp_begin;
  const std::span<const text::TokenId> tokens = window.tokens;
  const auto is_time = [&](size_t i) { return tokens[i] >= begin; };
  const double offset = static_cast<double>(seek * 160) / 16000.0;

  std::vector<size_t> cuts;  // where one segment's closing timestamp is followed by the next one's opening
  for (size_t i = 1; i < tokens.size(); ++i) {
    if (is_time(i - 1) && is_time(i)) cuts.push_back(i);
  }
  const bool single_ending = tokens.size() >= 2 && is_time(tokens.size() - 1) && !is_time(tokens.size() - 2);

  CutWindow result;
  Cutter cutter(window, quality, seek, tokenizer);
  if (cuts.empty()) {
    double duration = static_cast<double>(frames * 160) / 16000.0;
    for (size_t i = tokens.size(); i-- > 0;) {
      if (!is_time(i)) continue;
      if (tokens[i] != begin) duration = (tokens[i] - begin) * kTimestampSeconds;
      break;
    }
    cutter.add(offset, offset + duration, tokens);
    result.advance = frames;
  } else {
    if (single_ending) cuts.push_back(tokens.size());
    size_t from = 0;
    for (const size_t to : cuts) {
      const auto slice = tokens.subspan(from, to - from);
      cutter.add(offset + (slice.front() - begin) * kTimestampSeconds,
                 offset + (slice.back() - begin) * kTimestampSeconds, slice);
      from = to;
    }
    result.advance = single_ending ? frames : static_cast<int64_t>(tokens[from - 1] - begin) * kFramesPerTimestamp;
  }
  result.segments = std::move(cutter.segments);
  result.closed = single_ending;
  return result;
}

void empty_blank_segments(std::span<output::Segment> segments) {
  for (output::Segment& segment : segments) {
    if (segment.start != segment.end && !strip(segment.text).empty()) continue;
    segment.text.clear();
    segment.tokens.clear();
    segment.words.clear();
  }
}

}  // namespace wtrt::whisper
