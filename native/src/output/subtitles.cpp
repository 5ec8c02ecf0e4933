#include <algorithm>
#include <cstdio>

#include "common/error.hpp"
#include "common/utf8.hpp"
#include "output/formats.hpp"

namespace wtrt::output {
namespace {

struct Style {
  bool always_hours;
  char decimal_marker;
};

struct Cue {
  std::string start, end, text;
};

struct Timing {
  std::u32string text;
  double start, end;
};
using Subtitle = std::vector<Timing>;

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

// openai/whisper's arrangement of words in subtitles. With both a width and a count of lines, subtitles run across
// segments and break at pauses; otherwise each segment begins a new one.
class Arranger {
 public:
  explicit Arranger(const WordLayout& layout)
      : line_width_(static_cast<size_t>(layout.max_line_width.value_or(1000))),
        words_per_line_(static_cast<size_t>(layout.max_words_per_line.value_or(1000))),
        line_count_limit_(layout.max_line_count),
        keep_segments_(!layout.max_line_count || !layout.max_line_width) {}

  std::vector<Subtitle> arrange(const std::vector<Segment>& segments) {
    last_start_ = first_start(segments);
    for (const Segment& segment : segments)
      for (size_t i = 0; i < segment.words.size(); ++i) place(segment.words[i], i % words_per_line_ == 0);
    if (!current_.empty()) subtitles_.push_back(std::move(current_));
    return std::move(subtitles_);
  }

 private:
  static double first_start(const std::vector<Segment>& segments) {
    for (const Segment& segment : segments)
      if (!segment.words.empty()) return segment.words[0].start;
    return segments.empty() ? 0 : segments[0].start;
  }

  void place(const Word& word, bool first_of_chunk) {
    Timing timing{decode_utf8(word.text), word.start, word.end};
    const bool long_pause = !keep_segments_ && timing.start - last_start_ > 3.0;
    const bool has_room = line_length_ + timing.text.size() <= line_width_;
    const bool segment_break = first_of_chunk && !current_.empty() && keep_segments_;
    if (line_length_ > 0 && has_room && !long_pause && !segment_break) {
      line_length_ += timing.text.size();
    } else {
      timing.text = strip(std::u32string_view(timing.text));
      const size_t length = timing.text.size();
      begin_line(timing, long_pause, segment_break);
      line_length_ = length;
    }
    current_.push_back(std::move(timing));
    last_start_ = word.start;
  }

  void begin_line(Timing& timing, bool long_pause, bool segment_break) {
    const bool full = line_count_limit_ && (long_pause || lines_ >= *line_count_limit_);
    if ((!current_.empty() && full) || segment_break) {
      subtitles_.push_back(std::move(current_));
      current_ = {};
      lines_ = 1;
    } else if (line_length_ > 0) {
      ++lines_;
      timing.text.insert(timing.text.begin(), U'\n');
    }
  }

  size_t line_width_, words_per_line_;
  std::optional<int> line_count_limit_;
  bool keep_segments_;
  size_t line_length_ = 0;
  int lines_ = 1;
  double last_start_ = 0;
  Subtitle current_;
  std::vector<Subtitle> subtitles_;
};

std::string text_of(const Subtitle& subtitle) {
  std::string text;
  for (const Timing& timing : subtitle) text += encode_utf8(timing.text);
  return text;
}

// Underlines what follows the word's leading white space; a word of several lines stays as it is.
std::u32string underlined(const std::u32string& word) {
  size_t begin = 0;
  while (begin < word.size() && is_python_space(word[begin])) ++begin;
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
  for (const Subtitle& subtitle : Arranger(layout).arrange(segments)) {
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

void check(const char* name, const std::optional<int>& limit) {
  if (limit && *limit < 1)
    throw Error(ErrorCode::invalid_argument,
                std::string(name) + " is " + std::to_string(*limit) + "; it must be at least 1");
}

std::vector<Cue> cues_of(const Transcript& transcript, const WordLayout& layout, Style style) {
  check("max_line_width", layout.max_line_width);
  check("max_line_count", layout.max_line_count);
  check("max_words_per_line", layout.max_words_per_line);
  const auto& segments = transcript.segments;
  const bool with_words = !segments.empty() && segments[0].has_words;
  return with_words ? cues_of_words(segments, layout, style) : cues_of_segments(segments, style);
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
