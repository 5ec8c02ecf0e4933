// Any text as tokenizer.json, or as vocab.json with merges.txt: read, or refused. And any text through the bundled
// model's tokenizer, named by WTRT_FUZZ_MODEL: what is encoded must decode to the same text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "text/tokenizer.hpp"
#include "text/tokenizer_files.hpp"

namespace {

using wtrt::text::Tokenizer;

constexpr int kEnglish = 51864;

std::shared_ptr<const Tokenizer> bundled() {
  const char* folder = std::getenv("WTRT_FUZZ_MODEL");
  return folder == nullptr ? nullptr : Tokenizer::load(folder, kEnglish);
}

void round_trip(std::string_view text) {
  static const std::shared_ptr<const Tokenizer> tokenizer = bundled();
  if (!tokenizer) return;
  const auto ids = tokenizer->encode(text);
  const std::string once = tokenizer->decode(ids);
  // Invalid UTF-8 is repaired on the way in; what comes out is valid and must survive.
  if (tokenizer->decode(tokenizer->encode(once)) != once) __builtin_trap();
  tokenizer->split_to_words(ids, "en");
  tokenizer->split_to_words(ids, "ja");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 3) {
      case 0: wtrt::text::parse_tokenizer_json(text, "fuzz", kEnglish); break;
      case 1: {
        const size_t half = std::min(text.find('\0'), text.size());
        const std::string_view merges = text.substr(std::min(half + 1, text.size()));
        wtrt::text::parse_vocab_and_merges(text.substr(0, half), "vocab", merges, "merges", kEnglish);
        break;
      }
      default: round_trip(text);
    }
  } catch (const wtrt::Error&) {
  }
  return 0;
}
