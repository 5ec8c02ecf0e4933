#include "text/decimal.hpp"

#include <algorithm>

#include "text/unicode.hpp"

namespace wtrt::text {
namespace {

// Nd characters stand in runs of ten from zero to nine, and no run that NFKD leaves is longer.
char32_t ascii_digit(char32_t c) {
  if (c >= U'0' && c <= U'9') return c;
  char32_t zero = c;
  while (zero > 0 && c - zero < 9 && is_decimal_digit(zero - 1)) --zero;
  return U'0' + (c - zero);
}

}  // namespace

std::u32string trimmed(std::u32string_view digits) {
  std::u32string out;
  for (const char32_t c : digits) out.push_back(ascii_digit(c));
  const size_t first = std::min(out.find_first_not_of(U'0'), out.size());
  return first == out.size() ? U"0" : out.substr(first);
}

std::u32string add(std::u32string_view a, std::u32string_view b) {
  std::u32string sum;  // last digit first
  unsigned carry = 0;
  for (size_t i = 0; i < std::max(a.size(), b.size()) || carry > 0; ++i) {
    if (i < a.size()) carry += a[a.size() - 1 - i] - U'0';
    if (i < b.size()) carry += b[b.size() - 1 - i] - U'0';
    sum.push_back(U'0' + carry % 10);
    carry /= 10;
  }
  std::reverse(sum.begin(), sum.end());
  return trimmed(sum);
}

std::u32string times_power_of_ten(std::u32string_view digits, int power) {
  return trimmed(std::u32string(digits) + std::u32string(static_cast<size_t>(power), U'0'));
}

std::u32string low_part(std::u32string_view digits, size_t power) {
  return trimmed(digits.substr(digits.size() - std::min(power, digits.size())));
}

std::u32string high_part(std::u32string_view digits, size_t power) {
  const size_t kept = digits.size() - std::min(power, digits.size());
  return trimmed(std::u32string(digits.substr(0, kept)) + std::u32string(power, U'0'));
}

Scaled scale_decimal(std::u32string_view text, int power) {
  const size_t point = std::min(text.find(U'.'), text.size());
  const auto whole = text.substr(0, point);
  std::u32string_view decimals = text.substr(std::min(point + 1, text.size()));
  const auto all_digits = [](std::u32string_view s) { return std::all_of(s.begin(), s.end(), is_decimal_digit); };
  if ((whole.empty() && decimals.empty()) || !all_digits(whole) || !all_digits(decimals)) return {false, std::nullopt};
  while (!decimals.empty() && ascii_digit(decimals.back()) == U'0') decimals.remove_suffix(1);
  if (decimals.size() > static_cast<size_t>(power)) return {true, std::nullopt};
  return {true, times_power_of_ten(std::u32string(whole) + std::u32string(decimals),
                                   power - static_cast<int>(decimals.size()))};
}

}  // namespace wtrt::text
