// One recording's way through its windows: where the next one begins, what it is conditioned on, what became of it.
// Knows no device: the engine decodes the windows it asks for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "output/writers.hpp"
#include "text/tokenizer.hpp"
#include "whisper/options.hpp"
#include "whisper/segments.hpp"
#include "whisper/task_tokens.hpp"

namespace wtrt::whisper {

class Transcription {
 public:
  // `options` have been checked.
  Transcription(std::shared_ptr<const text::Tokenizer> tokenizer, TranscribeOptions options, int32_t text_context);

  const TranscribeOptions& options() const { return options_; }
  bool needs_language() const { return language_.empty(); }
  void set_language(std::string code) { language_ = std::move(code); }
  const std::string& language() const { return language_; }

  int64_t seek() const { return seek_; }  // mel frame where the next window begins
  WindowPrompt prompt() const;            // of that window

  // Judges the window at seek() of `frames` real frames: skips it as silence, or keeps its segments (returned, with ids) and moves on.
  std::vector<output::Segment> accept(const DecodedWindow& window, int64_t frames);

  // All that was kept so far.
  output::Transcript transcript() const;

 private:
  bool is_silence(const DecodedWindow& window, const WindowQuality& quality) const;

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  TranscribeOptions options_;
  int32_t text_context_;
  std::string language_;
  int64_t seek_ = 0;
  std::vector<text::TokenId> history_;  // initial prompt, then every kept token
  size_t initial_prompt_size_ = 0;
  size_t prompt_from_ = 0;  // windows are conditioned on history from here on
  std::vector<output::Segment> segments_;
};

}  // namespace wtrt::whisper
