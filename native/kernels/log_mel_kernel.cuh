// A real transform of 400 samples is a complex one of 200 over (even, odd) samples, and 200 = 8 * 25 are coprime: with
// the input index (25 a + 8 b) mod 200 it is eight-point transforms, then 25-point ones, without twiddles between;
// frequency k comes out at (k mod 8, k mod 25). In double precision: in single precision the quiet bands of a loud
// frame drown in its rounding.
#pragma once

#include <cstdint>

#include "log_mel.hpp"
#include "log_mel_traits.cuh"

namespace wtrt::kernels {

struct Complex {
  double re, im;
};

__device__ __forceinline__ Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
__device__ __forceinline__ Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
__device__ __forceinline__ Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
__device__ __forceinline__ Complex operator*(double s, Complex a) { return {s * a.re, s * a.im}; }
__device__ __forceinline__ Complex minus_i(Complex a) { return {a.im, -a.re}; }

// e^(-2πi k/n)
__device__ __forceinline__ Complex root(int k, int n) {
  Complex z;
  sincospi(-2.0 * k / n, &z.im, &z.re);
  return z;
}

__device__ __forceinline__ void transform4(Complex& a, Complex& b, Complex& c, Complex& d) {
  const Complex s = a + c, t = a - c, u = b + d, v = minus_i(b - d);
  a = s + u;
  b = t + v;
  c = s - u;
  d = t - v;
}

__device__ __forceinline__ void transform8(Complex (&x)[8]) {
  constexpr double kRoot = 0.70710678118654752;
  transform4(x[0], x[2], x[4], x[6]);
  transform4(x[1], x[3], x[5], x[7]);
  const Complex odd[4] = {x[1],
                          {kRoot * (x[3].re + x[3].im), kRoot * (x[3].im - x[3].re)},
                          minus_i(x[5]),
                          {kRoot * (x[7].im - x[7].re), -kRoot * (x[7].re + x[7].im)}};
  const Complex even[4] = {x[0], x[2], x[4], x[6]};
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    x[k] = even[k] + odd[k];
    x[k + 4] = even[k] - odd[k];
  }
}

__device__ __forceinline__ void transform5(Complex (&x)[5]) {
  constexpr double kCos1 = 0.30901699437494742, kCos2 = -0.80901699437494742;  // of 72 and 144 degrees
  constexpr double kSin1 = 0.95105651629515357, kSin2 = 0.58778525229247313;
  const Complex s1 = x[1] + x[4], d1 = x[1] - x[4], s2 = x[2] + x[3], d2 = x[2] - x[3];
  const Complex m1 = x[0] + kCos1 * s1 + kCos2 * s2, m2 = x[0] + kCos2 * s1 + kCos1 * s2;
  const Complex n1 = minus_i(kSin1 * d1 + kSin2 * d2), n2 = minus_i(kSin2 * d1 - kSin1 * d2);
  x[0] = x[0] + s1 + s2;
  x[1] = m1 + n1;
  x[4] = m1 - n1;
  x[2] = m2 + n2;
  x[3] = m2 - n2;
}

struct MelMemory {
  float window[MelShape::kLength];
  Complex root25[25], root400[MelShape::kHalf / 2 + 1];
  int first_bin[MelShape::kMostBands], end_bin[MelShape::kMostBands];  // of each filter's part that is not zero
  Complex work[MelShape::kFrames][MelShape::kHalf];
  float pcm[MelShape::kSamples];
  float power[MelShape::kFrames][MelShape::kBins];
};

// PyTorch's window: its angles are rounded to single precision, which shows in the quiet bands of loud frames.
__device__ __forceinline__ void make_tables(MelMemory& m) {
  constexpr double kPi = 3.14159265358979323846;
  constexpr auto kStep = static_cast<float>(2.0 * kPi / MelShape::kLength);
  for (int i = threadIdx.x; i < MelShape::kLength; i += MelShape::kThreads) {
    m.window[i] = 0.5f - 0.5f * static_cast<float>(cospi(static_cast<double>(static_cast<float>(i) * kStep) / kPi));
  }
  if (threadIdx.x < 25) m.root25[threadIdx.x] = root(threadIdx.x / 5 * (threadIdx.x % 5), 25);
  for (int k = threadIdx.x; k <= MelShape::kHalf / 2; k += MelShape::kThreads)
    m.root400[k] = root(k, MelShape::kLength);
}

__device__ __forceinline__ void find_bands(MelMemory& m, const float* filters, int bands) {
  const int lane = threadIdx.x % 32;
  for (int band = threadIdx.x / 32; band < bands; band += MelShape::kThreads / 32) {
    int first = MelShape::kBins, end = 0;
#pragma unroll
    for (int k = lane; k < MelShape::kBins; k += 32) {
      if (filters[band * MelShape::kBins + k] == 0.0f) continue;
      first = min(first, k);
      end = k + 1;
    }
    first = __reduce_min_sync(0xffffffffu, first);
    end = __reduce_max_sync(0xffffffffu, end);
    if (lane == 0) m.first_bin[band] = first, m.end_bin[band] = end;
  }
}

__device__ __forceinline__ void load_samples(MelMemory& m, const float* pcm, int64_t samples, int64_t total,
                                             int64_t start) {
  for (int i = threadIdx.x; i < MelShape::kSamples; i += MelShape::kThreads) {
    int64_t at = start + i;
    if (at < 0) at = -at;
    if (at >= total) at = 2 * (total - 1) - at;
    m.pcm[i] = at >= 0 && at < samples ? pcm[at] : 0.0f;
  }
}

__device__ __forceinline__ void transform_eights(MelMemory& m) {
  for (int i = threadIdx.x; i < 25 * MelShape::kFrames; i += MelShape::kThreads) {
    const int frame = i / 25, b = i % 25;
    const float* const pcm = m.pcm + frame * MelShape::kHop;
    Complex x[8];
#pragma unroll
    for (int a = 0; a < 8; ++a) {
      const int n = 2 * ((25 * a + 8 * b) % MelShape::kHalf);
      x[a] = {static_cast<double>(pcm[n]) * m.window[n], static_cast<double>(pcm[n + 1]) * m.window[n + 1]};
    }
    transform8(x);
#pragma unroll
    for (int a = 0; a < 8; ++a) m.work[frame][25 * a + b] = x[a];
  }
}

// One of the two halves of the 25-point transforms, over values `stride` apart: 5, with twiddles, then 1.
template <int kStride>
__device__ __forceinline__ void transform_fives(MelMemory& m) {
  for (int i = threadIdx.x; i < 40 * MelShape::kFrames; i += MelShape::kThreads) {
    const int b = i % 5;
    Complex* const work = m.work[i / 40] + i / 5 % 8 * 25 + b * (kStride == 5 ? 1 : 5);
    Complex x[5];
#pragma unroll
    for (int a = 0; a < 5; ++a) x[a] = work[kStride * a];
    transform5(x);
#pragma unroll
    for (int c = 0; c < 5; ++c) work[kStride * c] = kStride == 5 ? x[c] * m.root25[5 * c + b] : x[c];
  }
}

__device__ __forceinline__ float squared(Complex z) { return static_cast<float>(z.re * z.re + z.im * z.im); }

// Squared magnitudes of the real transform's 201 frequencies from the complex one's 200.
__device__ __forceinline__ void take_power(MelMemory& m) {
  constexpr int kPairs = MelShape::kHalf / 2 + 1;
  const auto slot = [](int k) { return k % 8 * 25 + k % 25 % 5 * 5 + k % 25 / 5; };
  for (int i = threadIdx.x; i < kPairs * MelShape::kFrames; i += MelShape::kThreads) {
    const int frame = i / kPairs, k = i % kPairs;
    const Complex p = m.work[frame][slot(k)], q = m.work[frame][slot(k == 0 ? 0 : MelShape::kHalf - k)];
    const Complex even = {0.5 * (p.re + q.re), 0.5 * (p.im - q.im)}, odd = {0.5 * (p.im + q.im), 0.5 * (q.re - p.re)};
    const Complex turned = odd * m.root400[k];
    m.power[frame][k] = squared(even + turned);
    m.power[frame][MelShape::kHalf - k] = squared(even - turned);
  }
}

// Floats of either sign, in order.
__device__ __forceinline__ void atomic_maximum(float* to, float value) {
  if (value >= 0.0f) {
    atomicMax(reinterpret_cast<int*>(to), __float_as_int(value));
  } else {
    atomicMin(reinterpret_cast<unsigned*>(to), __float_as_uint(value));
  }
}

__device__ __forceinline__ void store_mel(const MelMemory& m, const LogMelArgs& args, int recording, int first,
                                          float* maximum) {
  float most = -10.0f;
  for (int i = threadIdx.x; i < args.mels * MelShape::kFrames; i += MelShape::kThreads) {
    const int frame = i % MelShape::kFrames, band = i / MelShape::kFrames;
    const float* const filter = args.filters + band * MelShape::kBins;
    float sum = 0.0f;
    for (int k = m.first_bin[band]; k < m.end_bin[band]; ++k) sum = fmaf(filter[k], m.power[frame][k], sum);
    if (first + frame >= args.frames) continue;
    const float value = log10f(fmaxf(sum, 1e-10f));
    args.mel[(static_cast<int64_t>(recording) * args.mels + band) * args.frames + first + frame] = value;
    most = fmaxf(most, value);
  }
  for (int distance = 16; distance > 0; distance /= 2) most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, distance));
  if (threadIdx.x % 32 == 0) atomic_maximum(maximum, most);
}

__global__ void __launch_bounds__(MelShape::kThreads) log_mel_kernel(LogMelArgs args) {
  __shared__ MelMemory m;
  const int recording = blockIdx.y;
  make_tables(m);
  find_bands(m, args.filters, args.mels);
  for (int first = blockIdx.x * MelShape::kFrames; first < args.frames; first += gridDim.x * MelShape::kFrames) {
    load_samples(m, args.pcm + recording * args.pcm_stride, args.samples[recording], args.total,
                 (args.first_frame + first) * MelShape::kHop - MelShape::kLength / 2);
    __syncthreads();
    transform_eights(m);
    __syncthreads();
    transform_fives<5>(m);
    __syncthreads();
    transform_fives<1>(m);
    __syncthreads();
    take_power(m);
    __syncthreads();
    store_mel(m, args, recording, first, args.maximum + recording);
  }
}

__global__ void start_maximum_kernel(float* maximum, int recordings) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < recordings) maximum[i] = -10.0f;
}

__global__ void normalize_mel_kernel(float* mel, const float* maximum, int64_t count) {
  const float least = maximum[blockIdx.y] - 8.0f;
  float* const of_recording = mel + blockIdx.y * count;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    of_recording[i] = (fmaxf(of_recording[i], least) + 4.0f) * 0.25f;
  }
}

}  // namespace wtrt::kernels
