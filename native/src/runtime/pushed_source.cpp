#include "runtime/pushed_source.hpp"

#include <algorithm>
#include <array>
#include <thread>

#include "common/error.hpp"

namespace wtrt::runtime {
namespace {

class PushedSource : public audio::PcmSource {
 public:
  explicit PushedSource(std::shared_ptr<PushBuffer> buffer) : buffer_(std::move(buffer)) {}
  size_t read(std::span<float> out) override { return buffer_->read(out); }
  bool can_rewind() const override { return false; }
  void rewind() override { throw Error(ErrorCode::internal, "pushed audio cannot be rewound"); }
  int64_t length_hint() const override { return -1; }

 private:
  std::shared_ptr<PushBuffer> buffer_;
};

}  // namespace

void PushBuffer::push(std::span<const float> samples) {
  const std::lock_guard lock(mutex_);
  if (ended_) throw Error(ErrorCode::invalid_argument, "samples pushed after the end of the job's audio was announced");
  if (stopped_) throw Error(ErrorCode::closed, "samples pushed to a job that has ended");
  waiting_.insert(waiting_.end(), samples.begin(), samples.end());
  received_ += static_cast<int64_t>(samples.size());
  changed_.notify_all();
}

bool PushBuffer::push_bounded(std::span<const float> samples) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || waiting_.size() < kBound; });
    if (stopped_) return false;
  }
  push(samples);
  return true;
}

void PushBuffer::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void PushBuffer::fail(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
  ended_ = true;
  changed_.notify_all();
}

void PushBuffer::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

size_t PushBuffer::read(std::span<float> out) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || ended_ || !waiting_.empty(); });
  if (stopped_) throw Error(ErrorCode::cancelled, "the job was cancelled");
  if (waiting_.empty() && error_) std::rethrow_exception(error_);
  const size_t count = std::min(out.size(), waiting_.size());
  std::copy_n(waiting_.begin(), count, out.begin());
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  changed_.notify_all();
  return count;
}

bool PushBuffer::holds(int64_t samples) const {
  const std::lock_guard lock(mutex_);
  return ended_ || stopped_ || received_ >= samples;
}

int64_t PushBuffer::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

bool PushBuffer::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_ || stopped_;
}

std::unique_ptr<audio::PcmSource> open_pushed(std::shared_ptr<PushBuffer> buffer) {
  return std::make_unique<PushedSource>(std::move(buffer));
}

void feed_from_descriptor(std::shared_ptr<PushBuffer> buffer, int descriptor, bool raw, std::function<void()> stirred) {
  std::thread([buffer = std::move(buffer), descriptor, raw, stirred = std::move(stirred)] {
    try {
      const auto source = audio::open_descriptor(descriptor, raw);
      std::array<float, 16384> block;
      for (size_t count = 0; (count = source->read(block)) > 0;) {
        if (!buffer->push_bounded({block.data(), count})) return;
        stirred();
      }
      buffer->end();
    } catch (...) {
      buffer->fail(std::current_exception());
    }
    stirred();
  }).detach();
}

}  // namespace wtrt::runtime
