// Which language a window is in, by the decoder's logits of the language tokens.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.hpp"

namespace wtrt::whisper {

// Places in text::languages() of comma-separated codes or English names; all that the model knows if `list` is empty.
// Throws invalid_argument naming the one it does not know.
std::vector<size_t> candidate_languages(std::string_view list, const text::Tokenizer& tokenizer);

struct DetectedLanguage {
  std::string code;
  std::vector<float> probabilities;  // [languages]: shared among the candidates, 0 for others
  float probability = 0;             // of `code`
};

// `logits` [languages]; `candidates` are places in it, at least one.
DetectedLanguage detected_language(std::span<const float> logits, std::span<const size_t> candidates);

}  // namespace wtrt::whisper
