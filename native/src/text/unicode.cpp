#include "text/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "common/error.hpp"
#include "common/utf8.hpp"

namespace wtrt::text {
namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool between(utf8proc_category_t c, utf8proc_category_t first, utf8proc_category_t last) {
  return c >= first && c <= last;
}

// Unicode's Cased: Lu, Ll, Lt and the letters, numbers and symbols listed as Other_Uppercase and Other_Lowercase.
bool is_cased(char32_t c) {
  const auto of = category(c);
  if (between(of, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LT)) return true;
  return c == 0xAA || c == 0xBA || (c >= 0x2B0 && c <= 0x2B8) || c == 0x2C0 || c == 0x2C1 ||
         (c >= 0x2E0 && c <= 0x2E4) || c == 0x345 || c == 0x37A || (c >= 0x1D2C && c <= 0x1D6A) || c == 0x1D78 ||
         (c >= 0x1D9B && c <= 0x1DBF) || c == 0x2071 || c == 0x207F || (c >= 0x2090 && c <= 0x209C) ||
         (c >= 0x2160 && c <= 0x217F) || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
         (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

// Unicode's Case_Ignorable: Mn, Me, Cf, Lm, Sk and the word breakers MidLetter, MidNumLet and Single_Quote.
bool is_case_ignorable(char32_t c) {
  static constexpr std::array<char32_t, 16> kWordMiddles = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,
                                                            0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                                            0xFE52, 0xFE55, 0xFF07, 0xFF0E};
  const auto of = category(c);
  return of == UTF8PROC_CATEGORY_MN || of == UTF8PROC_CATEGORY_ME || of == UTF8PROC_CATEGORY_CF ||
         of == UTF8PROC_CATEGORY_LM || of == UTF8PROC_CATEGORY_SK || c == 0xFF1A ||
         std::find(kWordMiddles.begin(), kWordMiddles.end(), c) != kWordMiddles.end();
}

// A sigma ends a word when a cased character comes before it and none after it, case-ignorable ones aside.
bool is_final_sigma(std::u32string_view text, size_t position, bool cased_before) {
  if (!cased_before) return false;
  size_t after = position + 1;
  while (after < text.size() && is_case_ignorable(text[after])) ++after;
  return after == text.size() || !is_cased(text[after]);
}

constexpr auto kDecomposeOptions =
    static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE);
constexpr auto kComposeOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE);

utf8proc_ssize_t checked(utf8proc_ssize_t size) {
  if (size < 0) throw Error(ErrorCode::internal, std::string("normalising text: ") + utf8proc_errmsg(size));
  return size;
}

std::vector<utf8proc_int32_t> decompose(std::u32string_view text) {
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  std::array<utf8proc_int32_t, 32> parts;  // no character has more than 18
  int boundary = 0;
  for (const char32_t c : text) {
    const auto count = checked(utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
                                                       kDecomposeOptions, &boundary));
    points.insert(points.end(), parts.begin(), parts.begin() + count);
  }
  return points;
}

// Canonical ordering. utf8proc's own takes quadratic time over long runs of marks.
void order_marks(std::vector<utf8proc_int32_t>& points) {
  const auto combining = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (size_t i = 0; i < points.size(); ++i) {
    const size_t begin = i;
    while (i < points.size() && combining(points[i]) != 0) ++i;
    if (i - begin > 1)
      std::stable_sort(points.begin() + begin, points.begin() + i,
                       [&](utf8proc_int32_t a, utf8proc_int32_t b) { return combining(a) < combining(b); });
  }
}

}  // namespace

bool is_letter(char32_t c) { return between(category(c), UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO); }
bool is_number(char32_t c) { return between(category(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO); }
bool is_white_space(char32_t c) { return is_python_space(c) && !(c >= 0x1C && c <= 0x1F); }
bool is_decimal_digit(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_word(char32_t c) { return c == U'_' || is_letter(c) || is_number(c); }
bool is_nonspacing_mark(char32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }
bool is_mark_symbol_punctuation(char32_t c) {
  const auto of = category(c);
  return between(of, UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME) ||
         between(of, UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_SO);
}

bool is_word_boundary(std::u32string_view text, size_t i) {
  return (i > 0 && is_word(text[i - 1])) != (i < text.size() && is_word(text[i]));
}

std::u32string to_lower(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  bool cased_before = false;  // the last character that is not case-ignorable is cased
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c == 0x3A3) {
      out.push_back(is_final_sigma(text, i, cased_before) ? 0x3C2 : 0x3C3);
    } else if (c == 0x130) {  // the only character whose lower case is longer
      out.append(U"i\u0307");
    } else {
      out.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
    if (!is_case_ignorable(c)) cased_before = is_cased(c);
  }
  return out;
}

std::u32string normalize(std::u32string_view text, NormalForm form) {
  std::vector<utf8proc_int32_t> points = decompose(text);
  order_marks(points);
  auto length = static_cast<utf8proc_ssize_t>(points.size());
  if (form == NormalForm::nfkc && length > 0)
    length = checked(utf8proc_normalize_utf32(points.data(), length, kComposeOptions));
  return {points.begin(), points.begin() + length};
}

std::u32string space_graphemes(std::u32string_view text) {
  std::u32string out;
  out.reserve(2 * text.size());
  utf8proc_int32_t state = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(text[i - 1]),
                                                  static_cast<utf8proc_int32_t>(text[i]), &state))
      out.push_back(U' ');
    out.push_back(text[i]);
  }
  return out;
}

}  // namespace wtrt::text
