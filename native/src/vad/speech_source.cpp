#include "vad/speech_source.hpp"

#include <algorithm>

#include "common/error.hpp"

namespace wtrt::vad {

SpeechSource::SpeechSource(std::unique_ptr<audio::PcmSource> source, std::unique_ptr<SpeechDetector> detector,
                           const VadOptions& options, std::shared_ptr<SpeechMap> map, std::function<bool()> keep_going)
    : source_(std::move(source)),
      detector_(std::move(detector)),
      options_(options),
      map_(std::move(map)),
      keep_going_(std::move(keep_going)),
      finder_(options) {
  restart();
}

void SpeechSource::restart() {
  held_.clear();
  held_from_ = heard_ = queued_until_ = reached_ = 0;
  ready_.clear();
  ended_ = false;
}

void SpeechSource::rewind() {
  source_->rewind();
  known_ = ended_ || known_;
  restart();
  if (known_) {
    for (const SpeechSpan& span : map_->spans()) queue(span.start, span.end);
    return;
  }
  detector_->restart();
  finder_ = SpanFinder(options_);
  map_->clear();
}

size_t SpeechSource::read(std::span<float> out) {
  while (!out.empty()) {
    if (!ready_.empty() && ready_.front().start < taken()) {
      SpeechSpan& part = ready_.front();
      const int64_t there = std::min(part.end, taken()) - part.start;
      const auto count = static_cast<size_t>(std::min<int64_t>(there, static_cast<int64_t>(out.size())));
      std::copy_n(held_.begin() + static_cast<ptrdiff_t>(part.start - held_from_), count, out.begin());
      part.start += static_cast<int64_t>(count);
      if (part.start == part.end) ready_.pop_front();
      return count;
    }
    if (ended_ || (known_ && ready_.empty())) return 0;
    advance();
  }
  return 0;
}

void SpeechSource::advance() {
  if (keep_going_ && !keep_going_()) throw Error(ErrorCode::cancelled, "cancelled while speech was searched for");
  drop_the_useless();
  const size_t before = held_.size();
  held_.resize(before + static_cast<size_t>(kPiece));
  size_t filled = before;
  while (filled < held_.size() && !ended_) {
    const size_t got = source_->read(std::span(held_).subspan(filled));
    filled += got;
    ended_ = got == 0;
  }
  held_.resize(filled);
  if (known_) return;
  search(ended_);
  take_up();
}

void SpeechSource::search(bool last) {
  int64_t frames = (taken() - heard_) / kFrameSamples;
  const int64_t rest = (taken() - heard_) % kFrameSamples;
  const auto from = held_.begin() + static_cast<ptrdiff_t>(heard_ - held_from_);
  frames_.assign(from, held_.end());
  if (last && rest != 0) ++frames;
  frames_.resize(static_cast<size_t>(frames * kFrameSamples), 0.0f);
  probabilities_.resize(static_cast<size_t>(frames));
  detector_->detect(frames_, probabilities_);
  for (const float probability : probabilities_) finder_.add(probability);
  heard_ += frames * kFrameSamples;
  if (last) finder_.finish(taken());
}

void SpeechSource::take_up() {
  while (const auto span = finder_.next()) {
    map_->settle(*span);
    queue(span->start, span->end);
  }
  if (ended_) {
    map_->finish(taken());
  } else if (const auto span = finder_.open()) {
    map_->open(span->start);
    queue(span->start, span->end);
  }
}

void SpeechSource::queue(int64_t start, int64_t end) {
  start = std::max(start, queued_until_);
  if (start >= end) return;
  if (!ready_.empty() && ready_.back().end == start) {
    ready_.back().end = end;
  } else {
    ready_.push_back({start, end});
  }
  reached_ += end - start;
  queued_until_ = end;
}

void SpeechSource::drop_the_useless() {
  int64_t needed = known_ ? taken() : std::min(heard_, std::max(queued_until_, finder_.searched()));
  if (!ready_.empty()) needed = std::min(needed, ready_.front().start);
  const int64_t count = std::clamp<int64_t>(needed - held_from_, 0, static_cast<int64_t>(held_.size()));
  held_.erase(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(count));
  held_from_ += count;
}

}  // namespace wtrt::vad
