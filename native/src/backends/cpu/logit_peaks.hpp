// The largest logit of each line and what its softmax adds up to, in pieces that do not depend on the threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "backends/cpu/vector_kernels.hpp"
#include "common/thread_pool.hpp"
#include "ops/peak.hpp"
#include "ops/tensor.hpp"

namespace wtrt::cpu {

using ops::kChunks;
using ops::kForbidden;
using ops::Peak;
using ops::Range;

constexpr int32_t kLinesAtOnce = 64;

// Throws unless there are `count` lines of f32.
void check_logits(const ops::Tensor& logits, int32_t count);

inline float* line_of(const ops::Tensor& logits, int32_t i) {
  return static_cast<float*>(logits.data) + i * logits.cols;
}

Peak peak_of(const VectorKernels& kernels, const float* values, Range range);

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
      peaks[static_cast<size_t>(task)] =
          peak_of(kernels, line_of(logits, i), ops::chunk_of(logits.cols, task % kChunks));
    });
    for (int32_t i = 0; i < lines; ++i) {
      if (wanted(begin + i)) body(begin + i, ops::join(&peaks[static_cast<size_t>(i * kChunks)], kChunks));
    }
  }
}

}  // namespace wtrt::cpu
