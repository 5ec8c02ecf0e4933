// Which language a window is in, by the decoder's logits of the language tokens.
#pragma once

#include <cstdint>
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

// The language of a recording by its first windows, as faster-whisper decides it: the first that is surer than the
// threshold has the say, else most of them.
class LanguageVote {
 public:
  explicit LanguageVote(double threshold = 0) : threshold_(threshold) {}

  void hear(DetectedLanguage window);
  int32_t heard() const { return static_cast<int32_t>(windows_.size()); }
  bool sure() const { return !windows_.empty() && windows_.back().probability > threshold_; }
  // As the window found it that was surest of it; of languages that as many windows are in, the one heard first. At
  // least one was heard.
  const DetectedLanguage& decision() const;

 private:
  double threshold_;
  std::vector<DetectedLanguage> windows_;
};

}  // namespace wtrt::whisper
