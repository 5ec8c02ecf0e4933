// Words laid out in lines: what srt, vtt and lrc share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "output/writers.hpp"

namespace wtrt::output {

// A word in its place; one that begins a further line of its subtitle begins with a line feed.
struct Timing {
  std::u32string text;
  double start, end;  // seconds
};
using Subtitle = std::vector<Timing>;  // never empty

// openai/whisper's arrangement of words. With both a width and a count of lines, subtitles run across segments and
// break at pauses; otherwise each segment begins a new one.
std::vector<Subtitle> arrange_words(const std::vector<Segment>& segments, const WordLayout& layout);

// Where the word begins after the white space before it.
size_t word_begin(std::u32string_view text);

// Whether the segments have words to lay out, as openai/whisper asks: the first one has.
bool has_words(const std::vector<Segment>& segments);

}  // namespace wtrt::output
