// The speech of a recording as chunks that are decoded by themselves, cut while it is being found. Memory holds about
// two chunks, however long the recording is.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "vad/chunks.hpp"
#include "vad/speech_source.hpp"

namespace wtrt::vad {

class ChunkReader {
 public:
  struct Chunk {
    std::vector<float> samples;  // its spans of speech, one after the other
    int64_t start = 0;           // samples of speech before it
  };

  // `map` is the one that `source` tells; chunks are those of merge_spans().
  ChunkReader(std::unique_ptr<SpeechSource> source, std::shared_ptr<const SpeechMap> map, int64_t max_samples);

  std::optional<Chunk> next();  // that can be given without reading
  void advance();               // reads and searches SpeechSource::kPiece samples more
  int64_t taken() const { return source_->taken(); }
  bool ended() const { return source_->ended(); }  // once next() has no more, there are none

 private:
  std::unique_ptr<SpeechSource> source_;
  std::shared_ptr<const SpeechMap> map_;
  int64_t max_samples_;
  size_t known_ = 0;                 // spans of the map that were taken up
  std::vector<SpeechSpan> waiting_;  // of them, those that are in no chunk yet
  std::vector<float> speech_;        // their samples, and what is there of a span that has not ended
  int64_t given_ = 0;                // samples in all chunks so far
};

}  // namespace wtrt::vad
