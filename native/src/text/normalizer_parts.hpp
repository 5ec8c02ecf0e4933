// Steps that the basic and the English normaliser share.
#pragma once

#include <string>
#include <string_view>

namespace wtrt::text {

std::u32string remove_bracketed(std::u32string_view text);      // [<\[][^>\]]*[>\]]
std::u32string remove_parenthesised(std::u32string_view text);  // \(([^)]+?)\)
// NFKD without nonspacing marks; other marks, symbols and punctuation become spaces, those in `keep` excepted.
std::u32string remove_symbols_and_diacritics(std::u32string_view text, std::u32string_view keep);
std::u32string collapse_spaces(std::u32string_view text);  // each run of white space becomes one space

}  // namespace wtrt::text
