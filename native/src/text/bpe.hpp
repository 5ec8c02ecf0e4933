// Byte-pair merging of one piece of text.
#pragma once

#include <string_view>
#include <vector>

#include "text/vocabulary.hpp"

namespace wtrt::text {

// Appends the ids of `piece`: adjacent parts whose joined bytes are the lowest token merge first, the leftmost of
// equals, until nothing merges. `vocabulary` has every single byte.
void append_bpe(const Vocabulary& vocabulary, std::string_view piece, std::vector<TokenId>& ids);

}  // namespace wtrt::text
