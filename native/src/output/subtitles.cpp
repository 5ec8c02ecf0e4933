#include <algorithm>
#include <cstdio>

#include "common/utf8.hpp"
#include "output/formats.hpp"
#include "output/word_layout.hpp"

namespace wtrt::output {
namespace {

struct Style {
  bool always_hours;
  char decimal_marker;
};

struct Cue {
  std::string start, end, text;
};

std::string format_time(double seconds, Style style) {
  const int64_t total = milliseconds(seconds);
  const auto hours = static_cast<long>(total / 3'600'000);
  char text[64];
  size_t length = 0;
  if (style.always_hours || hours > 0) length = static_cast<size_t>(std::snprintf(text, sizeof text, "%02ld:", hours));
  std::snprintf(text + length, sizeof text - length, "%02ld:%02ld%c%03ld", static_cast<long>(total / 60'000 % 60),
                static_cast<long>(total / 1000 % 60), style.decimal_marker, static_cast<long>(total % 1000));
  return text;
}

std::string text_of(const Subtitle& subtitle) {
  std::string text;
  for (const Timing& timing : subtitle) text += encode_utf8(timing.text);
  return text;
}

// Underlines what follows the word's leading white space; a word of several lines stays as it is.
std::u32string underlined(const std::u32string& word) {
  const size_t begin = word_begin(word);
  const size_t line_end = std::min(word.find(U'\n', begin), word.size());
  if (line_end + 1 < word.size()) return word;
  return word.substr(0, begin) + U"<u>" + word.substr(begin, line_end - begin) + U"</u>" + word.substr(line_end);
}

void append_highlighted(const Subtitle& subtitle, Style style, std::vector<Cue>& cues) {
  const std::string plain = text_of(subtitle);
  std::string last = format_time(subtitle.front().start, style);
  for (size_t i = 0; i < subtitle.size(); ++i) {
    const std::string start = format_time(subtitle[i].start, style), end = format_time(subtitle[i].end, style);
    if (last != start) cues.push_back({last, start, plain});
    Subtitle marked = subtitle;
    marked[i].text = underlined(marked[i].text);
    cues.push_back({start, end, text_of(marked)});
    last = end;
  }
}

std::vector<Cue> cues_of_words(const std::vector<Segment>& segments, const WordLayout& layout, Style style) {
  std::vector<Cue> cues;
  for (const Subtitle& subtitle : arrange_words(segments, layout)) {
    if (layout.highlight_words) {
      append_highlighted(subtitle, style, cues);
    } else {
      cues.push_back(
          {format_time(subtitle.front().start, style), format_time(subtitle.back().end, style), text_of(subtitle)});
    }
  }
  return cues;
}

std::vector<Cue> cues_of_segments(const std::vector<Segment>& segments, Style style) {
  std::vector<Cue> cues;
  for (const Segment& segment : segments) {
    std::string text = strip(std::string_view(segment.text));
    for (size_t i = 0; (i = text.find("-->", i)) != std::string::npos; i += 2) text.replace(i, 3, "->");
    cues.push_back({format_time(segment.start, style), format_time(segment.end, style), std::move(text)});
  }
  return cues;
}

std::vector<Cue> cues_of(const Transcript& transcript, const WordLayout& layout, Style style) {
  const auto& segments = transcript.segments;
  return has_words(segments) ? cues_of_words(segments, layout, style) : cues_of_segments(segments, style);
}

}  // namespace

std::string write_srt(const Transcript& transcript, const WordLayout& layout) {
  std::string out;
  int64_t number = 0;
  for (const Cue& cue : cues_of(transcript, layout, {true, ','}))
    out += std::to_string(++number) + "\n" + cue.start + " --> " + cue.end + "\n" + cue.text + "\n\n";
  return out;
}

std::string write_vtt(const Transcript& transcript, const WordLayout& layout) {
  std::string out = "WEBVTT\n\n";
  for (const Cue& cue : cues_of(transcript, layout, {false, '.'}))
    out += cue.start + " --> " + cue.end + "\n" + cue.text + "\n\n";
  return out;
}

}  // namespace wtrt::output
