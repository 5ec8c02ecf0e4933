// What every instruction set's file compiles for itself: staging of rows, the epilogue, the walk over tiles. Everything
// has internal linkage, so that no copy made for a wide instruction set can be linked into code for a narrow one; for
// the same reason nothing of the standard library's templates is used. Plain loops: the compiler vectorizes them, and
// without contraction (-ffp-contract=off) they give the same bits everywhere.
#pragma once

#include <stdint.h>
#include <string.h>

#include "backends/cpu/gemm.hpp"

#if defined(__clang__)
#define WTRT_NO_DEPENDENCE _Pragma("clang loop vectorize(assume_safety)")
#else
#define WTRT_NO_DEPENDENCE _Pragma("GCC ivdep")
#endif

namespace wtrt::cpu {
namespace {

constexpr int kMaxTileRows = 6;
constexpr int64_t kMaxGroup = 64;  // channels

// x · Φ(x), Φ(x) = (1 + erf(x / √2)) / 2 by a rational fit of (Φ(x) - ½) / x over x², absolute error below 2.5e-7 ·
// max(1, |x|).
constexpr float kGeluP[6] = {2.27490276e-08f, 6.35174092e-06f, 0.00016880763f,
                             0.004677149f,    0.0338511579f,   0.398942232f};
constexpr float kGeluQ[6] = {1.19746585e-06f, 7.36403672e-05f, 0.0018843445f, 0.028644966f, 0.25151819f, 1.0f};
constexpr float kGeluEnd = 5.5f;  // beyond it Φ is 0 or 1

inline float gelu(float x) {
  const float t = x * x;
  const auto& P = kGeluP;
  const auto& Q = kGeluQ;  // written out: the vectorizer leaves a loop within its loop alone
  const float p = ((((P[0] * t + P[1]) * t + P[2]) * t + P[3]) * t + P[4]) * t + P[5];
  const float q = ((((Q[0] * t + Q[1]) * t + Q[2]) * t + Q[3]) * t + Q[4]) * t + Q[5];
  const float inside = 0.5f + x * (p / q);
  const float phi = x > kGeluEnd ? 1.0f : x < -kGeluEnd ? 0.0f : inside;
  return x * phi;
}

// Bias, GELU and residual over `width` channels (a whole number of panels) of which `valid` exist. Never inlined: with
// a known width the loops would be unrolled before they are vectorized, and GELU stay scalar.
__attribute__((noinline)) void finish_row(const Product& p, float* values, int64_t row, int64_t first, int64_t width,
                                          int64_t valid) {
  const float* bias = p.bias + first;
  for (int64_t j = 0; j < width; ++j) values[j] += bias[j];
  if (p.gelu) {
    for (int64_t j = 0; j < width; ++j) values[j] = gelu(values[j]);
  }
  float* out = p.out + row * p.out_stride + first;
  if (p.residual != nullptr) {
    const float* residual = p.residual + row * p.residual_stride + first;
    // Each element is read before it is written, so `out` may be the residual.
    // clang-format off
    WTRT_NO_DEPENDENCE
    for (int64_t j = 0; j < valid; ++j) out[j] = values[j] + residual[j];
    // clang-format on
  } else {
    for (int64_t j = 0; j < valid; ++j) out[j] = values[j];
  }
}

inline void finish_row_i8(const Product& p, const int32_t* sums, int64_t row, int64_t first, int64_t width,
                          int64_t valid) {
  alignas(64) float values[kMaxGroup];
  const int32_t* offset = p.offset + first;
  const float* scale = p.scale + first;
  const float row_scale = p.a_scale[row];
  for (int64_t j = 0; j < width; ++j) values[j] = static_cast<float>(sums[j] + offset[j]) * (row_scale * scale[j]);
  finish_row(p, values, row, first, width, valid);
}

// Sums come without padding: the last panel is filled up here.
inline void finish_i8_block(const Product& p, const int32_t* sums, int64_t sum_stride, Range rows) {
  alignas(64) int32_t some[kMaxGroup] = {};
  for (int64_t row = rows.begin; row < rows.end; ++row, sums += sum_stride) {
    for (int64_t first = 0; first < p.n; first += kMaxGroup) {
      const int64_t valid = p.n - first < kMaxGroup ? p.n - first : kMaxGroup;
      memcpy(some, sums + first, static_cast<size_t>(valid) * 4);
      finish_row_i8(p, some, row, first, (valid + kPanel - 1) / kPanel * kPanel, valid);
    }
  }
}

inline void finish_float_block(const Product& p, const float* sums, int64_t sum_stride, Range rows) {
  alignas(64) float some[kMaxGroup] = {};
  for (int64_t row = rows.begin; row < rows.end; ++row, sums += sum_stride) {
    for (int64_t first = 0; first < p.n; first += kMaxGroup) {
      const int64_t valid = p.n - first < kMaxGroup ? p.n - first : kMaxGroup;
      memcpy(some, sums + first, static_cast<size_t>(valid) * 4);
      finish_row(p, some, row, first, (valid + kPanel - 1) / kPanel * kPanel, valid);
    }
  }
}

// Largest |x| by its bits, which order like the numbers; a NaN is larger than all.
inline float largest_magnitude(const float* row, int64_t k) {
  int32_t largest = 0;
  for (int64_t i = 0; i < k; ++i) {
    int32_t bits;
    memcpy(&bits, row + i, 4);
    bits &= 0x7fffffff;
    largest = bits > largest ? bits : largest;
  }
  float value;
  memcpy(&value, &largest, 4);
  return value;
}

// Staged = int8_t, int16_t: the value; uint8_t: the value + 128.
template <typename Staged>
inline void stage_row_i8(const float* row, int64_t k, int64_t padded, Staged* staged, float* scale) {
  constexpr int32_t kOffset = static_cast<Staged>(-1) > 0 ? 128 : 0;
  const float largest = largest_magnitude(row, k);
  const bool finite = largest <= 3.4028234663852886e38f;
  if (!finite || largest < 1e-30f) {  // nothing to scale; what is not finite stays visible through the scale
    *scale = finite ? 0.0f : __builtin_nanf("");
    for (int64_t i = 0; i < padded; ++i) staged[i] = static_cast<Staged>(kOffset);
    return;
  }
  *scale = largest / 127.0f;
  const float inverse = 127.0f / largest;
  constexpr float kRound =
      12582912.0f;  // 1.5 · 2²³: adding it rounds half to even and leaves the integer in the low bits
  for (int64_t i = 0; i < k; ++i) {
    const float shifted = row[i] * inverse + kRound;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    staged[i] = static_cast<Staged>((bits & 0x7fffff) - 0x400000 + kOffset);
  }
  for (int64_t i = k; i < padded; ++i) staged[i] = static_cast<Staged>(kOffset);
}

inline void stage_row_bf16(const float* row, int64_t k, int64_t padded, uint16_t* staged) {
  for (int64_t i = 0; i < k; ++i) {
    uint32_t bits;
    memcpy(&bits, row + i, 4);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    staged[i] = static_cast<uint16_t>(nan ? ((bits >> 16) | 0x40u) : rounded);
  }
  for (int64_t i = k; i < padded; ++i) staged[i] = 0;
}

// Tile<R, C>::run(product, row, weights, first channel, width, valid) computes R rows of a group of C panels.
template <template <int, int> class Tile, int R, int C>
inline void walk_rows(const Product& p, Range rows, const void* weights, int64_t first, int64_t valid) {
  for (; rows.begin + R <= rows.end; rows.begin += R) Tile<R, C>::run(p, rows.begin, weights, first, valid);
  if constexpr (R > 1) {
    if (rows.begin < rows.end) walk_rows<Tile, R - 1, C>(p, rows, weights, first, valid);
  }
}

template <template <int, int> class Tile, int MaxRows, int MaxPanels>
inline void walk(const Product& p, Range rows, Range groups) {
  constexpr int64_t kChannels = MaxPanels * kPanel;
  for (int64_t g = groups.begin; g < groups.end; ++g) {
    const int64_t first = g * kChannels, valid = p.n - first < kChannels ? p.n - first : kChannels;
    const void* weights = static_cast<const char*>(p.weights) + first * p.steps * 4;
    const int64_t panels = (valid + kPanel - 1) / kPanel;
    if (panels == MaxPanels) {
      walk_rows<Tile, MaxRows, MaxPanels>(p, rows, weights, first, valid);
    } else if constexpr (MaxPanels == 4) {
      if (panels == 3) walk_rows<Tile, MaxRows, 3>(p, rows, weights, first, valid);
      if (panels == 2) walk_rows<Tile, MaxRows, 2>(p, rows, weights, first, valid);
      if (panels == 1) walk_rows<Tile, MaxRows, 1>(p, rows, weights, first, valid);
    }
  }
}

}  // namespace
}  // namespace wtrt::cpu
