// int8 weights, symmetric, one scale per output channel. Quantizing on load and reading a quantized checkpoint give the
// same numbers.
#pragma once

#include <cstdint>
#include <span>

namespace wtrt::quant {

// scale = max|w| / 127 over one output channel's row of K weights (0 where the row is zero);
// q = round-half-even(w / scale), in [-127, 127].
void quantize_row_int8(std::span<const float> row, std::span<int8_t> quantized, float& scale);

struct ErrorMetrics {
  double max_abs, rms, signal_to_noise_db;
};
ErrorMetrics int8_error(std::span<const float> row, std::span<const int8_t> quantized, float scale);

}  // namespace wtrt::quant
