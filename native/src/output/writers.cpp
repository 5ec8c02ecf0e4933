#include "output/writers.hpp"

#include <algorithm>
#include <cmath>

#include "common/error.hpp"
#include "common/utf8.hpp"
#include "output/formats.hpp"

namespace wtrt::output {
namespace {

std::string write_txt(const Transcript& transcript) {
  std::string out;
  for (const Segment& segment : transcript.segments) out += strip(std::string_view(segment.text)) + "\n";
  return out;
}

std::string write_tsv(const Transcript& transcript) {
  std::string out = "start\tend\ttext\n";
  for (const Segment& segment : transcript.segments) {
    std::string text = strip(std::string_view(segment.text));
    std::replace(text.begin(), text.end(), '\t', ' ');
    out += std::to_string(milliseconds(segment.start)) + "\t" + std::to_string(milliseconds(segment.end)) + "\t" + text;
    out += "\n";
  }
  return out;
}

void check(const char* name, const std::optional<int>& limit) {
  if (limit && *limit < 1)
    throw Error(ErrorCode::invalid_argument,
                std::string(name) + " is " + std::to_string(*limit) + "; it must be at least 1");
}

}  // namespace

int64_t milliseconds(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9))
    throw Error(ErrorCode::invalid_argument,
                "a segment's time is " + python_float(seconds) + " s; times are from 0 to 10^9 s");
  return std::llrint(seconds * 1000.0);
}

std::string write(const Transcript& transcript, Format format, const WriteOptions& options) {
  check("max_line_width", options.layout.max_line_width);
  check("max_line_count", options.layout.max_line_count);
  check("max_words_per_line", options.layout.max_words_per_line);
  switch (format) {
    case Format::txt: return write_txt(transcript);
    case Format::srt: return write_srt(transcript, options.layout);
    case Format::vtt: return write_vtt(transcript, options.layout);
    case Format::tsv: return write_tsv(transcript);
    case Format::json: return write_json(transcript, options.trace);
    case Format::lrc: return write_lrc(transcript, options.layout);
  }
  throw Error(ErrorCode::invalid_argument, "output format " + std::to_string(static_cast<int>(format)) +
                                               " is none of txt (0), srt (1), vtt (2), tsv (3), json (4), lrc (5)");
}

}  // namespace wtrt::output
