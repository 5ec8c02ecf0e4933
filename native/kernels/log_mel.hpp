// openai/whisper's log-mel spectrogram of recordings in device memory; native/src/audio/log_mel.hpp is its twin on the
// CPU.
#pragma once

#include "device.hpp"

namespace wtrt::kernels {

// Recording i: samples[i] values at pcm + i * pcm_stride, 16 kHz, then zeros up to `total`, mirrored at both ends. Its
// frames [first_frame, first_frame + frames), of total / 160, go to mel [recordings, mels, frames] as log10 of the
// power, at least -10.
struct LogMelArgs {
  const float* pcm;
  int64_t pcm_stride;
  const int64_t* samples;  // [recordings], each at most total
  int64_t total;           // more than 200
  int64_t first_frame;
  int32_t recordings, frames;
  const float* filters;  // [mels, 201]
  int32_t mels;          // at most 128
  float* mel;
  float* maximum;  // [recordings]: the largest value of these frames
};
cudaError_t log_mel(const LogMelArgs& args, cudaStream_t stream);

// What the encoder reads: mel [recordings, count] → (max(x, maximum[i] - 8) + 4) / 4, in place.
cudaError_t normalize_mel(float* mel, const float* maximum, int32_t recordings, int64_t count, cudaStream_t stream);

}  // namespace wtrt::kernels
