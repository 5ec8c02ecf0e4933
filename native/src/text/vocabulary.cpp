#include "text/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "common/utf8.hpp"

namespace wtrt::text {
namespace {

// GPT-2 writes each byte as one character: printable Latin-1 as itself, the other 68 bytes as U+0100, U+0101, …
constexpr std::array<int16_t, 0x144> kByteOfCharacter = [] {
  std::array<int16_t, 0x144> table{};
  table.fill(-1);
  size_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    table[itself ? static_cast<size_t>(byte) : next++] = static_cast<int16_t>(byte);
  }
  return table;
}();

uint32_t hash(std::string_view bytes) {
  uint32_t h = 2166136261u;  // FNV-1a
  for (const char byte : bytes) h = (h ^ static_cast<unsigned char>(byte)) * 16777619u;
  return h ^ (h >> 15);
}

}  // namespace

bool append_byte_level(std::string_view printable, std::string& bytes) {
  const size_t before = bytes.size();
  for (size_t i = 0; i < printable.size();) {
    const char32_t c = next_code_point(printable, i);
    if (c >= kByteOfCharacter.size() || kByteOfCharacter[c] < 0) {
      bytes.resize(before);
      return false;
    }
    bytes.push_back(static_cast<char>(kByteOfCharacter[c]));
  }
  return true;
}

Vocabulary::Vocabulary(TokenId size)
    : tokens_(static_cast<size_t>(size), Slice{0, kAbsent}), table_(std::bit_ceil(2 * static_cast<size_t>(size) + 1)) {
  arena_.reserve(8 * static_cast<size_t>(size));
}

size_t Vocabulary::slot_of(std::string_view wanted) const {
  const size_t mask = table_.size() - 1;
  size_t slot = hash(wanted) & mask;
  while (table_[slot] != 0 && bytes(static_cast<TokenId>(table_[slot] - 1)) != wanted) slot = (slot + 1) & mask;
  return slot;
}

Vocabulary::Added Vocabulary::add(TokenId id, std::string_view printable) {
  Slice& token = tokens_[static_cast<size_t>(id)];
  if (token.length != kAbsent) return Added::id_taken;
  const size_t offset = arena_.size();
  if (!append_byte_level(printable, arena_)) return Added::not_byte_level;
  const size_t length = arena_.size() - offset;
  const size_t slot = slot_of(std::string_view(arena_).substr(offset));
  if (table_[slot] != 0) {
    arena_.resize(offset);
    return Added::text_taken;
  }
  table_[slot] = static_cast<uint32_t>(id) + 1;
  token = {static_cast<uint32_t>(offset), static_cast<uint32_t>(length)};
  longest_ = std::max(longest_, length);
  return Added::ok;
}

std::optional<TokenId> Vocabulary::find(std::string_view wanted) const {
  const uint32_t entry = table_[slot_of(wanted)];
  if (entry == 0) return std::nullopt;
  return static_cast<TokenId>(entry - 1);
}

}  // namespace wtrt::text
