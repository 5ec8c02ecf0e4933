// Where Whisper's special tokens lie and what they are called.
#pragma once

#include <string>

#include "text/tokenizer.hpp"

namespace wtrt::text {

inline constexpr int kTimestampTokens = 1501;  // 0.00 … 30.00 s in steps of 0.02 s

// 51864, 51865 and 51866 are the vocabularies there are; any other size throws invalid_checkpoint.
SpecialTokens special_tokens(int vocab_size);
inline bool is_multilingual(int vocab_size) { return vocab_size >= 51865; }

// "<|endoftext|>", "<|en|>", "<|1.08|>", … for eot ≤ id < vocabulary size.
std::string special_name(const SpecialTokens& special, TokenId id);

}  // namespace wtrt::text
