#include "runtime/event_queue.hpp"

#include <vector>

namespace wtrt::runtime {

void EventQueue::put(Event event) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;  // nobody will read it: the job goes on unheard
  if (event.replaces != nullptr) {
    std::erase_if(events_, [&](const Event& old) { return old.kind == event.kind && old.replaces == event.replaces; });
  }
  events_.push_back(std::move(event));
  arrived_.notify_one();
}

std::optional<Event> EventQueue::next(std::optional<std::chrono::milliseconds> timeout) {
  std::unique_lock lock(mutex_);
  const auto something = [this] { return !events_.empty() || closed_; };
  if (!timeout) {
    arrived_.wait(lock, something);
  } else if (!arrived_.wait_for(lock, *timeout, something)) {
    return std::nullopt;
  }
  if (events_.empty()) throw Error(ErrorCode::closed, "the queue was closed; no event will follow");
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void EventQueue::close() {
  // What is left may never be read: its jobs must not wait for it. Their credit is given back outside the lock.
  std::vector<std::shared_ptr<void>> credits;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  arrived_.notify_all();
  for (Event& event : events_) credits.push_back(std::move(event.credit));
}

}  // namespace wtrt::runtime
