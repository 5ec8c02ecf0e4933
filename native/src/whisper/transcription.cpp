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

void Transcription::cut(const DecodedWindow& window, int64_t frames) {
  const WindowQuality quality = measure(window, *tokenizer_);
  if (is_silence(window, quality)) {
    seek_ += frames;
    return;
  }
  pending_ = Pending{cut_segments(window, quality, seek_, frames, *tokenizer_), frames, window.temperature, {}};
  if (options_.word_timestamps) {
    pending_->prompt = alignment_prompt(*tokenizer_, options_.task, language_, pending_->window.segments);
  }
}

const AlignmentPrompt* Transcription::to_align() const {
  return pending_ && pending_->prompt.has_text() ? &pending_->prompt : nullptr;
}

NextSeek Transcription::settle_words(std::vector<WordTiming> words, int64_t content) {
  std::vector<output::Segment>& segments = pending_->window.segments;
  add_words(segments, std::move(words), options_, *tokenizer_, last_speech_);
  const NextSeek next = seek_by_words(segments, {seek_, pending_->frames, content}, seek_ + pending_->window.advance,
                                      pending_->window.closed, options_.hallucination_silence_threshold, last_speech_);
  if (next.skipped) {
    segments.clear();
  } else {
    last_speech_ = last_end(segments).value_or(last_speech_);
  }
  return next;
}

std::vector<output::Segment> Transcription::keep(std::vector<WordTiming> words, int64_t content) {
  if (!pending_) return {};  // it was silence
  NextSeek next{seek_ + pending_->window.advance, false};
  if (options_.word_timestamps) next = settle_words(std::move(words), content);
  // A window that ends where it began would be decoded for ever; its text is kept and the recording moves on.
  seek_ = next.seek > seek_ ? next.seek : seek_ + pending_->frames;
  std::vector<output::Segment> kept = std::move(pending_->window.segments);
  empty_blank_segments(kept);
  for (output::Segment& segment : kept) {
    segment.id = static_cast<int64_t>(segments_.size());
    history_.insert(history_.end(), segment.tokens.begin(), segment.tokens.end());
    segments_.push_back(segment);
  }
  const bool hot = pending_->temperature > kPromptResetTemperature;
  if (!next.skipped && (!options_.condition_on_previous_text || hot)) prompt_from_ = history_.size();
  pending_.reset();
  return kept;
}

output::Transcript Transcription::transcript() const {
  const std::span<const text::TokenId> kept = std::span(history_).subspan(initial_prompt_size_);
  return {tokenizer_->decode(kept), language_, segments_};
}

}  // namespace wtrt::whisper
