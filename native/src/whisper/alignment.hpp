// When each token of a window was said, from the decoder's cross-attention (whisper/timing.py).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace wtrt::whisper {

// What the decoder makes of a text forced on a window.
struct AlignmentScores {
  int32_t heads = 0, tokens = 0, positions = 0;
  std::vector<float> scores;  // [heads, tokens, positions]: cross-attention before the softmax
  std::vector<float>
      probabilities;  // [tokens]: of each token after those before it, among text tokens; 0 of special ones
};

// Where the attention of tokens [first, end) lies, over the first `frames` positions: softmax over these, standardised
// over all tokens, a median of seven neighbours in time, mean over heads. → [end - first, frames]
std::vector<float> attention_map(const AlignmentScores& scores, int32_t first, int32_t end, int32_t frames);

// Dynamic time warping of cost [rows, columns]: the cheapest way from the first row and column to the last ones. → the
// column where each row is entered.
std::vector<int32_t> warp(std::span<const float> cost, int32_t rows, int32_t columns);

// Medians of seven neighbours, mirrored at both ends; a row of three or less stays as it is.
void median_filter(std::span<float> row);

}  // namespace wtrt::whisper
