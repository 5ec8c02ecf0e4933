// Whisper's byte-level BPE with its special and timestamp tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wtrt::text {

using TokenId = int32_t;

// The languages of Whisper in token order: code ("en") and English name ("english"). 99 in models up to large-v2; the
// 100th is "yue".
struct Language {
  std::string_view code;
  std::string_view name;
};
std::span<const Language> languages();
// Code, English name or alias ("burmese", "castilian", …) in any case → code; empty if unknown.
std::string_view find_language(std::string_view code_or_name);

// Ids of Whisper's special tokens. Languages follow `sot` in the order of languages().
struct SpecialTokens {
  TokenId eot, sot, translate, transcribe, sot_lm, sot_prev, no_speech, no_timestamps, timestamp_begin;
  TokenId first_language;
  int language_count;  // 99 or 100; English-only vocabularies have the tokens too but never use them
};

class Tokenizer {
 public:
  // Reads tokenizer.json, or vocab.json + merges.txt, from a checkpoint directory; `vocab_size` is the model's
  // (51864 English-only, 51865 or 51866 multilingual) and says which special tokens there are.
  // Throws not_found or invalid_checkpoint, naming file and field.
  static std::shared_ptr<const Tokenizer> load(const std::filesystem::path& directory, int vocab_size);
  virtual ~Tokenizer() = default;

  virtual bool multilingual() const = 0;
  virtual const SpecialTokens& special() const = 0;
  // Plain text → ids; special tokens inside the text are not recognised (as tiktoken's encode with none allowed … as
  // plain text).
  virtual std::vector<TokenId> encode(std::string_view utf8) const = 0;
  // Ids → UTF-8; invalid sequences become U+FFFD as Python's errors="replace" does. Timestamps and specials are dropped
  // (`decode`), or written as <|1.08|>, <|endoftext|>, … (`decode_with_timestamps`). Ids out of range:
  // invalid_argument.
  virtual std::string decode(std::span<const TokenId> ids) const = 0;
  virtual std::string decode_with_timestamps(std::span<const TokenId> ids) const = 0;

  virtual std::optional<TokenId> language_token(std::string_view code) const = 0;  // none if the vocabulary lacks it
  // Tokens openai/whisper suppresses under "-1": annotations, brackets, music (tokenizer.non_speech_tokens, sorted).
  virtual std::span<const TokenId> non_speech_tokens() const = 0;

  // openai/whisper's split_to_word_tokens: on spaces, or on Unicode points for zh ja th lo my yue.
  struct Word {
    std::string text;
    std::vector<TokenId> tokens;
  };
  virtual std::vector<Word> split_to_words(std::span<const TokenId> ids, std::string_view language) const = 0;
};

}  // namespace wtrt::text
