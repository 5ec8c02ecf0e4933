// The instruction sets this machine can test, random numbers, and outputs surrounded by poison.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "backends/cpu/cpu_backend.hpp"
#include "common/thread_pool.hpp"
#include "ops/tensor.hpp"

namespace wtrt::test {

inline std::vector<cpu::Isa> levels() {
  std::vector<cpu::Isa> all;
  for (int32_t i = 0; i <= static_cast<int32_t>(cpu::widest_isa()); ++i) all.push_back(static_cast<cpu::Isa>(i));
  return all;
}

inline std::vector<float> normal(size_t count, uint32_t seed, float spread = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(0.0f, spread);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(random);
  return values;
}

// A matrix of NaN between two guards of NaN; intact() is false once somebody wrote outside the matrix.
class Poisoned {
 public:
  Poisoned(int64_t rows, int64_t cols)
      : rows_(rows), cols_(cols), values_(static_cast<size_t>(rows * cols) + 2 * kGuard, kPoison) {}
  ops::Tensor tensor() { return {values_.data() + kGuard, DType::f32, rows_, cols_}; }
  const float* data() const { return values_.data() + kGuard; }
  float operator[](int64_t i) const { return data()[i]; }
  bool intact() const {
    for (size_t i = 0; i < kGuard; ++i) {
      if (!std::isnan(values_[i]) || !std::isnan(values_[values_.size() - 1 - i])) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kGuard = 64;
  static constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();
  int64_t rows_, cols_;
  std::vector<float> values_;
};

inline ops::Tensor matrix(const std::vector<float>& values, int64_t cols) {
  return {const_cast<float*>(values.data()), DType::f32, static_cast<int64_t>(values.size()) / cols, cols};
}

}  // namespace wtrt::test
