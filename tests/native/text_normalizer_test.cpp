// Normalisers and the compression ratio; expectations are openai/whisper's results.
#include <gtest/gtest.h>

#include "common/utf8.hpp"
#include "text/english_spelling.hpp"
#include "text/normalizer.hpp"
#include "text/unicode.hpp"

namespace {

using namespace wtrt::text;

TEST(EnglishNormalizer, Numbers) {
  EXPECT_EQ(normalize_english("it's twenty-five dollars and fifty cents"), "it is $25.50");
  EXPECT_EQ(normalize_english("two thousand and ten"), "2010");
  EXPECT_EQ(normalize_english("nineteen eighty four"), "1984");
  EXPECT_EQ(normalize_english("three point one four"), "3.14");
  EXPECT_EQ(normalize_english("1234567890 3.14159 1,000,000 $5.00 50%"), "1234567890 3.14159 1000000 $5 50%");
  EXPECT_EQ(normalize_english("½ ² ³ ⅷ"), "one 2 2 3 viii");
  EXPECT_EQ(normalize_english("ELEVEN O'CLOCK"), "110 clock");
  EXPECT_EQ(normalize_english("one hundred and one"), "101");
  EXPECT_EQ(normalize_english("two and a half million"), "2500000");
  EXPECT_EQ(normalize_english("double oh seven, triple five"), "007555");
  EXPECT_EQ(normalize_english("one oh one"), "101");
  EXPECT_EQ(normalize_english("twenty first century, the nineteen sixties"), "21st century the 1960s");
  EXPECT_EQ(normalize_english("minus five percent, ten per cent"), "-5% 10%");
  EXPECT_EQ(normalize_english("seven cents"), "¢7");
  EXPECT_EQ(normalize_english("nine decillion and three"), "9000000000000000000000000000000003");
  EXPECT_EQ(normalize_english("1 one 1s"), "11 ones");
}

TEST(EnglishNormalizer, Words) {
  EXPECT_EQ(normalize_english("um, uh, I'd've gone"), "i would have gone");
  EXPECT_EQ(normalize_english("the colour of the theatre's centre"), "the color of the theater is center");
  EXPECT_EQ(normalize_english("Mr. Quilter won't (laughs) [music] {noise}"), "mister quilter will not noise");
  EXPECT_EQ(normalize_english("naïve café — ﬁ ß"), "naive cafe fi ss");
  EXPECT_EQ(normalize_english(""), "");
  EXPECT_EQ(normalize_english("♪♪♪"), "");
}

TEST(EnglishNormalizer, HostileTextEndsSoon) {
  for (const char* part :
       {"(", "<", "'", "one million ", "9", "and a half ", ", ", "double ", "\xFF", "Σ", "\u0301", "\u0301\u0323"}) {
    std::string text;
    while (text.size() < 100000) text += part;
    normalize_english(text);
    normalize_basic(text, true, true);
  }
}

TEST(BasicNormalizer, Text) {
  EXPECT_EQ(normalize_basic("it's twenty-five <x> (y) [z] Ünïcödé"), "it s twenty five ünïcödé");
  EXPECT_EQ(normalize_basic("Ünïcödé Øre", true), "unicode ore");
  EXPECT_EQ(normalize_basic("日本 e\u0301", false, true), "日 本 é");
}

TEST(Unicode, LowerCaseAsPython) {
  const auto lower = [](const char* text) { return wtrt::encode_utf8(to_lower(wtrt::decode_utf8(text))); };
  EXPECT_EQ(lower("ΟΔΟΣ ΣΑΣ. Σ"), "οδος σας. σ");
  EXPECT_EQ(lower("İI"), "i\u0307i");
  EXPECT_EQ(lower("ǅẞÀ"), "ǆßà");
}

TEST(Unicode, NormalForms) {
  const auto nfkd = [](std::u32string_view text) { return normalize(text, NormalForm::nfkd); };
  const auto nfkc = [](std::u32string_view text) { return normalize(text, NormalForm::nfkc); };
  EXPECT_EQ(nfkd(U"\u1E69"), U"s\u0323\u0307");
  EXPECT_EQ(nfkd(U"q\u0307\u0323x"), U"q\u0323\u0307x");
  EXPECT_EQ(nfkc(U"s\u0307\u0323"), U"\u1E69");
  EXPECT_EQ(nfkc(U"ﬁ①한"), U"fi1한");
  EXPECT_EQ(nfkd(U"한"), U"\u1112\u1161\u11AB");
  EXPECT_EQ(nfkd(U"\uFDFA").size(), 18u);
  EXPECT_EQ(nfkc(U""), U"");
}

TEST(Utf8, MalformedSequencesAsPython) {
  const auto repaired = [](std::string_view bytes) { return wtrt::repair_utf8(bytes); };
  EXPECT_EQ(repaired("a\xF0\x9F\x92z"), "a\uFFFDz");                    // one for the longest good beginning
  EXPECT_EQ(repaired("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");            // a surrogate
  EXPECT_EQ(repaired("\xC0\xAF\xE0\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // overlong
  EXPECT_EQ(repaired("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // past U+10FFFF
  EXPECT_EQ(repaired("\xE2\x82"), "\uFFFD");
  EXPECT_EQ(repaired("\xF0\x9F\x92\xA9"), "💩");
}

TEST(Spelling, Lookup) {
  EXPECT_EQ(american_spelling("accessorise"), "accessorize");
  EXPECT_EQ(american_spelling("yoghurt"), "yogurt");
  EXPECT_EQ(american_spelling("whisper"), "whisper");
  EXPECT_EQ(american_spelling(""), "");
}

TEST(CompressionRatio, AsPythonsZlib) {
  EXPECT_EQ(compression_ratio(""), 0.0);
  EXPECT_EQ(compression_ratio(" "), 1.0 / 9);
  EXPECT_EQ(compression_ratio("Hello world"), 0.5789473684210527);
  EXPECT_EQ(compression_ratio("日本語のテキストです。"), 0.75);
  EXPECT_GT(compression_ratio(std::string(1000, 'a')), 50.0);
}

}  // namespace
