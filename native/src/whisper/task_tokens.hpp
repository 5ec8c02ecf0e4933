// The tokens a window starts with, and the rules for those that follow.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ops/step_state.hpp"
#include "text/tokenizer.hpp"
#include "whisper/options.hpp"

namespace wtrt::whisper {

struct WindowPrompt {
  std::vector<text::TokenId> tokens;
  int32_t sot_index = 0;    // where <|startoftranscript|> stands
  int32_t max_sampled = 0;  // token budget: max_new_tokens, or what the text context leaves
  bool said = false;        // its last tokens are text of this window, which may end with them
};

// [<|startofprev|> hotwords, previous text] <|startoftranscript|> [language task] [<|notimestamps|>] [prefix]. Hotwords, which
// need an absent prefix, and the end of `previous` together have room for text_context / 2 - 1 tokens.
WindowPrompt window_prompt(const text::Tokenizer& tokenizer, const TranscribeOptions& options,
                           std::string_view language, std::span<const text::TokenId> previous, int32_t text_context);

// Ids in `options.suppress_tokens`, with the special tokens openai/whisper adds; sorted, none if the option is empty.
std::vector<text::TokenId> suppressed_tokens(const text::Tokenizer& tokenizer, const TranscribeOptions& options);

// Every field but `suppress_mask`, `temperature` and `window`.
ops::TokenPolicy token_policy(const text::Tokenizer& tokenizer, const TranscribeOptions& options);

}  // namespace wtrt::whisper
