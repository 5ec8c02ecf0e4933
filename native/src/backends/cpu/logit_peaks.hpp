// The largest logit of each line and what its softmax adds up to, in pieces that do not depend on the threads.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "backends/cpu/vector_kernels.hpp"
#include "common/thread_pool.hpp"
#include "ops/tensor.hpp"

namespace wtrt::cpu {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr int32_t kChunks = 8;  // of a line; fixed, so that sums do not depend on the threads
constexpr int32_t kLinesAtOnce = 64;

// Throws unless there are `count` lines of f32.
void check_logits(const ops::Tensor& logits, int32_t count);

inline float* line_of(const ops::Tensor& logits, int32_t i) {
  return static_cast<float*>(logits.data) + i * logits.cols;
}

struct Range {
  int64_t first, count;
};

inline Range chunk_of(int64_t size, int32_t chunk) {
  const int64_t length = (size + kChunks - 1) / kChunks, first = std::min(chunk * length, size);
  return {first, std::min(length, size - first)};
}

struct Peak {
  float most;
  int64_t index;
  double sum;  // of exp(logit - most)

  // log softmax of one of the line's logits.
  double logprob(float logit) const {
    if (logit == kForbidden) return static_cast<double>(kForbidden);
    return static_cast<double>(logit) - static_cast<double>(most) - std::log(sum);
  }
};

Peak peak_of(const VectorKernels& kernels, const float* values, Range range);

// Of chunks in rising order: the first of equal maxima stays.
Peak join(std::span<const Peak> chunks);

// Calls body(i, peak) for each line that is wanted.
template <typename Wanted, typename Body>
void for_peaks(Isa isa, ThreadPool& pool, const ops::Tensor& logits, int32_t count, const Wanted& wanted,
               const Body& body) {
  const VectorKernels& kernels = vector_kernels(isa);
  std::array<Peak, kLinesAtOnce * kChunks> peaks;
  for (int32_t begin = 0; begin < count; begin += kLinesAtOnce) {
    const int32_t lines = std::min(kLinesAtOnce, count - begin);
    pool.parallel_for(lines * kChunks, [&](int32_t task) {
      const int32_t i = begin + task / kChunks;
      if (!wanted(i)) return;
      peaks[static_cast<size_t>(task)] = peak_of(kernels, line_of(logits, i), chunk_of(logits.cols, task % kChunks));
    });
    for (int32_t i = 0; i < lines; ++i) {
      if (wanted(begin + i)) body(begin + i, join(std::span(peaks).subspan(static_cast<size_t>(i * kChunks), kChunks)));
    }
  }
}

}  // namespace wtrt::cpu
