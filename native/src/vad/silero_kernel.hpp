// The arithmetic of Silero VAD: sixteen frames at a time, one per vector lane, but for the LSTM cell's recurrence.
#pragma once

#include <vector>

#include "vad/speech_detector.hpp"

namespace wtrt::vad {

constexpr int kContext = 64;                                     // samples before a frame that it also sees
constexpr int kFrameRows = kContext + kFrameSamples + kContext;  // the last are the samples before them mirrored
constexpr int kFilter = 256, kHop = 128;                         // of the STFT
constexpr int kSteps = 4;                                        // STFT columns of a frame
constexpr int kBins = 129;
constexpr int kBlock = 4;  // output rows computed together
constexpr int kStftRows = (2 * kBins + kBlock - 1) / kBlock * kBlock;
constexpr int kHidden = 128, kGates = 4 * kHidden;

// Weights of each layer as blocks of kBlock output rows, in a block [input, tap, kBlock]; biases as they are.
// Plain arrays, because each instruction set's translation unit sees only this.
struct SileroTables {
  const float* stft;                // [260 rows in blocks: of each frequency the real, then the imaginary one; 256]
  const float *conv1, *conv1_bias;  // 129 → 128
  const float *conv2, *conv2_bias;  // 128 → 64
  const float *conv3, *conv3_bias;  // 64 → 64
  const float *conv4, *conv4_bias;  // 64 → 128; one step, so that the middle tap alone sees anything
  const float *input, *gate_bias;   // 128 → 512 gates: input, forget, cell, output; both biases added up
  const float* recurrent;           // [128, 512]: the state's part, transposed
  const float* final;               // [128]
  float final_bias;
};

// What a detector remembers, and room to compute in: rows of kBatchFrames lanes.
struct alignas(64) SileroWork {
  float hidden[kHidden], cell[kHidden];
  float context[kContext];  // the last samples heard
  float frames[kFrameRows][kBatchFrames];
  float spectrum[kStftRows][kSteps][kBatchFrames];
  float magnitude[kBins][1 + kSteps + 1][kBatchFrames];  // a step of zeros on either side, as in all that follow
  float first[128][1 + kSteps + 1][kBatchFrames];
  float second[64][1 + 2 + 1][kBatchFrames];
  float third[64][kBatchFrames];
  float fourth[128][kBatchFrames];
  float gates[kGates][kBatchFrames];
};

// Probabilities of `count` ≤ kBatchFrames frames that lie in work.frames.
using SileroKernelFunction = void (*)(const SileroTables& tables, SileroWork& work, int count, float* probabilities);

struct SileroKernel {
  const char* name;
  SileroKernelFunction function;
};

// Those this processor can run, the fastest first. All give the same bits.
std::vector<SileroKernel> silero_kernels();

}  // namespace wtrt::vad
