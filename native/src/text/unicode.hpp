// Unicode properties as the regular expressions of tokenizers and normalisers use them.
#pragma once

#include <string>
#include <string_view>

namespace wtrt::text {

bool is_letter(char32_t c);                   // \p{L}
bool is_number(char32_t c);                   // \p{N}
bool is_white_space(char32_t c);              // \s of Rust's and PCRE's Unicode mode: White_Space
bool is_decimal_digit(char32_t c);            // \d of Python: Nd
bool is_word(char32_t c);                     // \w of Python: letters, numbers, underscore
bool is_nonspacing_mark(char32_t c);          // Mn
bool is_mark_symbol_punctuation(char32_t c);  // M*, S*, P*

// \b before text[i] (or at the end): one side is a word character, the other is not.
bool is_word_boundary(std::u32string_view text, size_t i);

// str.lower: full case mapping with the final sigma.
std::u32string to_lower(std::u32string_view text);

enum class NormalForm { nfkc, nfkd };
std::u32string normalize(std::u32string_view text, NormalForm form);

// The grapheme clusters of `text` (\X), with a space between each two.
std::u32string space_graphemes(std::u32string_view text);

}  // namespace wtrt::text
