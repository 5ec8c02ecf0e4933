// From a window's tokens to segments with times, and how far the recording moves on (whisper/transcribe.py).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "output/writers.hpp"
#include "text/tokenizer.hpp"
#include "whisper/audio_context.hpp"

namespace wtrt::whisper {

// What decoding made of one window.
struct DecodedWindow {
  std::vector<text::TokenId> tokens;  // sampled, without the end token
  double sum_logprob = 0;             // of the sampled tokens, the end token included
  double no_speech_prob = 0;
  double temperature = 0;
  bool ended = true;                 // by the end token; else it was cut off
  int32_t positions = kFullContext;  // of the encoder, over which it was decoded
};

// The figures a window is judged by.
struct WindowQuality {
  double avg_logprob = 0;        // sum over tokens + 1
  double compression_ratio = 0;  // of the window's text
};
WindowQuality measure(const DecodedWindow& window, const text::Tokenizer& tokenizer);

struct CutWindow {
  std::vector<output::Segment> segments;  // ids not yet given
  int64_t advance = 0;                    // mel frames to the next window
  bool closed = false;                    // the last timestamp says that nothing follows
};

// `seek` and `frames` (mel frames of 10 ms): where the window began and how many real frames it holds. Pairs of timestamps delimit segments; an
// unfinished last segment is left to the next window, which begins at its start.
CutWindow cut_segments(const DecodedWindow& window, const WindowQuality& quality, int64_t seek, int64_t frames,
                       const text::Tokenizer& tokenizer);

// Takes tokens, text and words from segments without duration or text.
void empty_blank_segments(std::span<output::Segment> segments);

}  // namespace wtrt::whisper
