#include "whisper/transcription.hpp"

#include <algorithm>

#include "common/utf8.hpp"

namespace wtrt::whisper {
Transcription::Transcription(std::shared_ptr<const text::Tokenizer> tokenizer, TranscribeOptions options,
                             int32_t text_context)
    : tokenizer_(std::move(tokenizer)), options_(std::move(options)), text_context_(text_context) {
  language_ = tokenizer_->multilingual() ? options_.language : "en";
  per_window_ = tokenizer_->multilingual() && options_.multilingual;
  clips_ = clips_of(options_.clip_timestamps);
  move_to(clips_.front().start);
  if (!options_.initial_prompt.empty()) {
    history_ = tokenizer_->encode(" " + std::string(strip(options_.initial_prompt)));
    initial_prompt_size_ = history_.size();
  }
  live_from_ = history_.size();
  // A growing window is cut where words end: timestamps would only be guessed anew each time.
  if (live()) options_.without_timestamps = true;
}

void Transcription::set_language(std::string code) {
  language_ = std::move(code);
  heard_ = true;
  if (first_language_.empty()) first_language_ = language_;
}

// The next window begins here, or where the next clip does.
void Transcription::move_to(int64_t seek) {
  seek_ = seek;
  heard_ = false;
  while (!ended() && seek_ >= clips_[clip_].end) {
    if (++clip_ < clips_.size()) seek_ = clips_[clip_].start;
  }
}

int32_t Transcription::most_frames() const {
  constexpr int64_t kWindowFrames = 3000;
  return ended() ? 0 : static_cast<int32_t>(std::min(kWindowFrames, clips_[clip_].end - seek_));
}

void Transcription::end_clip() {
  if (++clip_ < clips_.size()) move_to(clips_[clip_].start);
}

WindowPrompt Transcription::prompt() const {
  if (live()) return live_prompt();
  const std::span<const text::TokenId> history(history_);
  if (!options_.carry_initial_prompt) {
    return window_prompt(*tokenizer_, options_, language_, history.subspan(prompt_from_), text_context_);
  }
  std::vector<text::TokenId> previous(history.begin(),
                                      history.begin() + static_cast<std::ptrdiff_t>(initial_prompt_size_));
  const auto room = static_cast<size_t>(text_context_ / 2 - 1),
             left = room > previous.size() ? room - previous.size() : 0;
  const auto said = history.subspan(std::max(initial_prompt_size_, prompt_from_));
  previous.insert(previous.end(), said.end() - static_cast<std::ptrdiff_t>(std::min(left, said.size())), said.end());
  return window_prompt(*tokenizer_, options_, language_, previous, text_context_);
}

DecodingAttempt Transcription::attempt() const {
  DecodingAttempt attempt;
  attempt.number = tried_;
  attempt.temperature = options_.temperatures[static_cast<size_t>(tried_)];
  (attempt.temperature > 0 ? attempt.candidates : attempt.beam_size) =
      attempt.temperature > 0 ? options_.best_of : options_.beam_size;
  return attempt;
}

int32_t Transcription::positions(int64_t frames) const {
  return full_length_ ? kFullContext : window_positions(options_.audio_context, frames);
}

int32_t Transcription::verdict(const DecodedWindow& window, const WindowQuality& quality) const {
  int32_t verdict = output::accepted;
  const auto& repetitive = options_.compression_ratio_threshold;
  const auto& unlikely = options_.logprob_threshold;
  if (repetitive && quality.compression_ratio > *repetitive) verdict |= output::too_repetitive;
  if (unlikely && quality.avg_logprob < *unlikely) verdict |= output::too_unlikely;
  if (is_silence(window, quality)) verdict |= output::silence;
  return verdict;
}

bool Transcription::judge(const DecodedWindow& window, int64_t frames) {
  if (live() && live_heard_ == Heard::so_far) return true;  // more is heard before it could be decoded again
  const WindowQuality quality = measure(window, *tokenizer_);
  const DecodingAttempt tried = attempt();
  output::Attempt note{seek_,
                       tried.temperature,
                       tried.beam_size,
                       tried.candidates,
                       quality.avg_logprob,
                       quality.compression_ratio,
                       window.no_speech_prob,
                       verdict(window, quality),
                       window.tokens,
                       -1,
                       window.positions};
  // A short window is an economy: at the first doubt it is given up, and full length begins with its own first attempt.
  if (window.positions < kFullContext &&
      (note.verdict != output::accepted || !window.ended || says_too_much(window) || leaves_scraps(window, frames))) {
    note.verdict |= output::too_short;
    attempts_.push_back(std::move(note));
    full_length_ = true;
    return false;
  }
  // What is unlikely because nobody speaks is silence, and will not get better.
  const bool nobody = (note.verdict & output::too_unlikely) != 0 && (note.verdict & output::silence) != 0;
  const bool good = nobody || (note.verdict & (output::too_repetitive | output::too_unlikely)) == 0;
  attempts_.push_back(std::move(note));
  ++tried_;
  return good || static_cast<size_t>(tried_) == options_.temperatures.size();
}

bool Transcription::says_too_much(const DecodedWindow& window) const {
  const text::TokenId end = tokenizer_->special().timestamp_begin + window.positions;  // a timestamp is a position
  return std::any_of(window.tokens.begin(), window.tokens.end(), [&](text::TokenId token) { return token > end; });
}

bool Transcription::leaves_scraps(const DecodedWindow& window, int64_t frames) const {
  constexpr int64_t kScraps = 200;
  if (options_.audio_context.positions) return false;  // what is left joins the sound behind it
  const auto& tokens = window.tokens;
  const text::TokenId begin = tokenizer_->special().timestamp_begin;
  if (tokens.size() < 2 || tokens.back() < begin || tokens[tokens.size() - 2] < begin) return false;
  const int64_t left = frames - 2 * int64_t{tokens.back() - begin};
  return left > 0 && left < kScraps;
}

bool Transcription::is_silence(const DecodedWindow& window, const WindowQuality& quality) const {
  if (!options_.no_speech_threshold || !(window.no_speech_prob > *options_.no_speech_threshold)) return false;
  return !options_.logprob_threshold || !(quality.avg_logprob > *options_.logprob_threshold);
}

void Transcription::cut(const DecodedWindow& window, int64_t frames) {
  const WindowQuality quality = measure(window, *tokenizer_);
  tried_ = 0;
  full_length_ = false;
  if (live()) return cut_live(window, quality, frames);
  if (is_silence(window, quality)) {
    move_to(seek_ + frames);
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
  if (live()) return keep_live(std::move(words));
  NextSeek next{seek_ + pending_->window.advance, false};
  if (options_.word_timestamps) next = settle_words(std::move(words), content);
  // A window that ends where it began would be decoded for ever; its text is kept and the recording moves on.
  const int64_t seek = next.seek > seek_ ? next.seek : seek_ + pending_->frames;
  std::vector<output::Segment> kept = std::move(pending_->window.segments);
  empty_blank_segments(kept);
  for (output::Segment& segment : kept) {
    segment.id = static_cast<int64_t>(segments_.size());
    segment.language = language_;
    history_.insert(history_.end(), segment.tokens.begin(), segment.tokens.end());
    segments_.push_back(segment);
  }
  const bool hot = pending_->temperature > options_.prompt_reset_on_temperature;
  if (!next.skipped && (!options_.condition_on_previous_text || hot)) prompt_from_ = history_.size();
  pending_.reset();
  move_to(seek);
  return kept;
}

std::vector<output::Segment> Transcription::accept(const DecodedWindow& window, int64_t frames) {
  cut(window, frames);
  return keep({}, -1);
}

output::Transcript Transcription::transcript() const {
  const std::span<const text::TokenId> kept = std::span(history_).subspan(initial_prompt_size_);
  return {tokenizer_->decode(kept), first_language_.empty() ? language_ : first_language_, segments_, attempts_};
}

}  // namespace wtrt::whisper
