#include "output/word_layout.hpp"

#include "common/utf8.hpp"

namespace wtrt::output {
namespace {

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

}  // namespace

std::vector<Subtitle> arrange_words(const std::vector<Segment>& segments, const WordLayout& layout) {
  return Arranger(layout).arrange(segments);
}

size_t word_begin(std::u32string_view text) {
  size_t begin = 0;
  while (begin < text.size() && is_python_space(text[begin])) ++begin;
  return begin;
}

bool has_words(const std::vector<Segment>& segments) { return !segments.empty() && segments[0].has_words; }

}  // namespace wtrt::output
