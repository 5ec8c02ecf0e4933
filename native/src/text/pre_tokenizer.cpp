#include "text/pre_tokenizer.hpp"

#include <algorithm>

#include "common/utf8.hpp"
#include "text/unicode.hpp"

namespace wtrt::text {
namespace {

enum class Kind { letter, number, space, other, end };

struct Character {
  Kind kind;
  size_t offset;
};

Kind kind_of(char32_t c) {
  if (is_letter(c)) return Kind::letter;
  if (is_number(c)) return Kind::number;
  return is_white_space(c) ? Kind::space : Kind::other;
}

// Length of the contraction ('s, 't, 're, …) that `rest` begins with; 0 if none. Lower case only, as in the original.
size_t contraction(std::string_view rest) {
  for (const std::string_view suffix : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (rest.starts_with(suffix)) return suffix.size();
  return 0;
}

// The index after the piece that begins at `first`.
size_t piece_end(std::string_view utf8, const std::vector<Character>& characters, size_t first) {
  if (const size_t length = contraction(utf8.substr(characters[first].offset)); length > 0) return first + length;
  const auto run_end = [&](size_t i) {
    const Kind kind = characters[i].kind;
    while (characters[i].kind == kind) ++i;
    return i;
  };
  // One plain space may lead a run of letters, of numbers or of other characters.
  const bool blank = utf8[characters[first].offset] == ' ';
  const size_t body = blank ? first + 1 : first;
  if (characters[body].kind != Kind::space && characters[body].kind != Kind::end) return run_end(body);
  // White space before a word leaves its last character to the word, unless it has only one.
  const size_t end = run_end(first);
  return characters[end].kind == Kind::end || end - first == 1 ? end : end - 1;
}

}  // namespace

std::vector<std::string_view> split_pieces(std::string_view utf8) {
  std::vector<Character> characters;
  characters.reserve(utf8.size() + 1);
  for (size_t i = 0; i < utf8.size();) {
    const size_t offset = i;
    const Kind kind = kind_of(next_code_point(utf8, i));
    characters.push_back({kind, offset});
  }
  characters.push_back({Kind::end, utf8.size()});

  std::vector<std::string_view> pieces;
  for (size_t first = 0; first + 1 < characters.size();) {
    const size_t end = piece_end(utf8, characters, first);
    const size_t offset = characters[first].offset;
    pieces.push_back(utf8.substr(offset, characters[end].offset - offset));
    first = end;
  }
  return pieces;
}

}  // namespace wtrt::text
