// Words with their times (whisper/timing.py): from tokens' times to the words of a window's segments.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "output/writers.hpp"
#include "text/tokenizer.hpp"
#include "whisper/alignment.hpp"
#include "whisper/options.hpp"

namespace wtrt::whisper {

// A word as the attention places it; seconds from the beginning of the window.
struct WordTiming {
  std::string word;  // empty once it was joined to a neighbour
  std::vector<text::TokenId> tokens;
  double start = 0, end = 0, probability = 0;
};

// What a window is aligned with: <|startoftranscript|> [language task] <|notimestamps|> text <|endoftext|>.
struct AlignmentPrompt {
  std::vector<text::TokenId> tokens;
  int32_t text_begin = 0;  // the first text token; the last is the one before the last
  bool has_text() const { return static_cast<size_t>(text_begin) + 1 < tokens.size(); }
};
AlignmentPrompt alignment_prompt(const text::Tokenizer& tokenizer, Task task, std::string_view language,
                                 std::span<const output::Segment> segments);

// The words of the prompt's text over a window of `frames` mel frames; none for a window or text too short to have any.
std::vector<WordTiming> time_words(const AlignmentPrompt& prompt, const AlignmentScores& scores,
                                   const text::Tokenizer& tokenizer, std::string_view language, int64_t frames);

// Joins punctuation to the word behind it (`prepended`) or before it (`appended`).
void merge_punctuations(std::span<WordTiming> words, std::string_view prepended, std::string_view appended);

// How long the words of a window usually take, in seconds.
struct WordLengths {
  double median = 0;   // at most 0.7
  double longest = 0;  // twice that: a word next to a pause or a sentence's end is cut to it
};
WordLengths word_lengths(std::span<const WordTiming> words);

// Gives each segment of one window its words, and the times of its first and last one. `last_speech`: where the last
// word before this window ended, in seconds.
void add_words(std::span<output::Segment> segments, std::vector<WordTiming> words, const TranscribeOptions& options,
               const text::Tokenizer& tokenizer, double last_speech);

}  // namespace wtrt::whisper
