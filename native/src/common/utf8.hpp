// UTF-8 as Python reads and writes it, so that texts equal those of openai/whisper to the byte.
#pragma once

#include <string>
#include <string_view>

namespace wtrt {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// One code point at `position`, which moves on. A malformed sequence gives one U+FFFD for its longest well-formed
// beginning (what Python's errors="replace" does).
inline char32_t next_code_point(std::string_view bytes, size_t& position) {
  const auto lead = static_cast<unsigned char>(bytes[position++]);
  if (lead < 0x80) return lead;
  if (lead < 0xC2 || lead > 0xF4) return kReplacementCharacter;
  const int following = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  char32_t point = lead & (0x3Fu >> following);
  for (int i = 0; i < following; ++i) {
    if (position == bytes.size()) return kReplacementCharacter;
    const auto byte = static_cast<unsigned char>(bytes[position]);
    // Narrower second bytes keep out overlong forms, surrogates and points above U+10FFFF.
    const unsigned low = i > 0 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = i > 0 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte < low || byte > high) return kReplacementCharacter;
    point = (point << 6) | (byte & 0x3Fu);
    ++position;
  }
  return point;
}

inline std::u32string decode_utf8(std::string_view bytes) {
  std::u32string points;
  points.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) points.push_back(next_code_point(bytes, i));
  return points;
}

inline void append_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | (point >> 6));
  } else {
    if (point < 0x10000) {
      put(0xE0 | (point >> 12));
    } else {
      put(0xF0 | (point >> 18));
      put(0x80 | ((point >> 12) & 0x3F));
    }
    put(0x80 | ((point >> 6) & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

inline std::string encode_utf8(std::u32string_view points) {
  std::string bytes;
  bytes.reserve(points.size());
  for (const char32_t point : points) append_utf8(bytes, point);
  return bytes;
}

// The same text with every malformed sequence replaced by U+FFFD.
inline std::string repair_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) append_utf8(out, next_code_point(bytes, i));
  return out;
}

// str.isspace, hence what str.strip, str.split and re's \s go by.
inline bool is_python_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

inline std::u32string_view strip(std::u32string_view points) {
  while (!points.empty() && is_python_space(points.front())) points.remove_prefix(1);
  while (!points.empty() && is_python_space(points.back())) points.remove_suffix(1);
  return points;
}

// str.strip on (repaired) UTF-8.
inline std::string strip(std::string_view bytes) { return encode_utf8(strip(std::u32string_view(decode_utf8(bytes)))); }

}  // namespace wtrt
