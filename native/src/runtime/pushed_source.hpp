// Sound that is handed in piece by piece: by wtrt_job_push, or by the thread that reads a pipe.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "audio/pcm_source.hpp"

namespace wtrt::runtime {

// Both ends share it. The reading end blocks until samples are there, the end was announced, or the job was stopped.
class PushBuffer {
 public:
  void push(std::span<const float> samples);          // throws invalid_argument after end(), closed after stop()
  bool push_bounded(std::span<const float> samples);  // waits while the buffer is full; false once stopped
  void end();
  void fail(std::exception_ptr error);  // the reader gets it after what was pushed
  void stop();                          // wakes both ends; read() throws cancelled from now on

  size_t read(std::span<float> out);
  // True when `samples` (counted from the beginning) have come, or no more will.
  bool holds(int64_t samples) const;
  int64_t received() const;  // samples that have come
  bool ended() const;        // no more will

 private:
  static constexpr size_t kBound = 5 * 60 * audio::kSampleRate;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<float> waiting_;
  int64_t received_ = 0;
  bool ended_ = false, stopped_ = false;
  std::exception_ptr error_;
};

std::unique_ptr<audio::PcmSource> open_pushed(std::shared_ptr<PushBuffer> buffer);

// Reads `descriptor` on a thread of its own into `buffer`, so that a silent pipe holds up nobody. `raw`: see audio::open_descriptor.
// `stirred` is called after every piece and at the end.
void feed_from_descriptor(std::shared_ptr<PushBuffer> buffer, int descriptor, bool raw, std::function<void()> stirred);

}  // namespace wtrt::runtime
