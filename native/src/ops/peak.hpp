// The largest logit of a line and what its softmax adds up to, in pieces that do not depend on threads or devices.
#pragma once

#include <cstdint>
#include <limits>

#include "ops/exact_math.hpp"

namespace wtrt::ops {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr int32_t kChunks = 8;  // of a line
// Stretches of a chunk are summed in f32, as kSumLanes sums of every sixteenth value, and together in f64.
constexpr int64_t kStretch = 1024;
constexpr int32_t kSumLanes = 16;

struct Range {
  int64_t first, count;
};

WTRT_HOST_DEVICE inline Range chunk_of(int64_t size, int32_t chunk) {
  const int64_t length = (size + kChunks - 1) / kChunks, begin = chunk * length, first = begin < size ? begin : size;
  return {first, length < size - first ? length : size - first};
}

struct Peak {
  float most;
  int64_t index;
  double sum;  // of exp(logit - most)

  // log softmax of one of the line's logits; log_sum: log_of(sum).
  WTRT_HOST_DEVICE double logprob(float logit, double log_sum) const {
    if (logit == kForbidden) return static_cast<double>(kForbidden);
    return static_cast<double>(logit) - static_cast<double>(most) - log_sum;
  }
  WTRT_HOST_DEVICE double logprob(float logit) const { return logprob(logit, log_of(sum)); }
  // Its part of a sum over a line whose largest logit is `most_of_all`.
  WTRT_HOST_DEVICE double share(float most_of_all) const {
    return sum > 0.0 ? sum * exp_of(static_cast<double>(most) - static_cast<double>(most_of_all)) : 0.0;
  }
};

// Of chunks in rising order: the first of equal maxima stays.
WTRT_HOST_DEVICE inline Peak join(const Peak* chunks, int32_t count) {
  Peak all = chunks[0];
  for (int32_t i = 1; i < count; ++i) {
    if (chunks[i].most > all.most) {
      all.most = chunks[i].most;
      all.index = chunks[i].index;
    }
  }
  all.sum = 0.0;
  for (int32_t i = 0; i < count; ++i) all.sum += chunks[i].share(all.most);
  return all;
}

}  // namespace wtrt::ops
