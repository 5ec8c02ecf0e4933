#include "common/utf8.hpp"
#include "text/normalizer.hpp"
#include "text/normalizer_parts.hpp"
#include "text/unicode.hpp"

namespace wtrt::text {
namespace {

// Letters that NFKD leaves whole.
std::u32string_view plain_letters(char32_t c) {
  switch (c) {
    case U'œ': return U"oe";
    case U'Œ': return U"OE";
    case U'ø': return U"o";
    case U'Ø': return U"O";
    case U'æ': return U"ae";
    case U'Æ': return U"AE";
    case U'ß': return U"ss";
    case U'ẞ': return U"SS";
    case U'đ': return U"d";
    case U'Đ': return U"D";
    case U'ð': return U"d";
    case U'Ð': return U"D";
    case U'þ': return U"th";
    case U'Þ': return U"th";
    case U'ł': return U"l";
    case U'Ł': return U"L";
    default: return {};
  }
}

std::u32string remove_symbols(std::u32string_view text) {
  std::u32string out = normalize(text, NormalForm::nfkc);
  for (char32_t& c : out)
    if (is_mark_symbol_punctuation(c)) c = U' ';
  return out;
}

}  // namespace

std::u32string remove_bracketed(std::u32string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    const bool opens = text[i] == U'<' || text[i] == U'[';
    const size_t close = opens ? text.find_first_of(U">]", i + 1) : std::u32string_view::npos;
    if (opens && close == std::u32string_view::npos) return out.append(text.substr(i));
    if (opens) {
      i = close + 1;
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

std::u32string remove_parenthesised(std::u32string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    const size_t close = text[i] == U'(' ? text.find(U')', i + 1) : 0;
    if (close == std::u32string_view::npos) return out.append(text.substr(i));
    if (close > i + 1) {
      i = close + 1;
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

std::u32string remove_symbols_and_diacritics(std::u32string_view text, std::u32string_view keep) {
  std::u32string out;
  for (const char32_t c : normalize(text, NormalForm::nfkd)) {
    const auto plain = plain_letters(c);
    if (keep.find(c) != std::u32string_view::npos) {
      out.push_back(c);
    } else if (!plain.empty()) {
      out.append(plain);
    } else if (!is_nonspacing_mark(c)) {
      out.push_back(is_mark_symbol_punctuation(c) ? U' ' : c);
    }
  }
  return out;
}

std::u32string collapse_spaces(std::u32string_view text) {
  std::u32string out;
  bool in_space = false;
  for (const char32_t c : text) {
    const bool space = is_python_space(c);
    if (!space) out.push_back(c);
    if (space && !in_space) out.push_back(U' ');
    in_space = space;
  }
  return out;
}

std::string normalize_basic(std::string_view utf8, bool remove_diacritics, bool split_letters) {
  std::u32string text = to_lower(decode_utf8(utf8));
  text = remove_parenthesised(remove_bracketed(text));
  text = to_lower(remove_diacritics ? remove_symbols_and_diacritics(text, {}) : remove_symbols(text));
  if (split_letters) text = space_graphemes(text);
  return encode_utf8(collapse_spaces(text));
}

}  // namespace wtrt::text
