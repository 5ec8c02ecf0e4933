// Logarithm and exponential that give the same bits on host and device: the libraries' own differ in the last place.
// Made of single IEEE operations; nothing that includes this may be compiled to contract a * b + c (CMake sees to it).
// Errors below one unit in the last place.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "ops/host_device.hpp"

namespace wtrt::ops {

// ln 2 in two parts, the first short enough for exact products with exponents.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// ln x of a positive, finite, normal x = 2ᵏ · (1 + f), √½ ≤ 1 + f < √2.
// With s = f / (2 + f): ln(1 + f) = 2 · artanh(s), and 2s = f - s · f.
WTRT_HOST_DEVICE inline double log_of(double x) {
  constexpr int64_t kRootHalf = 0x3fe6a09e667f3bcd;
  const auto bits = std::bit_cast<int64_t>(x);
  const int64_t exponent = (bits - kRootHalf) >> 52;
  const double f = std::bit_cast<double>(bits - (exponent << 52)) - 1.0, k = static_cast<double>(exponent);
  const double s = f / (2.0 + f), z = s * s, w = z * z;
  const double even = 2.0 / 3 + w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19))));
  const double odd = 2.0 / 5 + w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17)));
  const double rest = s * (f - z * (even + z * odd));
  return k * kLn2High + (f - (rest - k * kLn2Low));
}

// eˣ; 0 below -708 and infinite above 709, where the result or its neighbours are no normal numbers.
WTRT_HOST_DEVICE inline double exp_of(double x) {
  if (x < -708.0) return 0.0;
  if (x > 709.0) return std::numeric_limits<double>::infinity();
  constexpr double kShift = 0x1.8p52;  // adding it rounds to a whole number
  const double shifted = x * 0x1.71547652b82fep0 + kShift, n = shifted - kShift;
  const double r = (x - n * kLn2High) - n * kLn2Low, w = r * r;
  const double even =
      1.0 / 2 + w * (1.0 / 24 + w * (1.0 / 720 + w * (1.0 / 40320 + w * (1.0 / 3628800 + w * (1.0 / 479001600)))));
  const double odd =
      1.0 / 6 + w * (1.0 / 120 + w * (1.0 / 5040 + w * (1.0 / 362880 + w * (1.0 / 39916800 + w * (1.0 / 6227020800)))));
  // 2ⁿ: n stands in the lowest bits of `shifted`.
  const double power = std::bit_cast<double>((std::bit_cast<int64_t>(shifted) + 1023) << 52);
  return (1.0 + (r + w * (even + r * odd))) * power;
}

}  // namespace wtrt::ops
