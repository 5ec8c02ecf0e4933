// One decoding of one recording, from its first sample to its last: what the readers have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "audio/byte_stream.hpp"

namespace wtrt::audio {

class Decoder {
 public:
  virtual ~Decoder() = default;
  // 16 kHz mono samples in [-1, 1]; returns how many; 0 = the end.
  virtual size_t read(std::span<float> out) = 0;
  virtual int64_t length_hint() const = 0;
  virtual int channels() const = 0;  // of the recording
  // True after the end when it was damage that ended the audio: another reader may pass over it.
  virtual bool damaged() const = 0;
};

// The stream stands at its beginning and outlives the decoder. A reader says no by a reason, so that the next one can
// be tried and the error can list all reasons. A decoder with a reason is a doubtful one: the next reader is asked
// first.
struct Attempt {
  std::unique_ptr<Decoder> decoder;  // null: could not read it
  std::string reason;
  bool lacking = false;  // the reason is this build or machine, not the recording
};

}  // namespace wtrt::audio
