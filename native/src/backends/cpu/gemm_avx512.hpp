// Tiles of R rows × C panels in 512-bit registers; included by the files compiled for AVX-512 only.
#pragma once

#include <immintrin.h>

#include "backends/cpu/gemm_impl.hpp"

namespace wtrt::cpu {
namespace {

// Multiply of one step: how a row's four bytes meet 64 bytes of weights.
struct StepF32 {
  using Sum = __m512;
  using Value = float;
  static Sum zero() { return _mm512_setzero_ps(); }
  static Sum add(Sum sum, __m512i row, __m512i weights) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(row), _mm512_castsi512_ps(weights), sum);
  }
  static void store(float* to, Sum sum) { _mm512_store_ps(to, sum); }
};

struct StepI8 {  // row: values + 128, unsigned
  using Sum = __m512i;
  using Value = int32_t;
  static Sum zero() { return _mm512_setzero_si512(); }
  static Sum add(Sum sum, __m512i row, __m512i weights) { return _mm512_dpbusd_epi32(sum, row, weights); }
  static void store(int32_t* to, Sum sum) { _mm512_store_si512(to, sum); }
};

// Few rows stream the weights from memory: ask for them this far ahead, across page borders too.
constexpr int64_t kPrefetchAhead = 8192;

// gelu() of gemm_impl.hpp, sixteen at a time and bit for bit.
inline __m512 gelu(__m512 x) {
  const __m512 t = _mm512_mul_ps(x, x);
  const auto step = [t](__m512 sum, float coefficient) {
    return _mm512_add_ps(_mm512_mul_ps(sum, t), _mm512_set1_ps(coefficient));
  };
  __m512 p = step(_mm512_set1_ps(kGeluP[0]), kGeluP[1]);
  __m512 q = step(_mm512_set1_ps(kGeluQ[0]), kGeluQ[1]);
#pragma GCC unroll 8
  for (int i = 2; i < 6; ++i) {
    p = step(p, kGeluP[i]);
    q = step(q, kGeluQ[i]);
  }
  __m512 phi = _mm512_add_ps(_mm512_set1_ps(0.5f), _mm512_mul_ps(x, _mm512_div_ps(p, q)));
  const __mmask16 above = _mm512_cmp_ps_mask(x, _mm512_set1_ps(kGeluEnd), _CMP_GT_OQ);
  const __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-kGeluEnd), _CMP_LT_OQ);
  phi = _mm512_mask_mov_ps(phi, above, _mm512_set1_ps(1.0f));
  phi = _mm512_maskz_mov_ps(static_cast<__mmask16>(~below), phi);
  return _mm512_mul_ps(x, phi);
}

inline __m512 to_float(const Product&, const float* sum, int64_t, int64_t) { return _mm512_load_ps(sum); }

inline __m512 to_float(const Product& p, const int32_t* sum, int64_t row, int64_t channel) {
  const __m512i whole = _mm512_add_epi32(_mm512_load_si512(sum), _mm512_load_si512(p.offset + channel));
  const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(p.a_scale[row]), _mm512_load_ps(p.scale + channel));
  return _mm512_mul_ps(_mm512_cvtepi32_ps(whole), scale);
}

// The epilogue of a tile's sums, [rows][width]. Kept out of the tile: inlined there it costs the multiplication its
// registers.
template <typename Sum>
__attribute__((noinline)) void finish_tile(const Product& p, const Sum* sums, int64_t row, int64_t rows, int64_t first,
                                           int64_t width, int64_t valid) {
  for (; rows > 0; --rows, ++row) {
    for (int64_t j = 0; j < width; j += kPanel, sums += kPanel) {
      const auto exist = static_cast<__mmask16>(valid - j >= kPanel ? 0xffff : (1u << (valid - j)) - 1u);
      const int64_t channel = first + j;
      __m512 value = _mm512_add_ps(to_float(p, sums, row, channel), _mm512_load_ps(p.bias + channel));
      if (p.gelu) value = gelu(value);
      if (p.residual != nullptr) {
        value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(exist, p.residual + row * p.residual_stride + channel));
      }
      _mm512_mask_storeu_ps(p.out + row * p.out_stride + channel, exist, value);
    }
  }
}

// R rows of a group of C panels.
template <typename Step, int R, int C>
inline void tile(const Product& p, int64_t row, const void* weights, int64_t first, int64_t valid) {
  const char* a = static_cast<const char*>(p.a) + row * p.a_stride;
  const char* w = static_cast<const char*>(weights);
  typename Step::Sum sum[R][C];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[r][c] = Step::zero();
  }
  for (int64_t s = 0; s < p.steps; ++s) {
    __m512i panel[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      panel[c] = _mm512_load_si512(w + c * 64);
      if constexpr (R <= 2) _mm_prefetch(w + c * 64 + kPrefetchAhead, _MM_HINT_T0);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      int32_t four;
      memcpy(&four, a + r * p.a_stride, 4);
      const __m512i value = _mm512_set1_epi32(four);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) sum[r][c] = Step::add(sum[r][c], value, panel[c]);
    }
    a += 4;
    w += C * 64;
  }
  alignas(64) typename Step::Value sums[R * C * kPanel];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) Step::store(sums + (r * C + c) * kPanel, sum[r][c]);
  }
  finish_tile(p, sums, row, R, first, C * kPanel, valid);
}

template <typename Step>
struct Tiles {
  template <int R, int C>
  struct Tile {
    static void run(const Product& p, int64_t row, const void* weights, int64_t first, int64_t valid) {
      tile<Step, R, C>(p, row, weights, first, valid);
    }
  };
};

}  // namespace
}  // namespace wtrt::cpu
