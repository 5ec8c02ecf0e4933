// The byte strings of a byte-level BPE vocabulary. As in tiktoken, a token's id is also its merge rank.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.hpp"

namespace wtrt::text {

// GPT-2's printable alphabet back to bytes ("Ġthe" → " the"), appended to `bytes`; false (with `bytes` as it was) if a
// character is outside the alphabet.
bool append_byte_level(std::string_view printable, std::string& bytes);

class Vocabulary {
 public:
  explicit Vocabulary(TokenId size);  // ids 0 … size-1, none known yet

  enum class Added { ok, id_taken, text_taken, not_byte_level };
  Added add(TokenId id, std::string_view printable);

  TokenId size() const { return static_cast<TokenId>(tokens_.size()); }
  size_t longest() const { return longest_; }
  bool has(TokenId id) const { return tokens_[static_cast<size_t>(id)].length != kAbsent; }
  std::string_view bytes(TokenId id) const {
    const Slice token = tokens_[static_cast<size_t>(id)];
    return token.length == kAbsent ? std::string_view{} : std::string_view(arena_).substr(token.offset, token.length);
  }
  std::optional<TokenId> find(std::string_view bytes) const;

 private:
  static constexpr uint32_t kAbsent = ~0u;
  struct Slice {
    uint32_t offset, length;
  };
  size_t slot_of(std::string_view bytes) const;  // where `bytes` is in table_, or would go

  std::vector<Slice> tokens_;
  std::string arena_;
  std::vector<uint32_t> table_;  // open addressing: id + 1, 0 where empty; at most half full
  size_t longest_ = 0;
};

}  // namespace wtrt::text
