// Random numbers without a state: Philox4x32-10 (Salmon et al., 2011) of a counter and a key. The same on host and
// device.
#pragma once

#include <array>
#include <cstdint>

namespace wtrt::ops {

using Philox = std::array<uint32_t, 4>;

inline Philox philox(Philox counter, uint64_t key) {
  auto key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53u} * counter[0], b = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(a)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

}  // namespace wtrt::ops
