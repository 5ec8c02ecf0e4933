// Every line of the goldens: texts, ids and words as openai/whisper makes them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shared_data.hpp"
#include "text/normalizer.hpp"
#include "text/tokenizer.hpp"

namespace {

using nlohmann::json;
using namespace wtrt::text;

std::vector<json> golden(const char* relative) {
  std::vector<json> rows;
  for (const std::string& line : wtrt::test::lines_of(wtrt::test::shared() / relative))
    rows.push_back(json::parse(line));
  return rows;
}

TEST(TextGolden, EncodesAndDecodes) {
  WTRT_NEEDS_SHARED("golden/text/tokenizer.jsonl");
  WTRT_NEEDS_SHARED("models/whisper-base/tokenizer.json");
  const auto english = Tokenizer::load(wtrt::test::shared() / "models/whisper-tiny.en", 51864);
  const auto multilingual = Tokenizer::load(wtrt::test::shared() / "models/whisper-base", 51865);
  const auto rows = golden("golden/text/tokenizer.jsonl");
  ASSERT_GT(rows.size(), 400u);
  for (const json& row : rows) {
    const Tokenizer& tokenizer = row["vocab"] == "gpt2" ? *english : *multilingual;
    const auto ids = row["ids"].get<std::vector<TokenId>>();
    EXPECT_EQ(tokenizer.decode(ids), row["decoded"].get<std::string>()) << row;
    EXPECT_EQ(tokenizer.decode_with_timestamps(ids), row["decoded"].get<std::string>()) << row;
    if (row.contains("text")) {
      EXPECT_EQ(tokenizer.encode(row["text"].get<std::string>()), ids) << row;
    }
  }
}

TEST(TextGolden, SplitsToWords) {
  WTRT_NEEDS_SHARED("golden/text/word_split.jsonl");
  const auto tokenizer = Tokenizer::load(wtrt::test::shared() / "models/whisper-base", 51865);
  const auto rows = golden("golden/text/word_split.jsonl");
  ASSERT_FALSE(rows.empty());
  for (const json& row : rows) {
    const auto words =
        tokenizer->split_to_words(row["ids"].get<std::vector<TokenId>>(), row["language"].get<std::string>());
    json texts = json::array(), tokens = json::array();
    for (const auto& word : words) {
      texts.push_back(word.text);
      tokens.push_back(word.tokens);
    }
    EXPECT_EQ(texts, row["words"]) << row;
    EXPECT_EQ(tokens, row["word_tokens"]) << row;
  }
}

TEST(TextGolden, Normalises) {
  WTRT_NEEDS_SHARED("golden/text/normalizer.jsonl");
  const auto rows = golden("golden/text/normalizer.jsonl");
  ASSERT_FALSE(rows.empty());
  for (const json& row : rows) {
    const auto text = row["text"].get<std::string>();
    EXPECT_EQ(normalize_english(text), row["english"].get<std::string>()) << row;
    EXPECT_EQ(normalize_basic(text), row["basic"].get<std::string>()) << row;
    EXPECT_EQ(normalize_basic(text, true, true), row["basic_diacritics_letters"].get<std::string>()) << row;
  }
}

TEST(TextGolden, CompressionRatios) {
  WTRT_NEEDS_SHARED("golden/text/compression_ratio.jsonl");
  const auto rows = golden("golden/text/compression_ratio.jsonl");
  ASSERT_FALSE(rows.empty());
  for (const json& row : rows)
    EXPECT_EQ(compression_ratio(row["text"].get<std::string>()), row["ratio"].get<double>()) << row;
}

}  // namespace
