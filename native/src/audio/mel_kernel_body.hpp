// The body of the mel kernel, compiled once per instruction set (mel_kernel_*.cpp defines WTRT_MEL_VARIANT and
// WTRT_MEL_LANES). Nothing inline from outside this file may be used: it would be compiled for that instruction set and
// might be picked by the linker for everyone.
//
// A real transform of 400 is a complex one of 200 over (even, odd) samples, and 200 = 8 × 25 are coprime: with the
// input index (25 a + 8 b) mod 200 the transform is eight-point ones, then 25-point ones, without twiddles between, and
// frequency k comes out at (k mod 8, k mod 25). 25 = 5 × 5 in the usual way.
//
// The transform is in double precision: in single precision the quiet bands of a loud frame drown in its rounding.

#include <cstdint>

#include "audio/mel_kernel.hpp"

namespace wtrt::audio {
namespace {

constexpr int kLanes = WTRT_MEL_LANES / 2;    // frames transformed together
constexpr int kNarrowLanes = WTRT_MEL_LANES;  // frames filtered together
constexpr int kHalf = kFftSize / 2;
constexpr int kBins = kHalf + 1;

typedef double Vec __attribute__((vector_size(kLanes * 8)));
typedef float HalfVec __attribute__((vector_size(kLanes * 4)));
typedef float NarrowVec __attribute__((vector_size(kNarrowLanes * 4)));
typedef int32_t NarrowInt __attribute__((vector_size(kNarrowLanes * 4)));

struct Complex {
  Vec re, im;
};

#define WTRT_INLINE inline __attribute__((always_inline))

WTRT_INLINE Complex add(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
WTRT_INLINE Complex sub(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
WTRT_INLINE Complex minus_i(Complex a) { return {a.im, -a.re}; }
WTRT_INLINE Complex times(Complex a, double re, double im) { return {a.re * re - a.im * im, a.re * im + a.im * re}; }

WTRT_INLINE void transform4(Complex& a, Complex& b, Complex& c, Complex& d) {
  const Complex s = add(a, c), t = sub(a, c), u = add(b, d), v = minus_i(sub(b, d));
  a = add(s, u);
  b = add(t, v);
  c = sub(s, u);
  d = sub(t, v);
}

WTRT_INLINE void transform8(Complex (&x)[8]) {
  constexpr double kRoot = 0.70710678118654752;
  transform4(x[0], x[2], x[4], x[6]);
  transform4(x[1], x[3], x[5], x[7]);
  const Complex odd1 = {(x[3].re + x[3].im) * kRoot, (x[3].im - x[3].re) * kRoot};
  const Complex odd2 = minus_i(x[5]);
  const Complex odd3 = {(x[7].im - x[7].re) * kRoot, (x[7].re + x[7].im) * -kRoot};
  const Complex even0 = x[0], even1 = x[2], even2 = x[4], even3 = x[6], odd0 = x[1];
  x[0] = add(even0, odd0);
  x[4] = sub(even0, odd0);
  x[1] = add(even1, odd1);
  x[5] = sub(even1, odd1);
  x[2] = add(even2, odd2);
  x[6] = sub(even2, odd2);
  x[3] = add(even3, odd3);
  x[7] = sub(even3, odd3);
}

WTRT_INLINE void transform5(Complex (&x)[5]) {
  constexpr double kCos1 = 0.30901699437494742, kCos2 = -0.80901699437494742;  // of 72 and 144 degrees
  constexpr double kSin1 = 0.95105651629515357, kSin2 = 0.58778525229247313;
  const Complex s1 = add(x[1], x[4]), d1 = sub(x[1], x[4]);
  const Complex s2 = add(x[2], x[3]), d2 = sub(x[2], x[3]);
  const Complex m1 = {x[0].re + s1.re * kCos1 + s2.re * kCos2, x[0].im + s1.im * kCos1 + s2.im * kCos2};
  const Complex m2 = {x[0].re + s1.re * kCos2 + s2.re * kCos1, x[0].im + s1.im * kCos2 + s2.im * kCos1};
  const Complex n1 = minus_i({d1.re * kSin1 + d2.re * kSin2, d1.im * kSin1 + d2.im * kSin2});
  const Complex n2 = minus_i({d1.re * kSin2 - d2.re * kSin1, d1.im * kSin2 - d2.im * kSin1});
  x[0] = add(x[0], add(s1, s2));
  x[1] = add(m1, n1);
  x[4] = sub(m1, n1);
  x[2] = add(m2, n2);
  x[3] = sub(m2, n2);
}

// Sample `at` of every lane's frame, windowed.
WTRT_INLINE Vec gather(const float* samples, const float* window, int at) {
  HalfVec value;
  for (int lane = 0; lane < kLanes; ++lane) value[lane] = samples[lane * kHopLength + at];
  return __builtin_convertvector(value, Vec) * static_cast<double>(window[at]);
}

WTRT_INLINE void load_and_transform8(const MelTables& tables, const float* samples, Complex* work) {
  for (int b = 0; b < 25; ++b) {
    Complex x[8];
    for (int a = 0; a < 8; ++a) {
      const int n = (25 * a + 8 * b) % kHalf;
      x[a] = {gather(samples, tables.window, 2 * n), gather(samples, tables.window, 2 * n + 1)};
    }
    transform8(x);
    for (int a = 0; a < 8; ++a) work[a * 25 + b] = x[a];
  }
}

WTRT_INLINE void transform25(const MelTables& tables, Complex* work) {
  Complex x[5];
  for (int b = 0; b < 5; ++b) {
    for (int a = 0; a < 5; ++a) x[a] = work[5 * a + b];
    transform5(x);
    work[b] = x[0];
    for (int c = 1; c < 5; ++c) {
      work[5 * c + b] = times(x[c], tables.twiddle25_re[5 * c + b], tables.twiddle25_im[5 * c + b]);
    }
  }
  for (int c = 0; c < 5; ++c) {
    for (int b = 0; b < 5; ++b) x[b] = work[5 * c + b];
    transform5(x);
    for (int d = 0; d < 5; ++d) work[5 * c + d] = x[d];
  }
}

WTRT_INLINE void store_power(Complex value, float* out) {
  const HalfVec power = __builtin_convertvector(value.re * value.re + value.im * value.im, HalfVec);
  __builtin_memcpy(out, &power, sizeof power);
}

// Squared magnitudes of the real transform's 201 frequencies from the complex one's 200: rows of kBlockFrames.
WTRT_INLINE void power_of(const MelTables& tables, const Complex* work, float* power) {
  const Complex zero = work[tables.slot[0]];
  store_power({zero.re + zero.im, Vec{}}, power);
  store_power({zero.re - zero.im, Vec{}}, power + kHalf * kBlockFrames);
  for (int k = 1; k <= kHalf / 2; ++k) {
    const Complex p = work[tables.slot[k]], q = work[tables.slot[kHalf - k]];
    const Complex even = {(p.re + q.re) * 0.5, (p.im - q.im) * 0.5};
    const Complex odd = {(p.im + q.im) * 0.5, (q.re - p.re) * 0.5};
    const Complex turned = times(odd, tables.twiddle400_re[k], tables.twiddle400_im[k]);
    store_power(add(even, turned), power + k * kBlockFrames);
    store_power(sub(even, turned), power + (kHalf - k) * kBlockFrames);
  }
}

// log10 of normal numbers: exponent and mantissa in [√½, √2), then the series of artanh.
WTRT_INLINE NarrowVec log10_of(NarrowVec x) {
  const NarrowInt bits = (NarrowInt)x;
  const NarrowInt shifted = bits - 0x3f3504f3;  // √½
  const NarrowInt exponent = shifted >> 23;
  const NarrowVec mantissa = (NarrowVec)(bits - (exponent << 23));
  const NarrowVec s = (mantissa - 1.0f) / (mantissa + 1.0f);
  const NarrowVec s2 = s * s;
  const NarrowVec series = ((s2 * (2.0f / 9) + 2.0f / 7) * s2 + 2.0f / 5) * s2 + 2.0f / 3;
  const NarrowVec log_mantissa = s * (s2 * series + 2.0f);
  return __builtin_convertvector(exponent, NarrowVec) * 0.30102999566398120f + log_mantissa * 0.43429448190325183f;
}

WTRT_INLINE void mel_of(const MelTables& tables, const float* power, float* out) {
  const NarrowVec floor = NarrowVec{} + 1e-10f;
  for (int m = 0; m < tables.n_mels; ++m) {
    const float* weights = tables.weights + tables.first_weight[m];
    const float* bins = power + tables.first_bin[m] * kBlockFrames;
    NarrowVec sum = {};
    for (int i = 0; i < tables.bin_count[m]; ++i) {
      NarrowVec bin;
      __builtin_memcpy(&bin, bins + i * kBlockFrames, sizeof bin);
      sum += bin * weights[i];
    }
    const NarrowVec log = log10_of(sum > floor ? sum : floor);
    __builtin_memcpy(out + m * kBlockFrames, &log, sizeof log);
  }
}

}  // namespace

void WTRT_MEL_VARIANT(const MelTables& tables, const float* samples, float* out);

void WTRT_MEL_VARIANT(const MelTables& tables, const float* samples, float* out) {
  Complex work[kHalf];
  alignas(64) float power[kBins * kBlockFrames];
  for (int first = 0; first < kBlockFrames; first += kLanes) {
    load_and_transform8(tables, samples + first * kHopLength, work);
    for (int a = 0; a < 8; ++a) transform25(tables, work + 25 * a);
    power_of(tables, work, power + first);
  }
  for (int first = 0; first < kBlockFrames; first += kNarrowLanes) mel_of(tables, power + first, out + first);
}

}  // namespace wtrt::audio
