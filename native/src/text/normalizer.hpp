// Text normalisers of openai/whisper, as word error rates are computed with, and the compression ratio of its fallback.
#pragma once

#include <string>
#include <string_view>

namespace wtrt::text {

std::string normalize_english(std::string_view utf8);
// `split_letters` puts a space between graphemes (for languages written without spaces).
std::string normalize_basic(std::string_view utf8, bool remove_diacritics = false, bool split_letters = false);

// UTF-8 bytes over their zlib (level 6) size; openai/whisper's measure of repetition.
double compression_ratio(std::string_view utf8);

}  // namespace wtrt::text
