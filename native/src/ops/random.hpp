// Random numbers without a state: Philox4x32-10 (Salmon et al., 2011) of a counter and a key. The same on host and
// device.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "ops/exact_math.hpp"

namespace wtrt::ops {

using Philox = std::array<uint32_t, 4>;

WTRT_HOST_DEVICE inline Philox philox(Philox counter, uint64_t key) {
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

// The largest of logit / temperature + noise is a draw from the softmax if the noise is Gumbel's: -log(-log(u)), u
// uniform. u is one of 2^32 values within (0, 1), so that the noise has bounds.
constexpr double kLeastNoise = -3.2, kMostNoise = 23.0;

WTRT_HOST_DEVICE inline double gumbel(uint32_t bits) { return -log_of(-log_of((bits + 0.5) * 0x1p-32)); }

// No less than gumbel(bits), without a logarithm: with v = 1 - u it is at most -log(v), and v is at least half the
// power of two whose place its leading zeros tell.
WTRT_HOST_DEVICE inline double gumbel_bound(uint32_t bits) { return (std::countl_zero(~bits) + 1) * 0.6931471806; }

// What a draw depends on besides the logits; four tokens share a block.
struct NoiseKey {
  uint64_t seed;
  uint32_t window, candidate, position;

  WTRT_HOST_DEVICE Philox four(int64_t block) const {
    return philox({static_cast<uint32_t>(block), position, candidate, window}, seed);
  }
};

}  // namespace wtrt::ops
