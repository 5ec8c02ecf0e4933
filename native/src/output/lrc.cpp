// LRC lyrics: a line `[mm:ss.xx]text` for each line of text, after whisper.cpp; with the times of the words inside the
// line (`<mm:ss.xx>`, "enhanced" or A2) if words are to be highlighted.
#include <cstdio>

#include "common/utf8.hpp"
#include "output/formats.hpp"
#include "output/word_layout.hpp"

namespace wtrt::output {
namespace {

// Minutes grow beyond two digits, and hundredths are cut, as whisper.cpp has both.
std::string format_time(double seconds) {
  const int64_t hundredths = milliseconds(seconds) / 10;
  char text[64];
  std::snprintf(text, sizeof text, "%02ld:%02ld.%02ld", static_cast<long>(hundredths / 6000),
                static_cast<long>(hundredths / 100 % 60), static_cast<long>(hundredths % 100));
  return text;
}

// A line of lyrics ends where its line of the file ends.
std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

void append_line(std::string& out, double start, const std::string& text) {
  out += "[" + format_time(start) + "]" + text + "\n";
}

// Each line of a subtitle has its own time here.
std::vector<Subtitle> lines_of(const std::vector<Subtitle>& subtitles) {
  std::vector<Subtitle> lines;
  for (const Subtitle& subtitle : subtitles) {
    for (size_t i = 0; i < subtitle.size(); ++i) {
      Timing word = subtitle[i];
      const bool begins = word.text.starts_with(U'\n');
      if (begins) word.text.erase(0, 1);
      if (i == 0 || begins) lines.emplace_back();
      lines.back().push_back(std::move(word));
    }
  }
  return lines;
}

std::string plain(const Subtitle& line) {
  std::u32string text;
  for (const Timing& word : line) text += word.text;
  return one_line(encode_utf8(text));
}

// Each word after its start and the blank before it, and the end of the last.
std::string enhanced(const Subtitle& line) {
  std::string text;
  for (const Timing& word : line) {
    const size_t begin = word_begin(word.text);
    text += encode_utf8(word.text.substr(0, begin)) + "<" + format_time(word.start) + ">" +
            encode_utf8(word.text.substr(begin));
  }
  return one_line(text) + "<" + format_time(line.back().end) + ">";
}

}  // namespace

std::string write_lrc(const Transcript& transcript, const WordLayout& layout) {
  std::string out = "[by:whispertrt]\n";
  if (!has_words(transcript.segments)) {
    for (const Segment& segment : transcript.segments)
      append_line(out, segment.start, one_line(strip(std::string_view(segment.text))));
    return out;
  }
  for (const Subtitle& line : lines_of(arrange_words(transcript.segments, layout)))
    append_line(out, line.front().start, layout.highlight_words ? enhanced(line) : plain(line));
  return out;
}

}  // namespace wtrt::output
