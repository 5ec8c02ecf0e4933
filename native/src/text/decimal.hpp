// Whole numbers of any size as decimal digits: all that reading English numbers needs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wtrt::text {

// Digits without leading zeros ("0" for nothing).
std::u32string trimmed(std::u32string_view digits);
std::u32string add(std::u32string_view a, std::u32string_view b);
std::u32string times_power_of_ten(std::u32string_view digits, int power);
// digits mod 10^power and digits - that.
std::u32string low_part(std::u32string_view digits, size_t power);
std::u32string high_part(std::u32string_view digits, size_t power);

// "12", "12.", ".5", "12.50" times 10^power if that is whole; nothing for any other text.
struct Scaled {
  bool is_number;
  std::optional<std::u32string> whole;
};
Scaled scale_decimal(std::u32string_view text, int power);

}  // namespace wtrt::text
