// A recording without its silence: the spans of speech of another source, one after the other. Memory does not grow
// with the length: samples wait only until it is settled whether they belong to a span.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "audio/pcm_source.hpp"
#include "vad/span_finder.hpp"
#include "vad/speech_detector.hpp"
#include "vad/speech_map.hpp"

namespace wtrt::vad {

class SpeechSource final : public audio::PcmSource {
 public:
  static constexpr int64_t kPiece = int64_t{kBatchFrames} * kFrameSamples;  // samples that advance() asks for

  // `map` is told what is kept. `keep_going` (may be empty) is asked about every half second of audio; when it answers
  // false, reading throws cancelled: silence may be long. Throws invalid_argument (options).
  SpeechSource(std::unique_ptr<audio::PcmSource> source, std::unique_ptr<SpeechDetector> detector,
               const VadOptions& options, std::shared_ptr<SpeechMap> map, std::function<bool()> keep_going = {});

  size_t read(std::span<float> out) override;
  bool can_rewind() const override { return source_->can_rewind(); }
  // What was found in a pass that reached the end is not searched for again.
  void rewind() override;
  int64_t length_hint() const override { return -1; }  // how much is speech no container says

  // For sound that comes bit by bit: reads up to kPiece samples more and searches them.
  void advance();
  int64_t taken() const { return held_from_ + static_cast<int64_t>(held_.size()); }  // samples read so far
  int64_t reached() const { return reached_; }  // samples that read() has given or can give at once
  int64_t held() const { return static_cast<int64_t>(held_.size()); }  // samples in memory
  bool ended() const { return ended_; }                                // the source has no more

 private:
  void take_up();
  void search(bool last);
  void queue(int64_t start, int64_t end);
  void drop_the_useless();
  void restart();

  std::unique_ptr<audio::PcmSource> source_;
  std::unique_ptr<SpeechDetector> detector_;
  VadOptions options_;
  std::shared_ptr<SpeechMap> map_;
  std::function<bool()> keep_going_;
  SpanFinder finder_;

  std::vector<float> held_;  // samples of the source from held_from_ on
  int64_t held_from_ = 0;
  int64_t heard_ = 0;             // the detector has gone so far; whole frames
  std::deque<SpeechSpan> ready_;  // to be given next
  int64_t queued_until_ = 0;
  int64_t reached_ = 0;
  bool ended_ = false;
  bool known_ = false;  // the map is complete: nothing needs to be detected
  std::vector<float> frames_, probabilities_;
};

}  // namespace wtrt::vad
