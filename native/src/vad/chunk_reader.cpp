#include "vad/chunk_reader.hpp"

namespace wtrt::vad {

ChunkReader::ChunkReader(std::unique_ptr<SpeechSource> source, std::shared_ptr<const SpeechMap> map,
                         int64_t max_samples)
    : source_(std::move(source)), map_(std::move(map)), max_samples_(max_samples) {}

void ChunkReader::advance() {
  source_->advance();
  size_t filled = speech_.size();
  speech_.resize(static_cast<size_t>(source_->reached() - given_));
  while (filled < speech_.size()) filled += source_->read(std::span(speech_).subspan(filled));
  const std::vector<SpeechSpan> spans = map_->spans();
  waiting_.insert(waiting_.end(), spans.begin() + static_cast<ptrdiff_t>(known_), spans.end());
  known_ = spans.size();
}

// A chunk is complete when the next span does not fit into it any more.
std::optional<ChunkReader::Chunk> ChunkReader::next() {
  const std::vector<SpeechChunk> chunks = merge_spans(waiting_, max_samples_);
  if (chunks.empty() || (chunks.size() == 1 && !ended())) return std::nullopt;
  waiting_.clear();
  for (size_t i = 1; i < chunks.size(); ++i) {
    waiting_.insert(waiting_.end(), chunks[i].spans.begin(), chunks[i].spans.end());
  }
  const auto end = speech_.begin() + static_cast<ptrdiff_t>(chunks[0].samples);
  Chunk chunk{{speech_.begin(), end}, given_};
  speech_.erase(speech_.begin(), end);
  given_ += chunks[0].samples;
  return chunk;
}

}  // namespace wtrt::vad
