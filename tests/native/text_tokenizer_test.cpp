// The tokenizer on a made-up vocabulary and, where they are, on real ones.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "common/error.hpp"
#include "shared_data.hpp"
#include "text/pre_tokenizer.hpp"
#include "text/tokenizer.hpp"
#include "tokenizer_fixture.hpp"

namespace {

using namespace wtrt::text;
using wtrt::test::fixture_tokenizer;
using Ids = std::vector<TokenId>;

class TokenizerFiles : public testing::Test {
 protected:
  TokenizerFiles()
      : directory_(std::filesystem::path(testing::TempDir()) /
                   (std::string("tokenizer_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(directory_);
  }
  ~TokenizerFiles() override { std::filesystem::remove_all(directory_); }

  void write(const char* name, const std::string& contents) const { std::ofstream(directory_ / name) << contents; }

  std::filesystem::path directory_;
};

void expect_fixture_behaviour(const Tokenizer& tokenizer) {
  EXPECT_FALSE(tokenizer.multilingual());
  EXPECT_EQ(tokenizer.encode("the th e"), (Ids{257, ' ', 256, ' ', 'e'}));
  EXPECT_EQ(tokenizer.encode("a the"), (Ids{'a', 258}));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{259, 'c'}));               // of two merges the lower rank
  EXPECT_EQ(tokenizer.encode("bcab"), (Ids{260, 259}));              // and the leftmost of equals
  EXPECT_EQ(tokenizer.encode(wtrt::test::filler(300)), (Ids{300}));  // a whole token needs no merges
  EXPECT_EQ(tokenizer.encode("é"), (Ids{0xC3, 0xA9}));
  EXPECT_EQ(tokenizer.encode("\xFFx"), (Ids{0xEF, 0xBF, 0xBD, 'x'}));  // malformed input is U+FFFD
  EXPECT_EQ(tokenizer.encode(""), Ids{});
  EXPECT_EQ(tokenizer.decode(Ids{258, 50256, 50258, 50363, 'a'}), " thea");
  EXPECT_EQ(tokenizer.decode_with_timestamps(Ids{50257, 50258, 50363, 258, 50363 + 54, 51863, 50256}),
            "<|startoftranscript|><|en|><|0.00|> the<|1.08|><|30.00|><|endoftext|>");
}

TEST_F(TokenizerFiles, ReadsBothFormsOfMerges) {
  for (const bool arrays : {false, true}) {
    write("tokenizer.json", fixture_tokenizer(arrays).dump());
    expect_fixture_behaviour(*Tokenizer::load(directory_, 51864));
  }
}

TEST_F(TokenizerFiles, ReadsVocabAndMerges) {
  write("vocab.json", wtrt::test::fixture_vocab().dump());
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : wtrt::test::fixture_merges()) merges += left + " " + right + "\n";
  write("merges.txt", merges);
  expect_fixture_behaviour(*Tokenizer::load(directory_, 51864));
}

TEST_F(TokenizerFiles, MissingFilesAreNotFound) {
  const auto code_of_load = [&] {
    try {
      Tokenizer::load(directory_, 51864);
    } catch (const wtrt::Error& e) {
      EXPECT_NE(std::string(e.what()).find(directory_.string()), std::string::npos) << e.what();
      return e.code();
    }
    return wtrt::ErrorCode::internal;
  };
  EXPECT_EQ(code_of_load(), wtrt::ErrorCode::not_found);
  write("vocab.json", wtrt::test::fixture_vocab().dump());
  EXPECT_EQ(code_of_load(), wtrt::ErrorCode::not_found);  // merges.txt
}

TEST_F(TokenizerFiles, RefusesIdsOutOfRange) {
  write("tokenizer.json", fixture_tokenizer(false).dump());
  const auto tokenizer = Tokenizer::load(directory_, 51864);
  for (const TokenId id : {-1, 51864, 2000000000}) {
    EXPECT_THROW(tokenizer->decode(Ids{id}), wtrt::Error);
    EXPECT_THROW(tokenizer->decode_with_timestamps(Ids{id}), wtrt::Error);
    EXPECT_THROW(tokenizer->split_to_words(Ids{id}, "en"), wtrt::Error);
  }
}

TEST_F(TokenizerFiles, LongPiecesDoNotSlowDown) {
  write("tokenizer.json", fixture_tokenizer(false).dump());
  const auto tokenizer = Tokenizer::load(directory_, 51864);
  std::string text;
  for (int i = 0; i < 200000; ++i) text += "ab";
  const auto ids = tokenizer->encode(text);  // takes hours if it is quadratic
  EXPECT_EQ(ids.size(), 200000u);
  EXPECT_EQ(tokenizer->decode(ids), text);
}

TEST_F(TokenizerFiles, SplitsBytesOfBrokenCharacters) {
  write("tokenizer.json", fixture_tokenizer(false).dump());
  const auto tokenizer = Tokenizer::load(directory_, 51864);
  const auto texts_of = [&](const Ids& ids) {
    std::vector<std::string> texts;
    for (const auto& word : tokenizer->split_to_words(ids, "en")) texts.push_back(word.text);
    return texts;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts_of({' ', 0xC3, 0xA9, 'a', '.', ' ', 'b', 50256}), (Texts{" éa", ".", " b", "<|endoftext|>"}));
  EXPECT_EQ(texts_of({' ', 'b', 0xFF, 'c', 50256}), (Texts{" b\uFFFDc", "<|endoftext|>"}));
  // A character cut short by two bytes shifts openai/whisper's count of characters: it loses what follows.
  EXPECT_EQ(texts_of({' ', 'b', 0xF0, 0x9F, 50256}), (Texts{" b\uFFFD"}));
  EXPECT_EQ(texts_of({' ', 'b', 0xF0, 0x9F}), (Texts{" b\uFFFD\uFFFD"}));  // where it fails, nothing is lost
  EXPECT_EQ(tokenizer->split_to_words(Ids{0xC3, 0xA9, 'a'}, "zh").size(), 2u);
}

TEST(PreTokenizer, SplitsAsGpt2) {
  using Pieces = std::vector<std::string_view>;
  EXPECT_EQ(split_pieces("Hello,   world!"), (Pieces{"Hello", ",", "  ", " world", "!"}));
  EXPECT_EQ(split_pieces("I'll don't 'S"), (Pieces{"I", "'ll", " don", "'t", " '", "S"}));
  EXPECT_EQ(split_pieces("a\n\nb \n"), (Pieces{"a", "\n", "\n", "b", " \n"}));
  EXPECT_EQ(split_pieces("x12½ é3"), (Pieces{"x", "12½", " é", "3"}));
  EXPECT_EQ(split_pieces("\u3000\u3000日本"), (Pieces{"\u3000", "\u3000", "日本"}));
  EXPECT_EQ(split_pieces("   "), (Pieces{"   "}));
}

TEST(SpecialTokens, LanguagesByCodeNameAndAlias) {
  EXPECT_EQ(languages().size(), 100u);
  EXPECT_EQ(languages()[0].code, "en");
  EXPECT_EQ(languages()[99].code, "yue");
  EXPECT_EQ(find_language("EN"), "en");
  EXPECT_EQ(find_language("Haitian Creole"), "ht");
  EXPECT_EQ(find_language("burmese"), "my");
  EXPECT_EQ(find_language("Mandarin"), "zh");
  EXPECT_EQ(find_language("klingon"), "");
  EXPECT_EQ(find_language(""), "");
}

struct RealVocabulary {
  const char* directory;
  int vocab_size;
};

void expect_real(const std::filesystem::path& directory, int vocab_size) {
  const auto tokenizer = Tokenizer::load(directory, vocab_size);
  const auto& special = tokenizer->special();
  EXPECT_EQ(special.timestamp_begin + 1501, vocab_size);
  EXPECT_EQ(tokenizer->multilingual(), vocab_size > 51864);
  EXPECT_EQ(tokenizer->language_token("en"), special.sot + 1);
  EXPECT_EQ(tokenizer->language_token("su"), special.sot + 99);
  EXPECT_EQ(tokenizer->language_token("yue").has_value(), vocab_size == 51866);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(" Größe, 日本語 — 👩🏽‍🚀 don't!")),
            " Größe, 日本語 — 👩🏽‍🚀 don't!");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("<|endoftext|>")), "<|endoftext|>");  // plain text stays text

  // Hugging Face lists the same suppressed tokens, followed by special ones.
  const auto config = nlohmann::json::parse(std::ifstream(directory / "generation_config.json"));
  Ids suppressed;
  for (const TokenId id : config.at("suppress_tokens"))
    if (id < special.eot) suppressed.push_back(id);
  EXPECT_EQ(Ids(tokenizer->non_speech_tokens().begin(), tokenizer->non_speech_tokens().end()), suppressed);
}

TEST(RealVocabularies, Shared) {
  WTRT_NEEDS_SHARED("models/whisper-base/tokenizer.json");
  expect_real(wtrt::test::shared() / "models/whisper-tiny.en", 51864);
  expect_real(wtrt::test::shared() / "models/whisper-base", 51865);
}

TEST(RealVocabularies, LargeV3) {
  WTRT_NEEDS_SHARED("models/fixtures/whisper-nano-v3/tokenizer.json");
  const auto tokenizer = Tokenizer::load(wtrt::test::shared() / "models/fixtures/whisper-nano-v3", 51866);
  EXPECT_EQ(tokenizer->language_token("yue"), 50358);
  EXPECT_EQ(tokenizer->special().transcribe, 50360);
  EXPECT_EQ(tokenizer->special().no_timestamps, 50364);
  EXPECT_EQ(tokenizer->decode_with_timestamps(Ids{51865}), "<|30.00|>");
  // Read as the vocabulary of another size, the names of the special tokens disagree.
  EXPECT_THROW(Tokenizer::load(wtrt::test::shared() / "models/fixtures/whisper-nano-v3", 51865), wtrt::Error);
}

TEST(RealVocabularies, BundledModel) {
  const auto directory = wtrt::test::repository() / "models/whisper-tiny.en-int8";
  if (!std::filesystem::exists(directory / "tokenizer.json"))
    GTEST_SKIP() << "the bundled model is not in " << directory;
  expect_real(directory, 51864);
  const auto tokenizer = Tokenizer::load(directory, 51864);
  EXPECT_EQ(tokenizer->encode("Hello,   world!"), (Ids{15496, 11, 220, 220, 995, 0}));
  EXPECT_EQ(tokenizer->encode("don't I'll we've he's"), (Ids{9099, 470, 314, 1183, 356, 1053, 339, 338}));
  EXPECT_EQ(tokenizer->encode("The quick brown fox — jumps over “lazy” dogs…"),
            (Ids{464, 2068, 7586, 21831, 851, 18045, 625, 564, 250, 75, 12582, 447, 251, 6844, 1399}));
}

}  // namespace
