// How hypotheses of one window are compared (MaximumLikelihoodRanker of openai/whisper); the same on host and device.
#pragma once

#include <cmath>
#include <cstdint>

namespace wtrt::ops {

// Higher is better. `length`: tokens without the end token. length_penalty: exponent of ((5 + length) / 6); NaN: the
// mean.
inline double hypothesis_score(double sum_logprob, int32_t length, double length_penalty) {
  if (std::isnan(length_penalty)) return sum_logprob / (length > 0 ? length : 1);
  return sum_logprob / std::pow((5.0 + length) / 6.0, length_penalty);
}

}  // namespace wtrt::ops
