// How hypotheses of one window are compared (MaximumLikelihoodRanker of openai/whisper); the same on host and device.
#pragma once

#include <cstdint>

#include "ops/exact_math.hpp"

namespace wtrt::ops {

// Higher is better. `length`: tokens without the end token. length_penalty: exponent of ((5 + length) / 6); NaN: the
// mean.
WTRT_HOST_DEVICE inline double hypothesis_score(double sum_logprob, int32_t length, double length_penalty) {
  if (length_penalty != length_penalty) return sum_logprob / (length > 0 ? length : 1);
  return sum_logprob / exp_of(length_penalty * log_of((5.0 + length) / 6.0));
}

}  // namespace wtrt::ops
