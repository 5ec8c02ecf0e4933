// What a transcription is asked to do; names and meanings are openai/whisper's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.hpp"

namespace wtrt::whisper {

inline constexpr std::string_view kPrependPunctuations = "\"'“¿([{-", kAppendPunctuations = "\"'.。,，!！?？:：”)]}、";

enum class Task : int32_t { transcribe = 0, translate = 1 };

struct TranscribeOptions {
  Task task = Task::transcribe;
  std::string language;                           // code; empty: detect from the first window
  std::string initial_prompt;                     // empty: none
  std::string suppress_tokens = "-1";             // comma-separated ids; -1 stands for the non-speech set; empty: none
  bool condition_on_previous_text = true;
  bool suppress_blank = true;
  bool without_timestamps = false;
  int32_t max_new_tokens = 0;                     // per window; 0: half the text context
  std::optional<double> max_initial_timestamp = 1.0;  // seconds
  std::optional<double> no_speech_threshold = 0.6;
  std::optional<double> logprob_threshold = -1.0;
  bool word_timestamps = false;
  std::string prepend_punctuations{kPrependPunctuations};  // joined to the word behind them
  std::string append_punctuations{kAppendPunctuations};    // joined to the word before them
  std::optional<double> hallucination_silence_threshold;   // seconds; needs word_timestamps
};

// Checks what depends on the model: the language it knows, the task it can do, the ids it has. Turns a language's name into its code.
// Throws invalid_argument naming the option, the value and the allowed range.
void check_options(TranscribeOptions& options, const text::Tokenizer& tokenizer, int32_t text_context);

}  // namespace wtrt::whisper
