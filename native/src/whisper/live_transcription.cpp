// The live side of Transcription: a window that is decoded again and again while it grows.
#include <algorithm>

#include "whisper/transcription.hpp"

namespace wtrt::whisper {
namespace {

constexpr double kSecondsPerFrame = 0.01;

}  // namespace

void Transcription::listen(int64_t frames, Heard heard) {
  listened_ = seek_ + frames;
  live_heard_ = heard;
}

// What is stable stands in the prompt, so that nothing can change it; it shares half the context with the text before
// the window.
WindowPrompt Transcription::live_prompt() const {
  const std::vector<text::TokenId> said = live_.stable_tokens();
  const auto room = static_cast<size_t>(text_context_ / 2 - 1), left = room - std::min(room, said.size());
  const auto before = std::span(history_).first(live_from_);
  const size_t pinned = options_.carry_initial_prompt ? initial_prompt_size_ : 0, carried = std::min(pinned, left);
  const auto rest = before.subspan(std::max(pinned, prompt_from_));
  std::vector<text::TokenId> previous(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(carried));
  previous.insert(previous.end(), rest.end() - static_cast<std::ptrdiff_t>(std::min(left - carried, rest.size())),
                  rest.end());

  WindowPrompt prompt = window_prompt(*tokenizer_, options_, language_, previous, text_context_);
  prompt.tokens.insert(prompt.tokens.end(), said.begin(), said.end());
  prompt.said = !said.empty();
  prompt.max_sampled = std::min(prompt.max_sampled, text_context_ - static_cast<int32_t>(prompt.tokens.size()) + 1);
  return prompt;
}

void Transcription::cut_live(const DecodedWindow& window, const WindowQuality& quality, int64_t frames) {
  const bool silent = is_silence(window, quality);
  const bool doubtful = (verdict(window, quality) & (output::too_repetitive | output::too_unlikely)) != 0;
  if (doubtful && !silent && live_heard_ == Heard::so_far) return;  // as if it had not been decoded
  output::Segment heard;
  heard.seek = seek_;
  heard.tokens = live_.stable_tokens();
  if (!silent) heard.tokens.insert(heard.tokens.end(), window.tokens.begin(), window.tokens.end());
  heard.temperature = window.temperature;
  heard.avg_logprob = quality.avg_logprob;
  heard.compression_ratio = quality.compression_ratio;
  heard.no_speech_prob = window.no_speech_prob;
  pending_ = Pending{{{std::move(heard)}, 0, false}, frames, window.temperature, {}};
  pending_->prompt = alignment_prompt(*tokenizer_, options_.task, language_, pending_->window.segments);
}

std::vector<output::Segment> Transcription::keep_live(std::vector<WordTiming> words) {
  const Pending pending = std::move(*pending_);
  pending_.reset();
  const output::Segment& window = pending.window.segments.front();
  const std::vector<WordTiming> agreed = live_.hear(std::move(words), pending.frames, live_heard_);
  std::vector<output::Segment> kept;
  if (!agreed.empty()) {
    output::Segment segment = live_segment(window, agreed);
    last_speech_ = segment.end;
    history_.insert(history_.end(), segment.tokens.begin(), segment.tokens.end());
    segments_.push_back(segment);
    kept.push_back(std::move(segment));
  }
  tentative_ = live_segment(window, live_.tentative());
  seek_ += live_.move_on();
  live_from_ = history_.size() - live_.stable_tokens().size();
  if (!options_.condition_on_previous_text || pending.temperature > options_.prompt_reset_on_temperature)
    prompt_from_ = live_from_;
  return kept;
}

// Words of the window at hand as a segment behind those that there are.
output::Segment Transcription::live_segment(const output::Segment& window, std::span<const WordTiming> words) const {
  output::Segment segment = window;
  segment.id = static_cast<int64_t>(segments_.size());
  segment.start = segment.end = last_speech_;
  segment.tokens.clear();
  segment.has_words = options_.word_timestamps;
  const double offset = static_cast<double>(seek_) * kSecondsPerFrame;
  for (const WordTiming& word : words) {
    const double start = std::max(segment.end, offset + word.start);
    // A mark is aligned with the pause behind it, where the next window begins: it takes no time from the words there.
    const double end = is_punctuation(word) ? start : std::max(start, offset + word.end);
    if (segment.tokens.empty()) segment.start = start;
    segment.end = end;
    segment.text += word.word;
    segment.tokens.insert(segment.tokens.end(), word.tokens.begin(), word.tokens.end());
    if (options_.word_timestamps) segment.words.push_back({word.word, start, end, word.probability});
  }
  return segment;
}

output::Segment Transcription::tentative() const { return tentative_; }

}  // namespace wtrt::whisper
