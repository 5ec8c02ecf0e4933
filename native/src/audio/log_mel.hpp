// Log-mel spectrogram as openai/whisper computes it (whisper/audio.py): STFT of 400 samples, hop 160, periodic Hann,
// reflected at the start, Slaney mel filters, log10, clamped to the maximum minus 8, (x + 4) / 4.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "audio/pcm_source.hpp"

namespace wtrt::audio {

constexpr int kHopLength = 160;      // samples per mel frame
constexpr int kFftSize = 400;        // samples per analysis window
constexpr int kWindowFrames = 3000;  // mel frames of a 30 s window
constexpr float kLogFloor = -10.0f;  // log10 of the power floor 1e-10: what silence gives

// The Slaney filter bank, row-major [n_mels, 201]; n_mels is 80 or 128.
std::vector<float> mel_filters(int n_mels);

constexpr int kBlockFrames = 16;                          // frames made together
constexpr int kBlockAdvance = kBlockFrames * kHopLength;  // samples from one block to the next
constexpr int kBlockOverlap = kFftSize - kHopLength;      // samples that a block and the next one both see
constexpr int kFrameLead = kFftSize / 2;                  // samples before a frame's own that it sees

// Makes the frames: the CPU (MelKernel) or a device. May be used by several threads at once.
class MelFrames {
 public:
  virtual ~MelFrames() = default;
  virtual int n_mels() const = 0;
  virtual int most_blocks() const = 0;  // that can be made at once
  // `samples`: blocks * kBlockAdvance + kBlockOverlap of them, from kFrameLead before the first frame's own on. Writes
  // log10 of the mel power (at least kLogFloor) as [blocks, n_mels, kBlockFrames]. Throws device where that failed.
  virtual void make(const float* samples, int blocks, float* out) const = 0;
};

// Log-mel of samples in memory followed by `padding` zeros: row-major [n_mels, frames],
// frames = (samples + padding) / 160. Clamped by its own maximum.
std::vector<float> log_mel(std::span<const float> samples, const MelFrames& maker, int64_t padding);
std::vector<float> log_mel(std::span<const float> samples, int n_mels, int64_t padding);  // by the CPU

// The log-mel of a whole recording (followed by 30 s of silence, as `transcribe` does), cut window by window, in memory
// that does not grow with its length. A source that can rewind is read twice: once for the maximum (openai/whisper
// clamps by the maximum of the whole file), once for the windows. One that cannot uses the maximum so far. Not
// thread-safe; calls may come from different threads one after another.
class MelReader {
 public:
  // Reads no further ahead than the blocks that were asked for reach, however many are made at once.
  MelReader(std::unique_ptr<PcmSource> source, std::shared_ptr<const MelFrames> maker);
  MelReader(std::unique_ptr<PcmSource> source, int n_mels);  // by the CPU
  ~MelReader();

  // First pass (rewindable sources only; a no-op otherwise). Call before window(). `keep_going` (may be null) is asked
  // once per second of audio, or before all blocks that are made at once, every few hundred microseconds; when it
  // answers false the pass ends with Error{cancelled}.
  using KeepGoing = bool (*)(void* context);
  void scan(KeepGoing keep_going, void* context);

  // Whether the source can be read again, so that window() may go back to any frame.
  bool can_rewind() const;

  // Frames of real audio (samples / 160), or -1 while the end has not been reached (pipes).
  int64_t content_frames() const;
  // True when frames from `frame` on exist or may still come; reads ahead to decide.
  bool has_content(int64_t frame);

  // Makes the frames that window(seek, …) up to frame `end` will ask for, so that it need not.
  void prepare(int64_t seek, int64_t end);

  // Writes frames [seek, seek + frames) of the real audio row-major [n_mels, kWindowFrames] into `out`, zeros after
  // them: the padding `transcribe` does in the mel domain. `frames` is at most kWindowFrames; fewer are written near
  // the end of the audio; returns how many are real. `seek` may go back by at most kWindowFrames from the furthest
  // call, and further only where can_rewind().
  int window(int64_t seek, int frames, float* out);

  // The first kWindowFrames frames row-major [n_mels, kWindowFrames] as they are, so that a short recording is followed
  // by the log-mel of its 30 s of silence and not by zeros: what openai/whisper detects the language from.
  void leading_window(float* out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wtrt::audio
