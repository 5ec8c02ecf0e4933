// Where speech is: the interface that every detector of voice activity enters by.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace wtrt::vad {

constexpr int kSampleRate = 16000;  // Hz
constexpr int kFrameSamples = 512;  // samples that get one probability: 32 ms
constexpr int kBatchFrames = 16;    // frames that a detector takes at once at least cost

// Goes through one recording frame by frame and remembers what it heard. Memory does not depend on the length. How a
// recording is cut into calls changes no bit of the results. Not thread-safe.
class SpeechDetector {
 public:
  virtual ~SpeechDetector() = default;
  // `samples` are whole frames of 16 kHz mono audio following those of the last call; a recording's last frame is
  // filled up with zeros. Writes the probability of speech, 0..1, of each frame.
  virtual void detect(std::span<const float> samples, std::span<float> probabilities) = 0;
  // Before the first sample of a recording.
  virtual void restart() = 0;
};

}  // namespace wtrt::vad
