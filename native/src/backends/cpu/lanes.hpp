// Parallel work that needs working space of its own: as many lanes as threads can be busy, each taking the next item.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>

#include "common/thread_pool.hpp"

namespace wtrt::cpu {

inline int32_t lanes_for(const ThreadPool& pool, int64_t items) {
  return static_cast<int32_t>(std::clamp<int64_t>(items, 1, pool.threads()));
}

// body(lane, item) for every item; no two bodies of one lane run at a time. The first exception ends a lane's work and
// is thrown here.
template <typename Body>
void in_lanes(ThreadPool& pool, int32_t lanes, int64_t items, const Body& body) {
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr failure;
  pool.parallel_for(lanes, [&](int32_t lane) {
    try {
      for (int64_t item = 0; (item = next.fetch_add(1, std::memory_order_relaxed)) < items;) body(lane, item);
    } catch (...) {
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

}  // namespace wtrt::cpu
