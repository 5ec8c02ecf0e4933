// Damaged and hostile tokenizer files: each a typed error that names file and field.
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "common/error.hpp"
#include "text/tokenizer_files.hpp"
#include "tokenizer_fixture.hpp"

namespace {

using nlohmann::json;
using wtrt::ErrorCode;
using namespace wtrt::text;

void expect_refused(const std::string& contents, ErrorCode code, const std::string& part, int vocab_size = 51864) {
  try {
    parse_tokenizer_json(contents, "dir/tokenizer.json", vocab_size);
    ADD_FAILURE() << "taken, though it should name " << part;
  } catch (const wtrt::Error& e) {
    const std::string message = e.what();
    EXPECT_EQ(e.code(), code) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_LT(message.size(), 400u);
  }
}

void expect_refused_after(const std::function<void(json&)>& damage, const std::string& part,
                          ErrorCode code = ErrorCode::invalid_checkpoint) {
  static const json sound = wtrt::test::fixture_tokenizer(false);
  json tokenizer = sound;
  damage(tokenizer);
  expect_refused(tokenizer.dump(-1, ' ', false, json::error_handler_t::replace), code, part);
}

TEST(HostileTokenizer, NotJson) {
  for (const char* contents : {"", "{", "nonsense", "{\"model\":", "\xFF\xFE", "{\"a\":\"\xC3\"}", "{} {}", "[1,]"})
    expect_refused(contents, ErrorCode::invalid_checkpoint, "dir/tokenizer.json");
  expect_refused("[]", ErrorCode::invalid_checkpoint, "document");
  expect_refused("3", ErrorCode::invalid_checkpoint, "document");
  expect_refused("{}", ErrorCode::invalid_checkpoint, "model.vocab");
}

TEST(HostileTokenizer, Truncated) {
  const std::string sound = wtrt::test::fixture_tokenizer(true).dump();
  for (size_t size = 0; size < sound.size(); size += sound.size() / 50)
    expect_refused(sound.substr(0, size), ErrorCode::invalid_checkpoint, "dir/tokenizer.json");
}

TEST(HostileTokenizer, DeepNesting) {
  expect_refused("{\"x\":" + std::string(10'000'000, '['), ErrorCode::invalid_checkpoint, "nested");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"model\":";
  expect_refused(objects, ErrorCode::invalid_checkpoint, "nested");
}

TEST(HostileTokenizer, Enormous) {
  expect_refused("{\"x\":\"" + std::string(65u << 20, 'a') + "\"}", ErrorCode::invalid_checkpoint, "bytes are more");
}

TEST(HostileTokenizer, VocabularyFields) {
  expect_refused_after([](json& t) { t["model"].erase("vocab"); }, "model.vocab");
  expect_refused_after([](json& t) { t["model"]["vocab"] = 5; }, "model.\"vocab\"");
  expect_refused_after([](json& t) { t["model"]["vocab"] = json::array(); }, "an object");
  expect_refused_after([](json& t) { t["model"]["vocab"]["a"] = -1; }, "vocab");
  expect_refused_after([](json& t) { t["model"]["vocab"]["a"] = 1.5; }, "vocab");
  expect_refused_after([](json& t) { t["model"]["vocab"]["a"] = json::object(); }, "vocab");
  expect_refused_after([](json& t) { t["model"]["vocab"]["a"] = 51864; }, "51864");
  expect_refused_after([](json& t) { t["model"]["vocab"]["a"] = 18446744073709551615u; }, "18446744073709551615");
  expect_refused_after([](json& t) { t["model"]["vocab"]["a"] = 'b'; }, "two tokens");
  expect_refused_after([](json& t) { t["model"]["vocab"]["a"] = 50300; }, "<|");
  expect_refused_after([](json& t) { t["model"]["vocab"].erase(wtrt::test::filler(300)); }, "no token 300");
  expect_refused_after([](json& t) { t["model"]["vocab"].erase("a"), t["model"]["vocab"]["aa"] = 'a'; }, "byte 97");
  expect_refused_after([](json& t) { t["model"]["vocab"].erase("a"), t["model"]["vocab"]["a a"] = 'a'; }, "alphabet");
  expect_refused_after([](json& t) { t["model"]["vocab"].erase("a"), t["model"]["vocab"]["日"] = 'a'; }, "alphabet");
  expect_refused("{\"model\":{\"vocab\":{\"a\":1,\"a\":2}}}", ErrorCode::invalid_checkpoint, "two ids");
  expect_refused("{\"model\":{\"vocab\":{},\"vocab\":{}}}", ErrorCode::invalid_checkpoint, "twice");
}

TEST(HostileTokenizer, MergeFields) {
  expect_refused_after([](json& t) { t["model"].erase("merges"); }, "model.merges");
  expect_refused_after([](json& t) { t["model"]["merges"] = json::array(); }, "merges");
  expect_refused_after([](json& t) { t["model"]["merges"] = "a b"; }, "an array");
  for (const json& merge : std::vector<json>{"ab",
                                             "a b c",
                                             " ab",
                                             "ab ",
                                             "",
                                             3,
                                             nullptr,
                                             {"a"},
                                             {"a", "b", "c"},
                                             {"a", 1},
                                             {"a", {"b"}},
                                             {"", "ab"},
                                             json::object()})
    expect_refused_after([&](json& t) { t["model"]["merges"][1] = merge; }, "merges");
  expect_refused_after([](json& t) { t["model"]["merges"][1] = "x y"; }, "merges[1]");
  expect_refused_after([](json& t) { std::swap(t["model"]["merges"][1], t["model"]["merges"][2]); }, "merges[2]",
                       ErrorCode::unsupported);
}

TEST(HostileTokenizer, AddedTokens) {
  expect_refused_after([](json& t) { t["added_tokens"] = 1; }, "added_tokens");
  expect_refused_after([](json& t) { t["added_tokens"][1] = "<|en|>"; }, "added_tokens[1]");
  expect_refused_after([](json& t) { t["added_tokens"][1].erase("id"); }, "added_tokens[1]");
  expect_refused_after([](json& t) { t["added_tokens"][1]["content"] = "<|de|>"; }, "added_tokens[1]");
  expect_refused_after([](json& t) { t["added_tokens"][1]["content"] = std::string(100000, 'x'); }, "…");
  expect_refused_after([](json& t) { t["added_tokens"][1]["id"] = 51864; }, "added_tokens[1]");
  expect_refused_after([](json& t) { t["added_tokens"][1]["id"] = 300; }, "added_tokens[1]");
  expect_refused_after([](json& t) { t["added_tokens"][1]["id"] = "50258"; }, "added_tokens[1]");
}

TEST(HostileTokenizer, OtherKindsOfTokenizer) {
  const auto unsupported = ErrorCode::unsupported;
  expect_refused_after([](json& t) { t["model"]["type"] = "Unigram"; }, "type", unsupported);
  expect_refused_after([](json& t) { t["model"]["end_of_word_suffix"] = "</w>"; }, "end_of_word_suffix", unsupported);
  expect_refused_after([](json& t) { t["normalizer"] = {{"type", "NFC"}}; }, "normalizer", unsupported);
  expect_refused_after([](json& t) { t["pre_tokenizer"]["type"] = "Metaspace"; }, "pre_tokenizer", unsupported);
  expect_refused_after([](json& t) { t["pre_tokenizer"]["add_prefix_space"] = true; }, "add_prefix_space", unsupported);
  for (const int vocab_size : {-1, 0, 512, 51863, 51867, 2147483647})
    expect_refused("{}", ErrorCode::invalid_checkpoint, std::to_string(vocab_size), vocab_size);
}

}  // namespace
