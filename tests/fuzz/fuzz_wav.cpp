// Any bytes as an audio file: decoded, or refused. No more samples come out than a bound, whatever the header claims.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "audio/pcm_source.hpp"
#include "common/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  try {
    const auto source = wtrt::audio::open_encoded(std::vector<std::byte>(first, first + size), "fuzz");
    std::vector<float> block(4096);
    for (int i = 0; i < 64; ++i) {
      const size_t count = source->read(block);
      if (count > block.size()) __builtin_trap();
      if (count == 0) break;
    }
    if (source->can_rewind()) source->rewind();
  } catch (const wtrt::Error&) {
  }
  return 0;
}
