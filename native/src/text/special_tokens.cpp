#include "text/special_tokens.hpp"

#include <cstdio>

#include "common/error.hpp"

namespace wtrt::text {

SpecialTokens special_tokens(int vocab_size) {
  if (vocab_size < 51864 || vocab_size > 51866)
    throw Error(ErrorCode::invalid_checkpoint,
                "vocab_size " + std::to_string(vocab_size) +
                    " is none of Whisper's: 51864 (English-only), 51865 or 51866 (multilingual)");
  SpecialTokens s{};
  s.eot = is_multilingual(vocab_size) ? 50257 : 50256;
  s.language_count = vocab_size == 51866 ? 100 : 99;
  s.sot = s.eot + 1;
  s.first_language = s.sot + 1;
  s.translate = s.first_language + s.language_count;
  s.transcribe = s.translate + 1;
  s.sot_lm = s.transcribe + 1;
  s.sot_prev = s.sot_lm + 1;
  s.no_speech = s.sot_prev + 1;
  s.no_timestamps = s.no_speech + 1;
  s.timestamp_begin = s.no_timestamps + 1;
  return s;
}

std::string special_name(const SpecialTokens& special, TokenId id) {
  if (id >= special.timestamp_begin) {
    const int steps = id - special.timestamp_begin;  // of 20 ms
    char text[40];
    std::snprintf(text, sizeof text, "<|%d.%02d|>", steps / 50, steps % 50 * 2);
    return text;
  }
  std::string_view name;
  if (id == special.eot) name = "endoftext";
  if (id == special.sot) name = "startoftranscript";
  if (id >= special.first_language && id < special.translate)
    name = languages()[static_cast<size_t>(id - special.first_language)].code;
  if (id == special.translate) name = "translate";
  if (id == special.transcribe) name = "transcribe";
  if (id == special.sot_lm) name = "startoflm";
  if (id == special.sot_prev) name = "startofprev";
  if (id == special.no_speech) name = "nospeech";
  if (id == special.no_timestamps) name = "notimestamps";
  return "<|" + std::string(name) + "|>";
}

}  // namespace wtrt::text
