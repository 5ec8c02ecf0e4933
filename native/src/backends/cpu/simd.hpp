// Sixteen floats as one value, as wide as the file that includes this is compiled for.
//
// Everything has internal linkage: a copy made for a wide instruction set can never be linked into code for a narrow
// one. For the same reason no function of the standard library and of the common headers is used here and in the
// kernels over it.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__clang__) || defined(__GNUC__)
#define WTRT_INLINE inline __attribute__((always_inline))
#else
#define WTRT_INLINE inline
#endif

namespace wtrt::cpu {
namespace {

constexpr int kLanes = 16;

#if defined(__AVX512F__)

constexpr int kRegisters = 32;  // of sixteen floats
struct Vec {
  __m512 v;
};
WTRT_INLINE Vec splat(float x) { return {_mm512_set1_ps(x)}; }
WTRT_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
WTRT_INLINE void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
WTRT_INLINE __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
// Lanes from n on: zero.
WTRT_INLINE Vec load_first(const float* p, int64_t n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
WTRT_INLINE void store_first(float* p, Vec a, int64_t n) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }
// Lanes from n on: fill.
WTRT_INLINE Vec keep_first(Vec a, int64_t n, float fill) {
  return {_mm512_mask_blend_ps(first_lanes(n), _mm512_set1_ps(fill), a.v)};
}
WTRT_INLINE Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
WTRT_INLINE Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
WTRT_INLINE Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
WTRT_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }  // a · b + c
WTRT_INLINE Vec vmax(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
WTRT_INLINE Vec round_even(Vec a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
WTRT_INLINE Vec scale_by_power(Vec a, Vec n) { return {_mm512_scalef_ps(a.v, n.v)}; }  // a · 2ⁿ
WTRT_INLINE float sum_of(Vec a) { return _mm512_reduce_add_ps(a.v); }
WTRT_INLINE float max_of(Vec a) { return _mm512_reduce_max_ps(a.v); }
WTRT_INLINE Vec from_bf16(const uint16_t* p) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}

#elif defined(__AVX2__)

constexpr int kRegisters = 8;
struct Vec {
  __m256 a, b;
};
WTRT_INLINE Vec splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
WTRT_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
WTRT_INLINE void store(float* p, Vec x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
WTRT_INLINE __m256i below(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
WTRT_INLINE Vec load_first(const float* p, int64_t n) {
  return {_mm256_maskload_ps(p, below(n)), n > 8 ? _mm256_maskload_ps(p + 8, below(n - 8)) : _mm256_setzero_ps()};
}
WTRT_INLINE void store_first(float* p, Vec x, int64_t n) {
  _mm256_maskstore_ps(p, below(n), x.a);
  if (n > 8) _mm256_maskstore_ps(p + 8, below(n - 8), x.b);
}
WTRT_INLINE Vec keep_first(Vec x, int64_t n, float fill) {
  const __m256 f = _mm256_set1_ps(fill);
  return {_mm256_blendv_ps(f, x.a, _mm256_castsi256_ps(below(n))),
          _mm256_blendv_ps(f, x.b, _mm256_castsi256_ps(below(n - 8)))};
}
WTRT_INLINE Vec operator+(Vec x, Vec y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
WTRT_INLINE Vec operator-(Vec x, Vec y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
WTRT_INLINE Vec operator*(Vec x, Vec y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
WTRT_INLINE Vec fma(Vec x, Vec y, Vec z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
WTRT_INLINE Vec vmax(Vec x, Vec y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
WTRT_INLINE Vec round_even(Vec x) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, kMode), _mm256_round_ps(x.b, kMode)};
}
WTRT_INLINE __m256 scale_half(__m256 x, __m256 n) {
  const __m256 least = _mm256_set1_ps(-127.0f), greatest = _mm256_set1_ps(127.0f);
  const __m256i exponent = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(n, least), greatest));
  return _mm256_mul_ps(x,
                       _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23)));
}
WTRT_INLINE Vec scale_by_power(Vec x, Vec n) { return {scale_half(x.a, n.a), scale_half(x.b, n.b)}; }
WTRT_INLINE float sum_of(Vec x) {
  const __m256 t = _mm256_add_ps(x.a, x.b);
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
WTRT_INLINE float max_of(Vec x) {
  const __m256 t = _mm256_max_ps(x.a, x.b);
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}
WTRT_INLINE __m256 bf16_half(const uint16_t* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
WTRT_INLINE Vec from_bf16(const uint16_t* p) { return {bf16_half(p), bf16_half(p + 8)}; }

#else

constexpr int kRegisters = 4;
typedef float Quad __attribute__((vector_size(16)));
typedef int32_t QuadInt __attribute__((vector_size(16)));
struct Vec {
  Quad q[4];
};
template <typename Operation>
WTRT_INLINE Vec each(const Operation& operation) {
  return {{operation(0), operation(1), operation(2), operation(3)}};
}
WTRT_INLINE Vec splat(float x) {
  const Quad q = {x, x, x, x};
  return {{q, q, q, q}};
}
WTRT_INLINE Vec load(const float* p) {
  Vec r;
  memcpy(&r, p, sizeof r);
  return r;
}
WTRT_INLINE void store(float* p, Vec a) { memcpy(p, &a, sizeof a); }
WTRT_INLINE Vec load_first(const float* p, int64_t n) {
  Vec r = splat(0.0f);
  memcpy(&r, p, static_cast<size_t>(n) * sizeof(float));
  return r;
}
WTRT_INLINE void store_first(float* p, Vec a, int64_t n) { memcpy(p, &a, static_cast<size_t>(n) * sizeof(float)); }
WTRT_INLINE Vec keep_first(Vec a, int64_t n, float fill) {
  Vec r = splat(fill);
  memcpy(&r, &a, static_cast<size_t>(n < 0 ? 0 : n > kLanes ? kLanes : n) * sizeof(float));
  return r;
}
WTRT_INLINE Vec operator+(Vec a, Vec b) {
  return each([&](int i) __attribute__((always_inline)) { return a.q[i] + b.q[i]; });
}
WTRT_INLINE Vec operator-(Vec a, Vec b) {
  return each([&](int i) __attribute__((always_inline)) { return a.q[i] - b.q[i]; });
}
WTRT_INLINE Vec operator*(Vec a, Vec b) {
  return each([&](int i) __attribute__((always_inline)) { return a.q[i] * b.q[i]; });
}
WTRT_INLINE Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
WTRT_INLINE Vec vmax(Vec a, Vec b) {
  return each([&](int i) __attribute__((always_inline)) { return a.q[i] > b.q[i] ? a.q[i] : b.q[i]; });
}
// Correct below 2²²; larger numbers are whole for our uses (they mean "minus infinity").
WTRT_INLINE Vec round_even(Vec a) {
  const Vec magic = splat(12582912.0f);  // 1.5 · 2²³
  return (a + magic) - magic;
}
WTRT_INLINE Quad scale_quad(Quad x, Quad n) {
  const Quad least = {-127.0f, -127.0f, -127.0f, -127.0f}, greatest = {127.0f, 127.0f, 127.0f, 127.0f};
  n = n > least ? n : least;
  n = n < greatest ? n : greatest;
  const QuadInt bits = (__builtin_convertvector(n, QuadInt) + 127) << 23;
  Quad power;
  memcpy(&power, &bits, sizeof power);
  return x * power;
}
WTRT_INLINE Vec scale_by_power(Vec a, Vec n) {
  return each([&](int i) __attribute__((always_inline)) { return scale_quad(a.q[i], n.q[i]); });
}
WTRT_INLINE float sum_of(Vec a) {
  const Quad s = (a.q[0] + a.q[1]) + (a.q[2] + a.q[3]);
  return (s[0] + s[1]) + (s[2] + s[3]);
}
WTRT_INLINE float max_of(Vec a) {
  float most = a.q[0][0];
  for (int i = 1; i < kLanes; ++i) most = a.q[i / 4][i % 4] > most ? a.q[i / 4][i % 4] : most;
  return most;
}
WTRT_INLINE Vec from_bf16(const uint16_t* p) {
  uint32_t bits[kLanes];
  for (int i = 0; i < kLanes; ++i) bits[i] = static_cast<uint32_t>(p[i]) << 16;
  Vec r;
  memcpy(&r, bits, sizeof r);
  return r;
}

#endif

// 2^x for finite x ≤ 127, relative error below 2e-7; 0 for x < -150 (on narrow levels for x < -127).
WTRT_INLINE Vec exp2_of(Vec x) {
  const Vec n = round_even(x), f = x - n;
  Vec p = splat(1.5345811834e-4f);
  p = fma(p, f, splat(1.339993122e-3f));
  p = fma(p, f, splat(9.618488957e-3f));
  p = fma(p, f, splat(5.550328777e-2f));
  p = fma(p, f, splat(2.402264689e-1f));
  p = fma(p, f, splat(6.931472057e-1f));
  p = fma(p, f, splat(1.0f));
  return scale_by_power(p, n);
}

// e^x for x ≤ 88, relative error below 3e-7.
WTRT_INLINE Vec exp_of(Vec x) {
  x = vmax(x, splat(-140.0f));
  const Vec n = round_even(x * splat(1.44269504f));
  Vec f = fma(n, splat(-0.693359375f), x);  // ln 2 in two parts, the first short enough for exact products
  f = fma(n, splat(2.12194440e-4f), f);
  Vec p = splat(1.383684397e-3f);
  p = fma(p, f, splat(8.374817332e-3f));
  p = fma(p, f, splat(4.166822569e-2f));
  p = fma(p, f, splat(1.666642015e-1f));
  p = fma(p, f, splat(4.999999208e-1f));
  p = fma(p, f, splat(1.000000036f));
  p = fma(p, f, splat(1.0f));
  return scale_by_power(p, n);
}

// Round to nearest, ties to even; NaN stays NaN.
WTRT_INLINE uint16_t to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

WTRT_INLINE int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }
WTRT_INLINE int64_t least_of(int64_t a, int64_t b) { return a < b ? a : b; }

constexpr float kMasked = -1e30f;  // a score that counts for nothing; finite, so that differences stay numbers

}  // namespace
}  // namespace wtrt::cpu
