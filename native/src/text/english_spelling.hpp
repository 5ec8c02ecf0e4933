// British spellings and their American ones.
#pragma once

#include <string_view>

namespace wtrt::text {

// The American form of a lower-case British word; any other word as it is.
std::string_view american_spelling(std::string_view word);

}  // namespace wtrt::text
