// Transcripts as files: byte for byte what openai/whisper's writers make, and lrc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wtrt::output {

struct Word {
  std::string text;
  double start, end, probability;  // seconds, seconds, 0..1
};

struct Segment {
  int64_t id = 0, seek = 0;   // seek: mel frame (10 ms) where the segment's window began
  double start = 0, end = 0;  // seconds
  std::string text;
  std::vector<int32_t> tokens;
  double temperature = 0, avg_logprob = 0, compression_ratio = 0, no_speech_prob = 0;
  bool has_words = false;
  std::vector<Word> words;
  std::string language;  // code of its window's
  int32_t channel = -1;  // whose it is; -1: all channels were mixed
};

// Why a window was tried again or skipped; the sum of what applies.
enum Verdict : int32_t { accepted = 0, too_repetitive = 1, too_unlikely = 2, silence = 4, too_short = 8 };

// One attempt at a window; the last one at a window is the one that was kept.
struct Attempt {
  int64_t seek = 0;  // as the window's segments have it
  double temperature = 0;
  int32_t beam_size = 1, candidates = 1;
  double avg_logprob = 0, compression_ratio = 0, no_speech_prob = 0;
  int32_t verdict = accepted;
  std::vector<int32_t> tokens;
  int32_t channel = -1;          // as the window's segments have it
  int32_t audio_context = 1500;  // positions of the encoder
};

struct Transcript {
  std::string text, language;
  std::vector<Segment> segments;
  std::vector<Attempt> attempts = {};  // in order of time
};

enum class Format : int32_t { txt = 0, srt = 1, vtt = 2, tsv = 3, json = 4, lrc = 5 };

// How srt, vtt and lrc lay out words (they need word times; without them segments are written as they are).
struct WordLayout {
  std::optional<int> max_line_width;      // characters (Unicode points) per line, from 1
  std::optional<int> max_line_count;      // lines per subtitle, from 1; needs max_line_width
  std::optional<int> max_words_per_line;  // words per subtitle, from 1
  bool highlight_words = false;  // srt, vtt: a subtitle per word, that word between <u> and </u>; lrc: word times
};

struct WriteOptions {
  WordLayout layout;
  bool trace = false;  // json: "trace", how each window was decoded
};

// Throws invalid_argument for times that are negative or not finite and for limits below 1.
std::string write(const Transcript& transcript, Format format, const WriteOptions& options = {});

}  // namespace wtrt::output
