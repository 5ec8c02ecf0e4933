// The body of the kernel, compiled once per instruction set (silero_kernel_*.cpp defines WTRT_VAD_VARIANT and
// WTRT_VAD_LANES). Nothing inline from outside this file may be used: it would be compiled for that instruction set and
// might be picked by the linker for everyone.

#include <cstdint>

#include "vad/silero_kernel.hpp"

namespace wtrt::vad {
namespace {

constexpr int kLanes = WTRT_VAD_LANES;
constexpr int kStepsAtOnce = kLanes == 16 ? 4 : 2;  // what the registers hold

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef uint32_t Bits __attribute__((vector_size(kLanes * 4)));

#define WTRT_INLINE inline __attribute__((always_inline))

WTRT_INLINE Vec load(const float* from) {
  Vec value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

WTRT_INLINE void store(float* to, Vec value) { __builtin_memcpy(to, &value, sizeof value); }

WTRT_INLINE Vec broadcast(float value) { return Vec{} + value; }

WTRT_INLINE Vec positive(Vec x) { return x > 0.0f ? x : Vec{}; }

WTRT_INLINE Vec root(Vec x) {
  Vec y;
  for (int lane = 0; lane < kLanes; ++lane) y[lane] = __builtin_sqrtf(x[lane]);
  return y;
}

// e^x for x ≤ 0, to two units in the last place; 0 below -87.
WTRT_INLINE Vec exponential(Vec x) {
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f, kRound = 12582912.0f;
  x = x > -87.0f ? x : broadcast(-87.0f);
  const Vec shifted = x * kLog2E + kRound;  // the nearest whole number stands in its low bits
  const Vec whole = shifted - kRound;
  const Vec r = (x - whole * kLn2High) - whole * kLn2Low;
  Vec p = broadcast(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return (Vec)(((Bits)shifted << 23) + (Bits)p);  // p · 2^whole
}

// Without overflow on either side.
WTRT_INLINE Vec sigmoid(Vec x) {
  const Vec e = exponential(x > 0.0f ? -x : x);
  const Vec small = e / (e + 1.0f);
  return x > 0.0f ? 1.0f - small : small;
}

WTRT_INLINE Vec hyperbolic_tangent(Vec x) {
  const Vec size = x > 0.0f ? x : -x;
  const Vec e = exponential(size * -2.0f);
  const Vec y = (1.0f - e) / (1.0f + e);
  return x > 0.0f ? y : -y;
}

// Where a layer's inputs lie, in rows of kBatchFrames: input c of tap k for step t is row c * pitch + t * stride + k.
struct Shape {
  int outputs, inputs;
  int pitch, stride;
  int out_pitch;  // rows from one output to the next
  bool rectified;
};

template <int kAtOnce, int kTaps>
WTRT_INLINE void convolve_steps(const Shape& shape, const float* weights, const float* bias, const float* in,
                                float* out) {
  for (int block = 0; block < shape.outputs / kBlock; ++block) {
    const float* w = weights + static_cast<int64_t>(block) * shape.inputs * kTaps * kBlock;
    Vec sums[kBlock][kAtOnce];
    for (int o = 0; o < kBlock; ++o) {
      for (int t = 0; t < kAtOnce; ++t) sums[o][t] = bias == nullptr ? Vec{} : broadcast(bias[block * kBlock + o]);
    }
    for (int c = 0; c < shape.inputs; ++c) {
      const float* rows = in + static_cast<int64_t>(c) * shape.pitch * kBatchFrames;
      for (int k = 0; k < kTaps; ++k, w += kBlock) {
        for (int t = 0; t < kAtOnce; ++t) {
          const Vec x = load(rows + (t * shape.stride + k) * kBatchFrames);
          for (int o = 0; o < kBlock; ++o) sums[o][t] += x * w[o];
        }
      }
    }
    for (int o = 0; o < kBlock; ++o) {
      for (int t = 0; t < kAtOnce; ++t) {
        const Vec sum = shape.rectified ? positive(sums[o][t]) : sums[o][t];
        store(out + (static_cast<int64_t>(block * kBlock + o) * shape.out_pitch + t) * kBatchFrames, sum);
      }
    }
  }
}

template <int kOutSteps, int kTaps>
WTRT_INLINE void convolve(const Shape& shape, const float* weights, const float* bias, const float* in, float* out) {
  constexpr int kAtOnce = kOutSteps < kStepsAtOnce ? kOutSteps : kStepsAtOnce;
  for (int lane = 0; lane < kBatchFrames; lane += kLanes) {
    for (int t = 0; t < kOutSteps; t += kAtOnce) {
      convolve_steps<kAtOnce, kTaps>(shape, weights, bias, in + t * shape.stride * kBatchFrames + lane,
                                     out + t * kBatchFrames + lane);
    }
  }
}

WTRT_INLINE void magnitudes(SileroWork& work) {
  for (int bin = 0; bin < kBins; ++bin) {
    for (int t = 0; t < kSteps; ++t) {
      for (int lane = 0; lane < kBatchFrames; lane += kLanes) {
        const Vec re = load(&work.spectrum[2 * bin][t][lane]), im = load(&work.spectrum[2 * bin + 1][t][lane]);
        store(&work.magnitude[bin][1 + t][lane], root(re * re + im * im));
      }
    }
  }
}

// Adds the state's part to a frame's gates: lanes are gates here.
WTRT_INLINE void recur(const SileroTables& tables, const float* hidden, float* gates) {
  constexpr int kAtOnce = 4;
  for (int first = 0; first < kGates; first += kAtOnce * kLanes) {
    Vec sums[kAtOnce];
    for (int i = 0; i < kAtOnce; ++i) sums[i] = load(gates + first + i * kLanes);
    for (int k = 0; k < kHidden; ++k) {
      const float* w = tables.recurrent + k * kGates + first;
      for (int i = 0; i < kAtOnce; ++i) sums[i] += load(w + i * kLanes) * hidden[k];
    }
    for (int i = 0; i < kAtOnce; ++i) store(gates + first + i * kLanes, sums[i]);
  }
}

WTRT_INLINE float lstm_frame(const SileroTables& tables, SileroWork& work, int frame) {
  alignas(64) float gates[kGates];
  for (int i = 0; i < kGates; ++i) gates[i] = work.gates[i][frame];
  recur(tables, work.hidden, gates);
  for (int i = 0; i < kHidden; i += kLanes) {
    const Vec enter = sigmoid(load(gates + i)), forget = sigmoid(load(gates + kHidden + i));
    const Vec candidate = hyperbolic_tangent(load(gates + 2 * kHidden + i));
    const Vec cell = forget * load(work.cell + i) + enter * candidate;
    store(work.cell + i, cell);
    store(work.hidden + i, sigmoid(load(gates + 3 * kHidden + i)) * hyperbolic_tangent(cell));
  }
  float sum = tables.final_bias;
  for (int i = 0; i < kHidden; ++i) sum += work.hidden[i] > 0.0f ? work.hidden[i] * tables.final[i] : 0.0f;
  return sigmoid(broadcast(sum))[0];
}

}  // namespace

void WTRT_VAD_VARIANT(const SileroTables& tables, SileroWork& work, int count, float* probabilities);

void WTRT_VAD_VARIANT(const SileroTables& tables, SileroWork& work, int count, float* probabilities) {
  convolve<kSteps, 1>({kStftRows, kFilter, 1, kHop, kSteps, false}, tables.stft, nullptr, work.frames[0],
                      work.spectrum[0][0]);
  magnitudes(work);
  convolve<kSteps, 3>({128, kBins, 1 + kSteps + 1, 1, 1 + kSteps + 1, true}, tables.conv1, tables.conv1_bias,
                      work.magnitude[0][0], work.first[0][1]);
  convolve<2, 3>({64, 128, 1 + kSteps + 1, 2, 1 + 2 + 1, true}, tables.conv2, tables.conv2_bias, work.first[0][0],
                 work.second[0][1]);
  convolve<1, 3>({64, 64, 1 + 2 + 1, 1, 1, true}, tables.conv3, tables.conv3_bias, work.second[0][0], work.third[0]);
  convolve<1, 1>({128, 64, 1, 1, 1, true}, tables.conv4, tables.conv4_bias, work.third[0], work.fourth[0]);
  convolve<1, 1>({kGates, kHidden, 1, 1, 1, false}, tables.input, tables.gate_bias, work.fourth[0], work.gates[0]);
  for (int frame = 0; frame < count; ++frame) probabilities[frame] = lstm_frame(tables, work, frame);
}

}  // namespace wtrt::vad
