#include <algorithm>
#include <optional>
#include <utility>

#include "text/decimal.hpp"
#include "text/english_number_words.hpp"
#include "text/english_numbers.hpp"
#include "text/unicode.hpp"

namespace wtrt::text {
namespace {

using Kind = NumberWordKind;
using Text = std::u32string;
using View = std::u32string_view;

constexpr View kSigns = U"-+£€$¢";

Text decimal(int value) {
  Text digits;
  for (const char c : std::to_string(value)) digits.push_back(static_cast<char32_t>(c));
  return digits;
}

// \d+(\.\d+)?
bool is_numeric(View word) {
  const size_t point = std::min(word.find(U'.'), word.size());
  const auto digits = [](View s) { return !s.empty() && std::all_of(s.begin(), s.end(), is_decimal_digit); };
  return digits(word.substr(0, point)) && (point == word.size() || digits(word.substr(point + 1)));
}

// Walks the words with one number in the making. That number is an integer (its digits, any size) while words add up
// arithmetically, and text once digits have been strung together: the two join further words differently.
class NumberReader {
 public:
  explicit NumberReader(const std::vector<Text>& words) : words_(words) {}

  std::vector<Text> read() {
    for (position_ = 0; position_ < words_.size(); ++position_) {
      const Text& word = words_[position_];
      const bool signed_word = kSigns.find(word[0]) != View::npos;
      const View bare = View(word).substr(signed_word ? 1 : 0);
      const auto known = number_word(word);
      if (is_numeric(bare)) {
        figure(word, bare, signed_word);
      } else if (known) {
        number_word_at(word, *known);
      } else {
        flush();
        emit(word);
      }
    }
    flush();
    return std::move(output_);
  }

 private:
  struct Value {
    bool is_text;
    Text digits;
  };

  std::optional<NumberWord> word_at(size_t index) const {
    return index < words_.size() ? number_word(words_[index]) : std::nullopt;
  }
  bool is_kind(size_t index, Kind kind) const {
    const auto word = word_at(index);
    return word && word->kind == kind;
  }
  bool previous_is(Kind kind) const { return position_ > 0 && is_kind(position_ - 1, kind); }
  bool next_is_numeric() const { return position_ + 1 < words_.size() && is_numeric(words_[position_ + 1]); }

  void emit(const Text& text) {
    output_.push_back(prefix_ + text);
    value_.reset();
    prefix_.clear();
  }
  void flush() {
    if (value_) emit(Text(value_->digits));
  }
  void set_integer(Text digits) { value_ = Value{false, std::move(digits)}; }
  void set_text(Text digits) { value_ = Value{true, std::move(digits)}; }
  // What digits are strung onto; a bare integer 0 vanishes.
  Text stem() const { return value_ && (value_->is_text || value_->digits != U"0") ? value_->digits : Text(); }

  void figure(const Text& word, View bare, bool signed_word) {
    if (value_ && value_->is_text && value_->digits.back() == U'.') {
      value_->digits += word;  // decimals, or the parts of an address
      return;
    }
    flush();
    if (signed_word) prefix_ = word[0];
    const auto scaled = scale_decimal(bare, 0);
    scaled.whole ? set_integer(*scaled.whole) : set_text(Text(bare));
  }

  void number_word_at(const Text& word, const NumberWord& known) {
    switch (known.kind) {
      case Kind::zero: return set_text(stem() + U"0");
      case Kind::one: return one(known.value);
      case Kind::one_suffixed: return one_suffixed(known);
      case Kind::ten: return ten(known.value);
      case Kind::ten_suffixed: return ten_suffixed(known);
      case Kind::multiplier: return multiplier(known.value);
      case Kind::multiplier_suffixed: return multiplier_suffixed(known);
      case Kind::preceding_prefix:
        flush();
        if (word_at(position_ + 1) || next_is_numeric()) {
          prefix_ = known.sign;
        } else {
          emit(word);
        }
        return;
      case Kind::following_prefix:
        if (value_) prefix_ = known.sign;
        return emit(value_ ? Text(value_->digits) : word);
      case Kind::suffix: return emit(value_ ? value_->digits + Text(known.sign) : word);
      case Kind::per: return per(word, known);
      case Kind::special: return special(word);
    }
  }

  // "twenty" + one → 21, "hundred" + one → 101, "one" + one → 11: the digits of value and `ones` together, and whether
  // they stay an integer.
  Value with_ones(int ones) const {
    const Text figures = decimal(ones);
    if (!value_) return {false, figures};
    const Text& digits = value_->digits;
    if (value_->is_text || previous_is(Kind::one)) {
      const bool fills_zero = previous_is(Kind::ten) && ones < 10 && digits.back() == U'0';
      return {true, (fills_zero ? digits.substr(0, digits.size() - 1) : digits) + figures};
    }
    const size_t places = ones < 10 ? 1 : 2;
    if (low_part(digits, places) == U"0") return {false, add(digits, figures)};
    return {true, digits + figures};
  }

  Value with_tens(int tens) const {
    const Text figures = decimal(tens);
    if (!value_) return {false, figures};
    if (!value_->is_text && low_part(value_->digits, 2) == U"0") return {false, add(value_->digits, figures)};
    return {true, value_->digits + figures};
  }

  void one(int ones) { value_ = with_ones(ones); }
  void ten(int tens) { value_ = with_tens(tens); }
  void one_suffixed(const NumberWord& known) { emit(with_ones(known.value).digits + Text(known.sign)); }
  void ten_suffixed(const NumberWord& known) { emit(with_tens(known.value).digits + Text(known.sign)); }

  // Only what stands below the thousands is multiplied: 2,000,003 × 1000 is "two million three thousand".
  Text multiplied(int power) const {
    const Text& digits = value_->digits;
    return add(high_part(digits, 3), times_power_of_ten(low_part(digits, 3), power));
  }

  void multiplier(int power) {
    const Text alone = times_power_of_ten(U"1", power);
    if (!value_) return set_integer(alone);
    if (!value_->is_text) return set_integer(multiplied(power));
    const auto scaled = scale_decimal(value_->digits, power);
    if (scaled.whole) return set_integer(*scaled.whole);
    flush();
    set_integer(alone);
  }

  void multiplier_suffixed(const NumberWord& known) {
    const Text suffix(known.sign);
    const Text alone = times_power_of_ten(U"1", known.value);
    if (!value_) return emit(alone + suffix);
    if (!value_->is_text) return emit(multiplied(known.value) + suffix);
    const auto scaled = scale_decimal(value_->digits, known.value);
    if (scaled.whole) return emit(*scaled.whole + suffix);
    flush();
    emit(alone + suffix);
  }

  void per(const Text& word, const NumberWord& known) {
    if (!value_) return emit(word);
    if (position_ + 1 < words_.size() && words_[position_ + 1] == U"cent") {
      emit(value_->digits + Text(known.sign));
      ++position_;
      return;
    }
    flush();
    emit(word);
  }

  void special(const Text& word) {
    const auto next = word_at(position_ + 1);
    const auto stays_a_word = [&] {
      flush();
      emit(word);
    };
    if (!next && !next_is_numeric()) return stays_a_word();
    if (word == U"and") {
      if (!previous_is(Kind::multiplier)) stays_a_word();
    } else if (word == U"point") {
      const bool decimals = next && (next->kind == Kind::one || next->kind == Kind::ten || next->kind == Kind::zero);
      if (decimals || next_is_numeric()) set_text(stem() + U".");
    } else if (next && (next->kind == Kind::one || next->kind == Kind::zero)) {  // double, triple
      const Text figures = decimal(next->value);
      set_text(stem() + figures + figures + (word == U"triple" ? figures : Text()));
      ++position_;
    } else {
      stays_a_word();
    }
  }

  const std::vector<Text>& words_;
  size_t position_ = 0;
  std::optional<Value> value_;
  Text prefix_;
  std::vector<Text> output_;
};

}  // namespace

std::vector<std::u32string> read_number_words(const std::vector<std::u32string>& words) {
  return NumberReader(words).read();
}

}  // namespace wtrt::text
