// GPT-2's division of text into pieces, within which BPE merges.
#pragma once

#include <string_view>
#include <vector>

namespace wtrt::text {

// The matches of 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ in well-formed UTF-8; they
// cover it without gaps.
std::vector<std::string_view> split_pieces(std::string_view utf8);

}  // namespace wtrt::text
