#include "whisper/transcription.hpp"

#include "common/utf8.hpp"

namespace wtrt::whisper {
namespace {

// A window decoded hotter than this is not a fit prompt for the next one.
constexpr double kPromptResetTemperature = 0.5;

}  // namespace

Transcription::Transcription(std::shared_ptr<const text::Tokenizer> tokenizer, TranscribeOptions options, int32_t text_context)
    : tokenizer_(std::move(tokenizer)), options_(std::move(options)), text_context_(text_context) {
  language_ = tokenizer_->multilingual() ? options_.language : "en";
  if (!options_.initial_prompt.empty()) {
    history_ = tokenizer_->encode(" " + std::string(strip(options_.initial_prompt)));
    initial_prompt_size_ = history_.size();
  }
}

WindowPrompt Transcription::prompt() const {
  const std::span<const text::TokenId> previous = std::span(history_).subspan(prompt_from_);
  return window_prompt(*tokenizer_, options_, language_, previous, text_context_);
}

bool Transcription::is_silence(const DecodedWindow& window, const WindowQuality& quality) const {
  if (!options_.no_speech_threshold || !(window.no_speech_prob > *options_.no_speech_threshold)) return false;
  return !options_.logprob_threshold || !(quality.avg_logprob > *options_.logprob_threshold);
}

std::vector<output::Segment> Transcription::accept(const DecodedWindow& window, int64_t frames) {
  const WindowQuality quality = measure(window, *tokenizer_);
  if (is_silence(window, quality)) {
    seek_ += frames;
    return {};
  }
  CutWindow cut = cut_segments(window, quality, seek_, frames, *tokenizer_);
  // A window that ends where it began would be decoded for ever; its text is kept and the recording moves on.
  seek_ += cut.advance > 0 ? cut.advance : frames;
  empty_blank_segments(cut.segments);
  for (output::Segment& segment : cut.segments) {
    segment.id = static_cast<int64_t>(segments_.size());
    history_.insert(history_.end(), segment.tokens.begin(), segment.tokens.end());
    segments_.push_back(segment);
  }
  if (!options_.condition_on_previous_text || window.temperature > kPromptResetTemperature) prompt_from_ = history_.size();
  return std::move(cut.segments);
}

output::Transcript Transcription::transcript() const {
  const std::span<const text::TokenId> kept = std::span(history_).subspan(initial_prompt_size_);
  return {tokenizer_->decode(kept), language_, segments_};
}

}  // namespace wtrt::whisper
