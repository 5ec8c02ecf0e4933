// Where sound comes from: 16 kHz mono float samples in [-1, 1], whatever the file was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace wtrt::audio {

constexpr int kSampleRate = 16000;  // Hz; Whisper's rate
constexpr int kMixed = -1;          // all channels, as `ffmpeg -ac 1` mixes them; else the number of one, from 0

// Mono: one channel, or all of them mixed. Memory use does not depend on the length. Where nothing is
// resampled, and wherever FFmpeg decodes, the samples are those of `ffmpeg -f s16le -ac 1 -ar 16000` divided by 32768.
class PcmSource {
 public:
  virtual ~PcmSource() = default;
  // Fills the front of `out`; returns the samples written; 0 = the end. Throws invalid_audio or io.
  virtual size_t read(std::span<float> out) = 0;
  // True where rewind() starts over from the first sample (files, memory); false for pipes.
  virtual bool can_rewind() const = 0;
  virtual void rewind() = 0;
  // Samples at 16 kHz if the container says so, else -1. A hint for progress, never trusted for memory.
  virtual int64_t length_hint() const = 0;
  // Channels of the recording, whichever are read.
  virtual int channels() const { return 1; }
};

// Each picks libsndfile or, for what that cannot read, the FFmpeg module (opened at run time).
// `channel`: kMixed or 0 … channels() - 1.
// Throw not_found, io, invalid_audio (no audio: names the file and what was tried) or
// unsupported (the container's name and what to install or build with).
std::unique_ptr<PcmSource> open_file(const std::filesystem::path& utf8_path, int channel = kMixed);
std::unique_ptr<PcmSource> open_encoded(std::vector<std::byte> bytes, std::string name, int channel = kMixed);
// Raw samples, already 16 kHz mono.
std::unique_ptr<PcmSource> open_samples(std::vector<float> samples);
// Standard input or a pipe: bytes are read as they come, cannot be rewound. The descriptor stays the caller's and must
// outlive the source.
// `raw` = 16 kHz mono signed 16-bit little-endian PCM; otherwise any container that can be read front to back.
std::unique_ptr<PcmSource> open_descriptor(int descriptor, bool raw);

// What this build and machine can read: JSON object for `doctor`
// ({"libsndfile": "1.2.0", "soxr": "0.1.3", "ffmpeg": {"found": true, "path": ..., "version": ...} or {"found": false,
// "reason": ...}}).
std::string describe_audio_support();

}  // namespace wtrt::audio
