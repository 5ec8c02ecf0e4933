#include <algorithm>

#include "common/utf8.hpp"
#include "text/english_numbers.hpp"
#include "text/english_spelling.hpp"
#include "text/normalizer.hpp"
#include "text/normalizer_parts.hpp"
#include "text/unicode.hpp"

namespace wtrt::text {
namespace {

using Text = std::u32string;
using View = std::u32string_view;

struct Replacement {
  View from;
  View to;
  bool whole_word;  // \b on both sides; otherwise only after it
};

// In this order.
constexpr Replacement kReplacements[] = {
    // contractions of their own
    {U"won't", U"will not", true},
    {U"can't", U"can not", true},
    {U"let's", U"let us", true},
    {U"ain't", U"aint", true},
    {U"y'all", U"you all", true},
    {U"wanna", U"want to", true},
    {U"gotta", U"got to", true},
    {U"gonna", U"going to", true},
    {U"i'ma", U"i am going to", true},
    {U"imma", U"i am going to", true},
    {U"woulda", U"would have", true},
    {U"coulda", U"could have", true},
    {U"shoulda", U"should have", true},
    {U"ma'am", U"madam", true},
    // titles
    {U"mr", U"mister ", true},
    {U"mrs", U"missus ", true},
    {U"st", U"saint ", true},
    {U"dr", U"doctor ", true},
    {U"prof", U"professor ", true},
    {U"capt", U"captain ", true},
    {U"gov", U"governor ", true},
    {U"ald", U"alderman ", true},
    {U"gen", U"general ", true},
    {U"sen", U"senator ", true},
    {U"rep", U"representative ", true},
    {U"pres", U"president ", true},
    {U"rev", U"reverend ", true},
    {U"hon", U"honorable ", true},
    {U"asst", U"assistant ", true},
    {U"assoc", U"associate ", true},
    {U"lt", U"lieutenant ", true},
    {U"col", U"colonel ", true},
    {U"jr", U"junior ", true},
    {U"sr", U"senior ", true},
    {U"esq", U"esquire ", true},
    // perfect tenses
    {U"'d been", U" had been", false},
    {U"'s been", U" has been", false},
    {U"'d gone", U" had gone", false},
    {U"'s gone", U" has gone", false},
    {U"'d done", U" had done", false},
    {U"'s got", U" has got", false},
    // endings
    {U"n't", U" not", false},
    {U"'re", U" are", false},
    {U"'s", U" is", false},
    {U"'d", U" would", false},
    {U"'ll", U" will", false},
    {U"'t", U" not", false},
    {U"'ve", U" have", false},
    {U"'m", U" am", false},
};

bool matches(View s, size_t i, View literal, bool whole_word) {
  return s.substr(i).starts_with(literal) && (!whole_word || is_word_boundary(s, i)) &&
         is_word_boundary(s, i + literal.size());
}

Text replace_all(View s, const Replacement& rule) {
  Text out;
  for (size_t i = 0; i < s.size();) {
    const size_t next = std::min(s.find(rule.from, i), s.size());
    out.append(s.substr(i, next - i));
    i = next;
    if (i == s.size()) break;
    if (matches(s, i, rule.from, rule.whole_word)) {
      out.append(rule.to);
      i += rule.from.size();
    } else {
      out.push_back(s[i++]);
    }
  }
  return out;
}

Text remove_fillers(Text s) {
  for (const View filler : {U"hmm", U"mm", U"mhm", U"mmm", U"uh", U"um"}) s = replace_all(s, {filler, U"", true});
  return s;
}

// \s+' → '
Text join_apostrophes(View s) {
  Text out;
  for (const char32_t c : s) {
    if (c == U'\'')
      while (!out.empty() && is_python_space(out.back())) out.pop_back();
    out.push_back(c);
  }
  return out;
}

// (\d),(\d) → \1\2; a digit serves one match only, so that of "1,2,3" the second comma stays.
Text remove_digit_commas(View s) {
  Text out;
  size_t first_free = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool between =
        s[i] == U',' && i > first_free && i + 1 < s.size() && is_decimal_digit(s[i - 1]) && is_decimal_digit(s[i + 1]);
    if (between) {
      first_free = i + 2;
    } else {
      out.push_back(s[i]);
    }
  }
  return out;
}

bool is_ascii_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

// [symbols]([^0-9]) → space \1; at the end of the text too if `at_end`.
Text blank_before_non_digit(View s, View symbols, bool at_end) {
  Text out;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool last = i + 1 == s.size();
    const bool blank = symbols.find(s[i]) != View::npos && (last ? at_end : !is_ascii_digit(s[i + 1]));
    out.push_back(blank ? U' ' : s[i]);
    if (blank && !last) out.push_back(s[++i]);
  }
  return out;
}

// ([^0-9])% → \1 space
Text blank_percent_after_non_digit(View s) {
  Text out;
  for (size_t i = 0; i < s.size(); ++i) {
    out.push_back(s[i]);
    if (!is_ascii_digit(s[i]) && i + 1 < s.size() && s[i + 1] == U'%') {
      out.push_back(U' ');
      ++i;
    }
  }
  return out;
}

Text standardize_spelling(View s) {
  auto words = split_words(s);
  for (Text& word : words) {
    const std::string utf8 = encode_utf8(word);
    const std::string_view american = american_spelling(utf8);
    if (american != utf8) word = decode_utf8(american);
  }
  return join_words(words);
}

}  // namespace

std::string normalize_english(std::string_view utf8) {
  Text s = to_lower(decode_utf8(utf8));
  s = join_apostrophes(remove_fillers(remove_parenthesised(remove_bracketed(s))));
  for (const Replacement& rule : kReplacements) s = replace_all(s, rule);
  s = blank_before_non_digit(remove_digit_commas(s), U".", true);
  s = remove_symbols_and_diacritics(s, U".%$¢€£");
  s = standardize_spelling(standardize_numbers(s));
  s = blank_before_non_digit(s, U".$¢€£", false);
  return encode_utf8(collapse_spaces(blank_percent_after_non_digit(s)));
}

}  // namespace wtrt::text
