// Loops over one row: layer normalisation, the largest element, sums of exponentials. Compiled once per instruction
// set.
#pragma once

#include "backends/cpu/simd.hpp"

namespace wtrt::cpu {
namespace {

void norm_row(const float* in, const float* gain, const float* bias, float* out, int64_t width) {
  const int64_t whole = width / kLanes * kLanes, rest = width - whole;
  Vec sum = splat(0.0f);
  for (int64_t i = 0; i < whole; i += kLanes) sum = sum + load(in + i);
  if (rest > 0) sum = sum + load_first(in + whole, rest);
  const Vec mean = splat(sum_of(sum) / static_cast<float>(width));
  Vec squares = splat(0.0f);
  for (int64_t i = 0; i < whole; i += kLanes) {
    const Vec x = load(in + i) - mean;
    squares = fma(x, x, squares);
  }
  if (rest > 0) {
    const Vec x = keep_first(load_first(in + whole, rest) - mean, rest, 0.0f);
    squares = fma(x, x, squares);
  }
  const Vec scale = splat(1.0f / __builtin_sqrtf(sum_of(squares) / static_cast<float>(width) + 1e-5f));
  for (int64_t i = 0; i < whole; i += kLanes)
    store(out + i, fma((load(in + i) - mean) * scale, load(gain + i), load(bias + i)));
  if (rest > 0) {
    const Vec x = (load_first(in + whole, rest) - mean) * scale;
    store_first(out + whole, fma(x, load_first(gain + whole, rest), load_first(bias + whole, rest)), rest);
  }
}

// Values looked at before the result so far is brought up to date; as ops/peak.hpp says for all devices.
constexpr int64_t kStretch = 1024;

void largest(const float* values, int64_t n, float* value, int64_t* index) {
  float most = values[0];
  int64_t from = 0;
  for (int64_t first = 0; first < n; first += kStretch) {
    const int64_t end = least_of(n, first + kStretch);
    Vec v = splat(values[first]);
    int64_t i = first;
    for (; i + kLanes <= end; i += kLanes) v = vmax(v, load(values + i));
    float here = max_of(v);
    for (; i < end; ++i) here = values[i] > here ? values[i] : here;
    if (here > most) {
      most = here;
      from = first;
    }
  }
  int64_t i = from;
  while (i < n && values[i] != most) ++i;
  *value = most;
  *index = i < n ? i : 0;
}

double sum_exp(const float* values, int64_t n, float offset) {
  const Vec shift = splat(offset);
  double total = 0.0;
  for (int64_t first = 0; first < n; first += kStretch) {
    const int64_t end = least_of(n, first + kStretch);
    Vec sum = splat(0.0f);
    int64_t i = first;
    for (; i + kLanes <= end; i += kLanes) sum = sum + exp_of(load(values + i) - shift);
    if (i < end) sum = sum + keep_first(exp_of(load_first(values + i, end - i) - shift), end - i, 0.0f);
    total += static_cast<double>(sum_of(sum));
  }
  return total;
}

}  // namespace
}  // namespace wtrt::cpu
