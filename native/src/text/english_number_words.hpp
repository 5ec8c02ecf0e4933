// The words that take part in English numbers.
#pragma once

#include <optional>
#include <string_view>

namespace wtrt::text {

enum class NumberWordKind {
  zero,
  one,           // one … nineteen
  one_suffixed,  // sixes, first, eleventh
  ten,           // twenty … ninety
  ten_suffixed,  // twenties, twentieth
  multiplier,    // hundred, thousand … decillion
  multiplier_suffixed,
  preceding_prefix,  // minus, plus: a sign before the number
  following_prefix,  // dollars, cents: a sign before the number, said after it
  suffix,            // percent
  per,               // "per cent"
  special,           // and, double, triple, point
};

struct NumberWord {
  NumberWordKind kind;
  int value;                 // of ones and tens; of a multiplier its power of ten
  std::u32string_view sign;  // suffix ("th") or sign ("$")
};

std::optional<NumberWord> number_word(std::u32string_view word);

}  // namespace wtrt::text
