// A small made-up tokenizer of Whisper's shape: 256 bytes, a few merges, the rest filled up.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/utf8.hpp"

namespace wtrt::test {

// The character that GPT-2 writes for a byte.
inline std::string byte_character(int byte) {
  const auto itself = [](int b) { return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE; };
  char32_t character = static_cast<char32_t>(byte);
  if (!itself(byte)) {
    character = 0x100;
    for (int b = 0; b < byte; ++b) character += itself(b) ? 0 : 1;
  }
  std::string text;
  append_utf8(text, character);
  return text;
}

inline const std::vector<std::pair<std::string, std::string>>& fixture_merges() {
  static const std::vector<std::pair<std::string, std::string>> merges = {{"t", "h"}, {"th", "e"}, {"Ġ", "the"},
                                                                          {"a", "b"}, {"b", "c"},  {"Ġ", "Ġ"}};
  return merges;  // ids 256, 257, …
}

// A word of letters that no merges make.
inline std::string filler(int id) {
  std::string word = "q";
  for (; id > 0; id /= 26) word.push_back(static_cast<char>('a' + id % 26));
  return word + "q";
}

// English-only layout (51864): ids 0 … 50255, then the special tokens. Byte b has id b.
inline nlohmann::json fixture_vocab() {
  nlohmann::json vocab = nlohmann::json::object();
  int id = 0;
  for (; id < 256; ++id) vocab[byte_character(id)] = id;
  for (const auto& [left, right] : fixture_merges()) vocab[left + right] = id++;
  for (; id < 50256; ++id) vocab[filler(id)] = id;
  return vocab;
}

inline nlohmann::json fixture_tokenizer(bool pairs_as_arrays) {
  nlohmann::json merges = nlohmann::json::array();
  for (const auto& [left, right] : fixture_merges()) {
    if (pairs_as_arrays) {
      merges.push_back({left, right});
    } else {
      merges.push_back(left + " " + right);
    }
  }
  nlohmann::json tokenizer;
  tokenizer["version"] = "1.0";
  tokenizer["normalizer"] = nullptr;
  tokenizer["added_tokens"] = {{{"id", 50256}, {"content", "<|endoftext|>"}}, {{"id", 50258}, {"content", "<|en|>"}}};
  tokenizer["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  tokenizer["model"] = {{"type", "BPE"}, {"vocab", fixture_vocab()}, {"merges", merges}};
  return tokenizer;
}

}  // namespace wtrt::test
