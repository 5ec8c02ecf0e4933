// What kernels are compared with: sums in f64, and the textbook's computation in the kernels' own precision.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "device_array.hpp"

namespace wtrt::gpu_test {

inline double distance(const std::vector<float>& got, const std::vector<double>& reference) {
  double sum = 0;
  for (size_t i = 0; i < got.size(); ++i) sum += (got[i] - reference[i]) * (got[i] - reference[i]);
  return std::sqrt(sum);
}

// Error at most twice that of the textbook's computation, and every value near its reference; says where the first one
// is not.
inline void expect_close(const std::string& name, const std::vector<float>& got, const std::vector<double>& reference,
                         const std::vector<float>& textbook, size_t columns) {
  ASSERT_EQ(got.size(), reference.size()) << name;
  const double ours = distance(got, reference), theirs = distance(textbook, reference);
  double size = 0, largest = 0;
  for (const double value : reference) size += value * value;
  for (size_t i = 0; i < got.size(); ++i) largest = std::max(largest, std::abs(textbook[i] - reference[i]));
  const double floor = 1e-7 * std::sqrt(size);
  std::printf("[ ERROR ] %-56s ours %.3g, textbook %.3g, ratio %.2f\n", name.c_str(), ours / std::sqrt(size),
              theirs / std::sqrt(size), ours / std::max(theirs, 1e-300));
  std::fflush(stdout);
  EXPECT_LE(ours, 2 * theirs + floor) << name;
  int shown = 0;
  size_t wrong = 0;
  const double allowed = 8 * largest + 1e-5 * std::sqrt(size / static_cast<double>(got.size()));
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::abs(got[i] - reference[i]) <= allowed) continue;
    ++wrong;
    if (shown++ < 6)
      std::printf("  %s: [%zu, %zu] is %g, should be %g\n", name.c_str(), i / columns, i % columns, got[i],
                  reference[i]);
  }
  EXPECT_EQ(wrong, 0u) << name << ": of " << got.size() << " values";
}

// How many bytes differ; prints the first elements that do.
inline size_t differing(const std::string& name, const std::byte* a, const std::byte* b, size_t bytes, size_t element,
                        size_t columns) {
  size_t count = 0;
  for (size_t i = 0; i < bytes / element; ++i) {
    if (std::memcmp(a + i * element, b + i * element, element) == 0) continue;
    if (count++ < 4) std::printf("  %s: [%zu, %zu] differs\n", name.c_str(), i / columns, i % columns);
  }
  return count;
}

// Where the tests launch: not the null stream, which would keep launches apart.
inline cudaStream_t test_stream() {
  static const cudaStream_t stream = [] {
    cudaStream_t created;
    check(cudaStreamCreate(&created));
    return created;
  }();
  return stream;
}

inline bool bench_wanted() {
  const char* const wanted = std::getenv("WTRT_BENCH");
  return wanted != nullptr && wanted[0] == '1';
}

}  // namespace wtrt::gpu_test
