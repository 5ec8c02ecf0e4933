// What a transcription is asked to do; names and meanings are openai/whisper's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.hpp"
#include "whisper/audio_context.hpp"

namespace wtrt::whisper {

inline constexpr std::string_view kPrependPunctuations = "\"'“¿([{-", kAppendPunctuations = "\"'.。,，!！?？:：”)]}、";

enum class Task : int32_t { transcribe = 0, translate = 1 };

struct TranscribeOptions {
  Task task = Task::transcribe;
  std::string language;                       // code; empty: detect from the first window
  std::string languages;                      // comma-separated codes that detection chooses from; empty: all
  double language_detection_threshold = 0.5;  // a window that is surer than this decides the language alone,
  int32_t language_detection_segments = 1;    // else most of the first so many do
  bool multilingual = false;                  // the language is detected for every window anew
  std::vector<double> clip_timestamps;        // start, end, … in seconds; an end that is missing is the recording's
  std::string initial_prompt;                 // empty: none
  std::string suppress_tokens = "-1";         // comma-separated ids; -1 stands for the non-speech set; empty: none
  bool condition_on_previous_text = true;
  bool suppress_blank = true;
  bool without_timestamps = false;
  int32_t max_new_tokens = 0;                         // per window; 0: half the text context
  std::optional<double> max_initial_timestamp = 1.0;  // seconds
  std::optional<double> no_speech_threshold = 0.6;
  std::optional<double> logprob_threshold = -1.0;
  std::optional<double> compression_ratio_threshold = 2.4;

  std::vector<double> temperatures = {0.0, 0.2, 0.4, 0.6, 0.8, 1.0};  // tried in this order; at least one
  int32_t beam_size = 1;                                              // at temperature 0; 1: greedy
  int32_t best_of = 1;                                                // candidates at temperatures above 0
  double patience = 1.0;                 // a beam search ends with beam_size * patience hypotheses
  std::optional<double> length_penalty;  // 0..1; none: hypotheses are ranked by the mean
  double repetition_penalty = 1.0;       // 1: off
  int32_t no_repeat_ngram_size = 0;      // 0: off
  uint64_t seed = 0;

  std::string prefix;    // every window's transcript begins with it; empty: none
  std::string hotwords;  // every window is conditioned on them; empty: none
  bool carry_initial_prompt = false;
  double prompt_reset_on_temperature = 0.5;
  bool word_timestamps = false;
  std::string prepend_punctuations{kPrependPunctuations};  // joined to the word behind them
  std::string append_punctuations{kAppendPunctuations};    // joined to the word before them
  std::optional<double> hallucination_silence_threshold;   // seconds; needs word_timestamps
  AudioContext audio_context;

  std::optional<double> live_interval;  // seconds of new sound between two hypotheses; none: not live
};

// Rows of a decode step that a window takes at most: its beams, or its candidates.
int32_t rows_of_window(const TranscribeOptions& options);

// Checks what depends on the model: the language it knows, the task it can do, the ids it has. Turns a language's name into its code.
// Throws invalid_argument naming the option, the value and the allowed range.
void check_options(TranscribeOptions& options, const text::Tokenizer& tokenizer, int32_t text_context);

}  // namespace wtrt::whisper
