#include "text/english_numbers.hpp"

#include <algorithm>

#include "common/utf8.hpp"
#include "text/decimal.hpp"
#include "text/english_number_words.hpp"
#include "text/unicode.hpp"

namespace wtrt::text {
namespace {

using Kind = NumberWordKind;
using Text = std::u32string;
using View = std::u32string_view;

bool is_ascii_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_ascii_lower(char32_t c) { return c >= U'a' && c <= U'z'; }
size_t skip_spaces(View s, size_t i) {
  while (i < s.size() && is_python_space(s[i])) ++i;
  return i;
}

// The end of \band\s+a\s+half\b at `i`; 0 if it does not match.
size_t and_a_half(View s, size_t i) {
  if (!s.substr(i).starts_with(U"and") || !is_word_boundary(s, i)) return 0;
  const size_t a = skip_spaces(s, i + 3);
  if (a == i + 3 || !s.substr(a).starts_with(U"a")) return 0;
  const size_t half = skip_spaces(s, a + 1);
  if (half == a + 1 || !s.substr(half).starts_with(U"half") || !is_word_boundary(s, half + 4)) return 0;
  return half + 4;
}

// "<number> and a half" → "<number> point five".
Text spell_halves(View s) {
  std::vector<Text> results;
  const auto add_segment = [&](View segment, bool last) {
    const auto words = split_words(segment);
    if (words.empty()) return;
    results.emplace_back(segment);
    if (last) return;
    const auto word = number_word(words.back());
    const bool number = word && (word->kind == Kind::one || word->kind == Kind::ten || word->kind == Kind::zero ||
                                 word->kind == Kind::multiplier);
    results.emplace_back(number ? U"point five" : U"and a half");
  };
  size_t begin = 0;
  for (size_t i = 0; i < s.size();) {
    const size_t end = and_a_half(s, i);
    if (end > 0) add_segment(s.substr(begin, i - begin), false);
    if (end > 0) begin = end;
    i = end > 0 ? end : i + 1;
  }
  add_segment(s.substr(begin), true);
  return join_words(results);
}

// A space between letters and digits: "a1b" → "a 1 b".
Text part_letters_and_digits(View s) {
  Text out;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool parts = i > 0 && ((is_ascii_lower(s[i - 1]) && is_ascii_digit(s[i])) ||
                                 (is_ascii_digit(s[i - 1]) && is_ascii_lower(s[i])));
    if (parts) out.push_back(U' ');
    out.push_back(s[i]);
  }
  return out;
}

// … but none before what may be a suffix: "1960 s" → "1960s".
Text rejoin_suffixes(View s) {
  Text out;
  for (size_t i = 0; i < s.size(); ++i) {
    out.push_back(s[i]);
    if (!is_ascii_digit(s[i])) continue;
    const size_t suffix = skip_spaces(s, i + 1);
    if (suffix == i + 1) continue;
    for (const View ending : {U"st", U"nd", U"rd", U"th", U"s"}) {
      if (!s.substr(suffix).starts_with(ending) || !is_word_boundary(s, suffix + ending.size())) continue;
      out.append(ending);
      i = suffix + ending.size() - 1;
      break;
    }
  }
  return out;
}

// One or two digits at `i` that end at a word boundary: their count, 0 if none.
size_t cents_at(View s, size_t i) {
  for (const size_t count : {size_t{2}, size_t{1}}) {
    if (i + count > s.size()) continue;
    if (std::all_of(s.begin() + i, s.begin() + i + count, is_ascii_digit) && is_word_boundary(s, i + count))
      return count;
  }
  return 0;
}

bool is_currency(char32_t c) { return c == U'€' || c == U'£' || c == U'$'; }

// "$2 and ¢7" → "$2.07": ([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\b
Text combine_cents(View s) {
  Text out;
  for (size_t i = 0; i < s.size(); ++i) {
    out.push_back(s[i]);
    if (!is_currency(s[i])) continue;
    size_t end = i + 1;
    while (end < s.size() && is_ascii_digit(s[end])) ++end;
    size_t cents = end;
    if (end == i + 1 || !s.substr(cents).starts_with(U" ")) continue;
    cents += 1;
    if (s.substr(cents).starts_with(U"and ")) cents += 4;
    if (!s.substr(cents).starts_with(U"¢")) continue;
    const size_t count = cents_at(s, ++cents);
    if (count == 0) continue;
    out.append(s.substr(i + 1, end - i - 1)).append(count == 1 ? U".0" : U".").append(s.substr(cents, count));
    i = cents + count - 1;
  }
  return out;
}

// "$0.50" → "¢50": [€£$]0.([0-9]{1,2})\b
Text extract_cents(View s) {
  Text out;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool zero = is_currency(s[i]) && i + 2 < s.size() && s[i + 1] == U'0' && s[i + 2] != U'\n';
    const size_t count = zero ? cents_at(s, i + 3) : 0;
    if (count == 0) {
      out.push_back(s[i]);
    } else {
      out.append(U"¢").append(trimmed(s.substr(i + 3, count)));
      i += 2 + count;
    }
  }
  return out;
}

// "1" and "1s" as words: \b1(s?)\b → one\1
Text spell_one(View s) {
  Text out;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool alone =
        s[i] == U'1' && is_word_boundary(s, i) &&
        (is_word_boundary(s, i + 1) || (s.substr(i + 1).starts_with(U"s") && is_word_boundary(s, i + 2)));
    alone ? out.append(U"one") : out.append(1, s[i]);
  }
  return out;
}

}  // namespace

std::vector<std::u32string> split_words(std::u32string_view text) {
  std::vector<Text> words;
  for (size_t i = skip_spaces(text, 0); i < text.size(); i = skip_spaces(text, i)) {
    const size_t begin = i;
    while (i < text.size() && !is_python_space(text[i])) ++i;
    words.emplace_back(text.substr(begin, i - begin));
  }
  return words;
}

std::u32string join_words(const std::vector<std::u32string>& words) {
  Text out;
  for (size_t i = 0; i < words.size(); ++i) (i > 0 ? out.append(U" ") : out).append(words[i]);
  return out;
}

std::u32string standardize_numbers(std::u32string_view text) {
  const Text prepared = rejoin_suffixes(part_letters_and_digits(spell_halves(text)));
  const auto words = split_words(prepared);
  return spell_one(extract_cents(combine_cents(join_words(read_number_words(words)))));
}

}  // namespace wtrt::text
