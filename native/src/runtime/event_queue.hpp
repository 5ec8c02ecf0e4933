// Where jobs report. Many engines may put, many threads may take.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/error.hpp"
#include "output/writers.hpp"

namespace wtrt::runtime {

enum class EventKind : int32_t {
  segment = 1,
  language = 2,
  progress = 3,
  finished = 4,
  failed = 5,
  closed = 6,
  tentative = 7
};

struct Event {
  EventKind kind = EventKind::progress;
  uint64_t tag = 0;
  output::Segment segment;  // segment, tentative
  std::string text;         // language: its code; failed: the message
  double probability = 0;   // language
  ErrorCode error{};        // failed
  bool cancelled = false;   // finished
  double done_seconds = 0, total_seconds = -1;
  const void* replaces = nullptr;  // whose older events of the same kind are dropped unread; null: nobody's
  std::shared_ptr<void> credit;    // a segment's share of its job's credit; given back with the last copy of the event
};

class EventQueue {
 public:
  void put(Event event);
  // Waits up to `timeout` (none: without limit). No event in time: empty. Throws closed once close() was called and nothing is left.
  std::optional<Event> next(std::optional<std::chrono::milliseconds> timeout);
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Event> events_;
  bool closed_ = false;
};

}  // namespace wtrt::runtime
