// Spelled-out numbers as figures, the way openai/whisper's English normaliser writes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wtrt::text {

// "twenty five dollars and fifty cents" → "$25.50", "one oh one" → "101", "second" → "2nd", "one" stays "one".
std::u32string standardize_numbers(std::u32string_view text);

// The step in the middle: words in, words with numbers in figures out ("$25", "¢50", "101", "2nd").
std::vector<std::u32string> read_number_words(const std::vector<std::u32string>& words);

// str.split and " ".join.
std::vector<std::u32string> split_words(std::u32string_view text);
std::u32string join_words(const std::vector<std::u32string>& words);

}  // namespace wtrt::text
