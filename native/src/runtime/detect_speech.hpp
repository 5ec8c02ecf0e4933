// Where speech is in a recording, without transcribing it.
#pragma once

#include <vector>

#include "runtime/job.hpp"

namespace wtrt::runtime {

struct Speech {
  std::vector<vad::SpeechSpan> spans;
  std::vector<float> probabilities;  // of each frame of vad::kFrameSamples
  int64_t samples = 0;               // of the recording
};

// On the calling thread. Throws as opening and reading the audio does; invalid_argument for pushed audio.
Speech detect_speech(AudioInput audio, const vad::VadOptions& options);

}  // namespace wtrt::runtime
