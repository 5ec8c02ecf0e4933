#include "text/english_number_words.hpp"

#include <string>
#include <unordered_map>

namespace wtrt::text {
namespace {

using Kind = NumberWordKind;
using Table = std::unordered_map<std::u32string, NumberWord>;

void add_ones(Table& table) {
  const std::u32string names[] = {U"one",     U"two",       U"three",    U"four",     U"five",
                                  U"six",     U"seven",     U"eight",    U"nine",     U"ten",
                                  U"eleven",  U"twelve",    U"thirteen", U"fourteen", U"fifteen",
                                  U"sixteen", U"seventeen", U"eighteen", U"nineteen"};
  int value = 0;
  for (const std::u32string& name : names) {
    ++value;
    table[name] = {Kind::one, value, {}};
    table[value == 6 ? U"sixes" : name + U"s"] = {Kind::one_suffixed, value, U"s"};
    const bool irregular = value <= 3 || value == 5 || value == 12;
    if (!irregular) table[name + (name.back() == U't' ? U"h" : U"th")] = {Kind::one_suffixed, value, U"th"};
  }
  table[U"zeroth"] = {Kind::one_suffixed, 0, U"th"};
  table[U"first"] = {Kind::one_suffixed, 1, U"st"};
  table[U"second"] = {Kind::one_suffixed, 2, U"nd"};
  table[U"third"] = {Kind::one_suffixed, 3, U"rd"};
  table[U"fifth"] = {Kind::one_suffixed, 5, U"th"};
  table[U"twelfth"] = {Kind::one_suffixed, 12, U"th"};
  for (const char32_t* zero : {U"o", U"oh", U"zero"}) table[zero] = {Kind::zero, 0, {}};
}

void add_tens(Table& table) {
  int value = 10;
  for (const std::u32string stem : {U"twent", U"thirt", U"fort", U"fift", U"sixt", U"sevent", U"eight", U"ninet"}) {
    value += 10;
    table[stem + U"y"] = {Kind::ten, value, {}};
    table[stem + U"ies"] = {Kind::ten_suffixed, value, U"s"};
    table[stem + U"ieth"] = {Kind::ten_suffixed, value, U"th"};
  }
}

void add_multipliers(Table& table) {
  const auto add = [&](const std::u32string& name, int power) {
    table[name] = {Kind::multiplier, power, {}};
    table[name + U"s"] = {Kind::multiplier_suffixed, power, U"s"};
    table[name + U"th"] = {Kind::multiplier_suffixed, power, U"th"};
  };
  add(U"hundred", 2);
  int power = 0;
  for (const char32_t* name : {U"thousand", U"million", U"billion", U"trillion", U"quadrillion", U"quintillion",
                               U"sextillion", U"septillion", U"octillion", U"nonillion", U"decillion"})
    add(name, power += 3);
}

Table make_table() {
  Table table;
  add_ones(table);
  add_tens(table);
  add_multipliers(table);
  table[U"minus"] = table[U"negative"] = {Kind::preceding_prefix, 0, U"-"};
  table[U"plus"] = table[U"positive"] = {Kind::preceding_prefix, 0, U"+"};
  table[U"pound"] = table[U"pounds"] = {Kind::following_prefix, 0, U"£"};
  table[U"euro"] = table[U"euros"] = {Kind::following_prefix, 0, U"€"};
  table[U"dollar"] = table[U"dollars"] = {Kind::following_prefix, 0, U"$"};
  table[U"cent"] = table[U"cents"] = {Kind::following_prefix, 0, U"¢"};
  table[U"percent"] = {Kind::suffix, 0, U"%"};
  table[U"per"] = {Kind::per, 0, U"%"};
  for (const char32_t* word : {U"and", U"double", U"triple", U"point"}) table[word] = {Kind::special, 0, {}};
  return table;
}

}  // namespace

std::optional<NumberWord> number_word(std::u32string_view word) {
  static const Table table = make_table();
  const auto found = table.find(std::u32string(word));
  if (found == table.end()) return std::nullopt;
  return found->second;
}

}  // namespace wtrt::text
