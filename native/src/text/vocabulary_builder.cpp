#include "text/vocabulary_builder.hpp"

#include <algorithm>

namespace wtrt::text {
namespace {

std::string merge_field(size_t index) { return "merges[" + std::to_string(index) + "]"; }

}  // namespace

std::string quote(std::string_view text) {
  constexpr size_t kMost = 60;
  std::string quoted = "\"";
  quoted.append(text.substr(0, kMost)).append(text.size() > kMost ? "…\"" : "\"");
  return quoted;
}

VocabularyBuilder::VocabularyBuilder(std::string file, int vocab_size)
    : file_(std::move(file)),
      vocab_size_(vocab_size),
      special_(special_tokens(vocab_size)),
      vocabulary_(special_.eot) {}

void VocabularyBuilder::fail(const std::string& field, const std::string& problem, ErrorCode code) const {
  throw Error(code, file_ + ": " + field + ": " + problem);
}

void VocabularyBuilder::add_token(const std::string& field, std::string_view printable, uint64_t id) {
  if (id >= static_cast<uint64_t>(vocab_size_))
    fail(field, "id " + std::to_string(id) + " of " + quote(printable) + " is outside the model's vocabulary of " +
                    std::to_string(vocab_size_));
  if (id >= static_cast<uint64_t>(special_.eot)) return check_special(field, printable, static_cast<TokenId>(id));
  switch (vocabulary_.add(static_cast<TokenId>(id), printable)) {
    case Vocabulary::Added::ok: return;
    case Vocabulary::Added::id_taken: fail(field, "id " + std::to_string(id) + " is given to two tokens");
    case Vocabulary::Added::text_taken: fail(field, "the token " + quote(printable) + " has two ids");
    case Vocabulary::Added::not_byte_level:
      fail(field, "the token " + quote(printable) + " is not written in the byte-level alphabet");
  }
}

void VocabularyBuilder::add_added_token(const std::string& field, std::string content, uint64_t id) {
  if (id >= static_cast<uint64_t>(special_.eot)) return add_token(field, content, id);
  added_.push_back({field, std::move(content), static_cast<TokenId>(id)});
}

void VocabularyBuilder::join_added_tokens() {
  for (const AddedToken& token : added_) {
    if (!vocabulary_.has(token.id)) {
      add_token(token.field, token.content, static_cast<uint64_t>(token.id));
    } else if (vocabulary_.bytes(token.id) != token.content) {
      fail(token.field,
           "id " + std::to_string(token.id) + " is " + quote(token.content) + " here and another in the vocabulary");
    }
  }
}

void VocabularyBuilder::check_special(const std::string& field, std::string_view content, TokenId id) const {
  const std::string name = special_name(special_, id);
  if (content == name) return;
  // Hugging Face's first conversions keep two older names.
  if (name == "<|nospeech|>" && content == "<|nocaptions|>") return;
  if (name == "<|he|>" && content == "<|iw|>") return;
  fail(field, "id " + std::to_string(id) + " is " + quote(content) + "; in a Whisper vocabulary of " +
                  std::to_string(vocab_size_) + " it is " + name);
}

void VocabularyBuilder::add_merge(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty() || !append_byte_level(left, merged_) || !append_byte_level(right, merged_))
    fail(merge_field(merge_ends_.size()),
         quote(std::string(left).append(" ").append(right)) + " is not two tokens in the byte-level alphabet");
  merge_ends_.push_back(static_cast<uint32_t>(merged_.size()));
}

void VocabularyBuilder::add_merge(std::string_view pair) {
  const size_t space = std::min(pair.find(' '), pair.size());
  add_merge(pair.substr(0, space), pair.substr(std::min(space + 1, pair.size())));
}

void VocabularyBuilder::check_vocabulary(const std::string& field) const {
  for (TokenId id = 0; id < vocabulary_.size(); ++id)
    if (!vocabulary_.has(id)) fail(field, "has no token " + std::to_string(id));
  for (int byte = 0; byte < 256; ++byte) {
    const char single = static_cast<char>(byte);
    if (!vocabulary_.find({&single, 1})) fail(field, "has no token for the byte " + std::to_string(byte));
  }
}

// Ids stand for merge ranks (as in tiktoken), so the merges must come in the order of the tokens they make.
void VocabularyBuilder::check_merges() const {
  if (merge_ends_.empty()) fail("merges", "there are none");
  TokenId previous = 255;
  uint32_t begin = 0;
  for (size_t i = 0; i < merge_ends_.size(); ++i) {
    const auto made = std::string_view(merged_).substr(begin, merge_ends_[i] - begin);
    begin = merge_ends_[i];
    const TokenId next = previous + 1;
    const bool expected = next < vocabulary_.size() && vocabulary_.bytes(next) == made;
    const TokenId id = expected ? next : vocabulary_.find(made).value_or(-1);
    if (id < 0) fail(merge_field(i), "makes a token that the vocabulary lacks");
    if (id <= previous)
      fail(merge_field(i),
           "makes token " + std::to_string(id) + " after token " + std::to_string(previous) +
               "; only vocabularies in the order of their merges are supported",
           ErrorCode::unsupported);
    previous = id;
  }
}

}  // namespace wtrt::text
