// Judges the tokens and merges that a tokenizer's files give, as they are read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "text/special_tokens.hpp"
#include "text/vocabulary.hpp"

namespace wtrt::text {

// `text` in quotes, cut where it is long: for messages about what a file says.
std::string quote(std::string_view text);

class VocabularyBuilder {
 public:
  VocabularyBuilder(std::string file, int vocab_size);

  void reading(std::string file) { file_ = std::move(file); }
  [[noreturn]] void fail(const std::string& field, const std::string& problem,
                         ErrorCode code = ErrorCode::invalid_checkpoint) const;

  void add_token(const std::string& field, std::string_view printable, uint64_t id);
  // A token of added_tokens: a special one, or (kept until join_added_tokens, as the vocabulary may come later in the
  // file) a repetition of one of the vocabulary or one that it lacks.
  void add_added_token(const std::string& field, std::string content, uint64_t id);
  void join_added_tokens();
  void add_merge(std::string_view left, std::string_view right);
  void add_merge(std::string_view pair);  // "left right"

  void check_vocabulary(const std::string& field) const;  // every id below the special ones, and every byte
  void check_merges() const;
  Vocabulary take() { return std::move(vocabulary_); }

 private:
  void check_special(const std::string& field, std::string_view content, TokenId id) const;

  std::string file_;
  int vocab_size_;
  SpecialTokens special_;
  Vocabulary vocabulary_;
  struct AddedToken {
    std::string field, content;
    TokenId id;
  };
  std::vector<AddedToken> added_;
  std::string merged_;                // what each merge makes, one after the other
  std::vector<uint32_t> merge_ends_;  // in merged_
};

}  // namespace wtrt::text
