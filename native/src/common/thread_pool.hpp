// The one process-wide pool of CPU threads that serves all engines, and the background tasks beside them.
#pragma once

#include <cstdint>
#include <functional>

namespace wtrt {

class ThreadPool {
 public:
  // The process's pool; made by the first call with that many threads (0: one per available core). A later call with another
  // non-zero number: Error{invalid_argument}.
  static ThreadPool& instance(int32_t threads = 0);

  int32_t threads() const;

  // Exclusive use of the compute threads by the calling thread, which computes too. Callers take turns in order of arrival.
  class Lease {
   public:
    explicit Lease(ThreadPool& pool);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    ThreadPool& pool_;
  };

  // Calls body(i) for i in [0, count) on the compute threads, any thread taking the next i; returns when all are done. The holder of the
  // lease calls it. Workers spin briefly between calls, so that a decode step's many short regions cost about a microsecond each.
  // `body` must not throw.
  template <typename Body>
  void parallel_for(int32_t count, const Body& body) {
    run(
        count, [](void* context, int32_t i) { (*static_cast<const Body*>(context))(i); }, const_cast<Body*>(&body));
  }

  // Runs `task` beside the engines (decoding of files, log-mel, writers), on a thread of its own kind, never the caller's.
  void run_in_background(std::function<void()> task);

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

 private:
  explicit ThreadPool(int32_t threads);
  ~ThreadPool();
  void run(int32_t count, void (*call)(void*, int32_t), void* context);
  struct State;
  State* state_;
};

}  // namespace wtrt
