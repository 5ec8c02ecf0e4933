// Readers of a tokenizer's files: tokenizer.json, or vocab.json with merges.txt.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "text/special_tokens.hpp"
#include "text/vocabulary.hpp"

namespace wtrt::text {

// The contents of a tokenizer.json. `name` stands in error messages. Throws invalid_checkpoint (damaged, or not the
// vocabulary that `vocab_size` says) or unsupported (another kind of tokenizer).
Vocabulary parse_tokenizer_json(std::string_view contents, const std::string& name, int vocab_size);
// The contents of a vocab.json and of a merges.txt.
Vocabulary parse_vocab_and_merges(std::string_view vocab, const std::string& vocab_name, std::string_view merges,
                                  const std::string& merges_name, int vocab_size);

// Whichever of the two a directory holds; not_found where it has neither.
Vocabulary read_vocabulary(const std::filesystem::path& directory, int vocab_size);

}  // namespace wtrt::text
