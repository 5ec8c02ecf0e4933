#include "quant/int8.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "common/error.hpp"

namespace wtrt::quant {
namespace {

// Adding and taking away 1.5 * 2^23 rounds |x| < 2^22 to the nearest integer, ties to even; unlike nearbyint it
// vectorises everywhere.
constexpr float kRounder = 12582912.0f;

// Magnitudes compare like their bit patterns, and a NaN is larger than all: one integer maximum finds both.
float max_magnitude(std::span<const float> row) {
  int32_t largest = 0;
  for (const float value : row) largest = std::max(largest, std::bit_cast<int32_t>(value) & 0x7fffffff);
  return std::bit_cast<float>(largest);
}

}  // namespace

void quantize_row_int8(std::span<const float> row, std::span<int8_t> quantized, float& scale) {
  if (quantized.size() != row.size()) {
    throw Error(ErrorCode::invalid_argument, "int8 row of " + std::to_string(quantized.size()) + " for " +
                                                 std::to_string(row.size()) + " weights: sizes must be equal");
  }
  const float largest = max_magnitude(row);
  if (!std::isfinite(largest)) {
    throw Error(ErrorCode::invalid_argument, "a weight to quantize is NaN or infinite");
  }
  const float step = largest / 127.0f;
  scale = step;
  if (step == 0.0f) {
    std::fill(quantized.begin(), quantized.end(), int8_t{0});
    return;
  }
  for (size_t i = 0; i < row.size(); ++i) {
    // Where the scale is subnormal, and so coarse, the quotient may exceed 127.
    const float q = std::clamp(row[i] / step, -127.0f, 127.0f);
    quantized[i] = static_cast<int8_t>(static_cast<int32_t>((q + kRounder) - kRounder));
  }
}

ErrorMetrics int8_error(std::span<const float> row, std::span<const int8_t> quantized, float scale) {
  if (quantized.size() != row.size()) {
    throw Error(ErrorCode::invalid_argument, "int8 row of " + std::to_string(quantized.size()) + " for " +
                                                 std::to_string(row.size()) + " weights: sizes must be equal");
  }
  double largest = 0, noise = 0, signal = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    const double weight = row[i];
    const double error = weight - static_cast<double>(scale) * quantized[i];
    largest = std::max(largest, std::abs(error));
    noise += error * error;
    signal += weight * weight;
  }
  const double rms = row.empty() ? 0 : std::sqrt(noise / static_cast<double>(row.size()));
  const double ratio = noise == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal / noise);
  return {largest, rms, ratio};
}

}  // namespace wtrt::quant
