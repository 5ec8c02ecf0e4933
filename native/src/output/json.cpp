#include <charconv>
#include <cmath>
#include <cstdio>
#include <span>

#include "common/utf8.hpp"
#include "output/formats.hpp"

namespace wtrt::output {
namespace {

void append_unit(std::string& out, char32_t unit) {
  char escaped[16];
  std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(unit));
  out += escaped;
}

// As json.dump with ensure_ascii.
void append_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i);
    switch (c) {
      case U'"': out += "\\\""; break;
      case U'\\': out += "\\\\"; break;
      case U'\n': out += "\\n"; break;
      case U'\r': out += "\\r"; break;
      case U'\t': out += "\\t"; break;
      case U'\f': out += "\\f"; break;
      case U'\b': out += "\\b"; break;
      default:
        if (c >= U' ' && c <= U'~') {
          out.push_back(static_cast<char>(c));
        } else if (c < 0x10000) {
          append_unit(out, c);
        } else {
          append_unit(out, 0xD800 + ((c - 0x10000) >> 10));
          append_unit(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
        }
    }
  }
  out.push_back('"');
}

void append_key(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ", ";
  out.append("\"").append(key).append("\": ");
}

void append_number(std::string& out, std::string_view key, double value) {
  append_key(out, key);
  out += python_float(value);
}

void append_integer(std::string& out, std::string_view key, int64_t value) {
  append_key(out, key);
  out += std::to_string(value);
}

void append_text(std::string& out, std::string_view key, std::string_view value) {
  append_key(out, key);
  append_string(out, value);
}

// [a, b, …] with `append` for each.
template <typename Items, typename Append>
void append_list(std::string& out, std::string_view key, const Items& items, Append append) {
  append_key(out, key);
  out.push_back('[');
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ", ";
    first = false;
    append(item);
  }
  out.push_back(']');
}

void append_tokens(std::string& out, const std::vector<int32_t>& tokens) {
  append_list(out, "tokens", tokens, [&](int32_t token) { out += std::to_string(token); });
}

void append_word(std::string& out, const Word& word) {
  out.push_back('{');
  append_text(out, "word", word.text);
  append_number(out, "start", word.start);
  append_number(out, "end", word.end);
  append_number(out, "probability", word.probability);
  out.push_back('}');
}

void append_segment(std::string& out, const Segment& segment, const std::string& language) {
  out.push_back('{');
  append_integer(out, "id", segment.id);
  append_integer(out, "seek", segment.seek);
  append_number(out, "start", segment.start);
  append_number(out, "end", segment.end);
  append_text(out, "text", segment.text);
  append_tokens(out, segment.tokens);
  append_number(out, "temperature", segment.temperature);
  append_number(out, "avg_logprob", segment.avg_logprob);
  append_number(out, "compression_ratio", segment.compression_ratio);
  append_number(out, "no_speech_prob", segment.no_speech_prob);
  if (segment.has_words) append_list(out, "words", segment.words, [&](const Word& word) { append_word(out, word); });
  // What openai/whisper has no key for is written only where it says something.
  if (!segment.language.empty() && segment.language != language) append_text(out, "language", segment.language);
  if (segment.channel >= 0) append_integer(out, "channel", segment.channel);
  out.push_back('}');
}

void append_flag(std::string& out, std::string_view key, bool value) {
  append_key(out, key);
  out += value ? "true" : "false";
}

void append_attempt(std::string& out, const Attempt& attempt) {
  out.push_back('{');
  append_number(out, "temperature", attempt.temperature);
  append_integer(out, "beam_size", attempt.beam_size);
  append_integer(out, "candidates", attempt.candidates);
  append_tokens(out, attempt.tokens);
  append_number(out, "avg_logprob", attempt.avg_logprob);
  append_number(out, "compression_ratio", attempt.compression_ratio);
  append_number(out, "no_speech_prob", attempt.no_speech_prob);
  append_flag(out, "too_repetitive", (attempt.verdict & too_repetitive) != 0);
  append_flag(out, "too_unlikely", (attempt.verdict & too_unlikely) != 0);
  append_flag(out, "silence", (attempt.verdict & silence) != 0);
  append_flag(out, "too_short", (attempt.verdict & too_short) != 0);
  append_integer(out, "audio_context", attempt.audio_context);
  out.push_back('}');
}

using Window = std::span<const Attempt>;

// A window's attempts follow each other, and the next window is another place.
std::vector<Window> windows_of(const std::vector<Attempt>& attempts) {
  std::vector<Window> windows;
  for (size_t begin = 0, i = 1; i <= attempts.size(); ++i) {
    if (i < attempts.size() && attempts[i].seek == attempts[begin].seek &&
        attempts[i].channel == attempts[begin].channel)
      continue;
    windows.emplace_back(attempts.data() + begin, i - begin);
    begin = i;
  }
  return windows;
}

void append_window(std::string& out, Window attempts) {
  out.push_back('{');
  append_integer(out, "seek", attempts.front().seek);
  if (attempts.front().channel >= 0) append_integer(out, "channel", attempts.front().channel);
  append_list(out, "attempts", attempts, [&](const Attempt& attempt) { append_attempt(out, attempt); });
  out.push_back('}');
}

}  // namespace

std::string python_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  // Python takes the shortest digits that read back equal, and an exponent below 1e-4 and from 1e16 on.
  const double size = std::fabs(value);
  const bool exponent = size != 0 && (size < 1e-4 || size >= 1e16);
  char digits[400];
  const auto result = std::to_chars(digits, digits + sizeof digits, value,
                                    exponent ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(digits, result.ptr);
  if (!exponent && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string write_json(const Transcript& transcript, bool with_trace) {
  std::string out = "{";
  append_text(out, "text", transcript.text);
  append_list(out, "segments", transcript.segments,
              [&](const Segment& segment) { append_segment(out, segment, transcript.language); });
  append_text(out, "language", transcript.language);
  if (with_trace)
    append_list(out, "trace", windows_of(transcript.attempts), [&](Window window) { append_window(out, window); });
  out.push_back('}');
  return out;
}

}  // namespace wtrt::output
