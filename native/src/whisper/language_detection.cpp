#include "whisper/language_detection.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/error.hpp"
#include "common/utf8.hpp"

namespace wtrt::whisper {
namespace {

size_t place_of(std::string_view language, const text::Tokenizer& tokenizer) {
  const auto known = text::languages().first(static_cast<size_t>(tokenizer.special().language_count));
  const std::string_view code = text::find_language(language);
  const auto found = std::ranges::find(known, code, &text::Language::code);
  const bool spoken = tokenizer.multilingual() || code == "en";
  if (code.empty() || found == known.end() || !spoken) {
    throw Error(ErrorCode::invalid_argument,
                "languages: '" + std::string(language) +
                    "' is not one of this model's; give codes like \"en,de\" or English names, "
                    "separated by commas");
  }
  return static_cast<size_t>(found - known.begin());
}

}  // namespace

std::vector<size_t> candidate_languages(std::string_view list, const text::Tokenizer& tokenizer) {
  std::vector<size_t> places;
  if (list.empty()) {
    places.resize(static_cast<size_t>(tokenizer.special().language_count));
    std::iota(places.begin(), places.end(), size_t{0});
    return places;
  }
  for (size_t from = 0; from <= list.size();) {
    const size_t comma = std::min(list.find(',', from), list.size());
    places.push_back(place_of(strip(list.substr(from, comma - from)), tokenizer));
    from = comma + 1;
  }
  return places;
}

DetectedLanguage detected_language(std::span<const float> logits, std::span<const size_t> candidates) {
  size_t best = candidates.front();
  for (const size_t place : candidates) {
    if (logits[place] > logits[best] || (logits[place] == logits[best] && place < best)) best = place;
  }
  DetectedLanguage detected{std::string(text::languages()[best].code), std::vector<float>(logits.size()), 0};
  double sum = 0;
  std::vector<double> weights(logits.size());
  for (const size_t place : candidates) weights[place] = std::exp(static_cast<double>(logits[place]) - logits[best]);
  for (const double weight : weights) sum += weight;
  for (size_t i = 0; i < weights.size(); ++i) detected.probabilities[i] = static_cast<float>(weights[i] / sum);
  detected.probability = detected.probabilities[best];
  return detected;
}

void LanguageVote::hear(DetectedLanguage window) { windows_.push_back(std::move(window)); }

const DetectedLanguage& LanguageVote::decision() const {
  if (sure()) return windows_.back();
  const auto votes = [this](const DetectedLanguage& one) {
    return std::ranges::count(windows_, one.code, &DetectedLanguage::code);
  };
  const DetectedLanguage* best = &windows_.front();
  for (const DetectedLanguage& window : windows_) {
    const auto more = votes(window) - votes(*best);
    if (more > 0 || (window.code == best->code && window.probability > best->probability)) best = &window;
  }
  return *best;
}

}  // namespace wtrt::whisper
