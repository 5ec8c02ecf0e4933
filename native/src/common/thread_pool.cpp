#include "common/thread_pool.hpp"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "common/error.hpp"
#include "common/log.hpp"

namespace wtrt {
namespace {

constexpr int32_t kMaxThreads = 1024;
constexpr auto kSpin = std::chrono::microseconds(40);  // longer than the gap between two regions of a decode step

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// Spins until `done()` or the bounded time is over; true when done.
template <typename Done>
bool spin_until(const Done& done) {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < until);
  return done();
}

int32_t available_cores() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return static_cast<int32_t>(std::max(1u, std::thread::hardware_concurrency()));
}

// True inside a body of parallel_for: a region within a region would wait for itself.
thread_local bool inside_region = false;

}  // namespace

struct ThreadPool::State {
  explicit State(int32_t compute_threads) : threads(compute_threads) {}

  const int32_t threads;

  // The current region. `cursor` holds its number (upper half) and how many indices are left to take (lower half): a
  // worker that took an index by compare-and-swap knows that the region's other fields stand until it reports.
  std::atomic<uint64_t> cursor{0};
  std::atomic<uint32_t> generation{0};  // what sleeping workers wait on
  std::atomic<int32_t> unfinished{0};   // what a sleeping caller waits on
  void (*call)(void*, int32_t) = nullptr;
  void* context = nullptr;
  int32_t count = 0;
  bool started = false;  // with the first lease, so that a process that only forks to run another program has none

  // The lease: tickets served in order of arrival.
  std::mutex lease_mutex;
  std::condition_variable lease_turn;
  uint64_t next_ticket = 0, serving = 0;
  std::atomic<std::thread::id> holder{};

  // Background tasks.
  std::mutex task_mutex;
  std::condition_variable task_arrived;
  std::deque<std::function<void()>> tasks;
  int32_t task_threads = 0, idle_task_threads = 0;

  bool anything_left() const { return static_cast<uint32_t>(cursor.load(std::memory_order_relaxed)) != 0; }
  void take_part();
  void work();
  void do_tasks();
};

// Takes indices until none is left.
void ThreadPool::State::take_part() {
  int32_t finished = 0;
  uint64_t seen = cursor.load(std::memory_order_acquire);
  while (static_cast<uint32_t>(seen) != 0) {
    if (!cursor.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    call(context, count - static_cast<int32_t>(static_cast<uint32_t>(seen)));
    ++finished;
    seen = cursor.load(std::memory_order_acquire);
    if (static_cast<uint32_t>(seen) == 0) break;
  }
  // Only now: until then the region cannot end, so every index taken above belonged to it.
  if (finished != 0 && unfinished.fetch_sub(finished, std::memory_order_acq_rel) == finished) unfinished.notify_one();
}

void ThreadPool::State::work() {
  inside_region = true;
  for (;;) {
    const uint32_t before = generation.load(std::memory_order_acquire);
    take_part();
    const auto changed = [&] { return generation.load(std::memory_order_acquire) != before; };
    if (!spin_until(changed)) generation.wait(before, std::memory_order_acquire);
  }
}

void ThreadPool::State::do_tasks() {
  std::unique_lock lock(task_mutex);
  for (;;) {
    ++idle_task_threads;
    task_arrived.wait(lock, [this] { return !tasks.empty(); });
    --idle_task_threads;
    {
      const std::function<void()> task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      try {
        task();
      } catch (const std::exception& error) {
        log(LogLevel::error, std::string("a background task failed: ") + error.what());
      } catch (...) {
        log(LogLevel::error, "a background task failed with an unknown exception");
      }
    }
    lock.lock();
  }
}

// The pool is never destroyed: its threads sleep when the process ends, and nothing has to be joined in an order.
ThreadPool& ThreadPool::instance(int32_t threads) {
  static std::mutex mutex;
  static ThreadPool* pool = nullptr;
  if (threads < 0 || threads > kMaxThreads) {
    throw Error(ErrorCode::invalid_argument, "threads is " + std::to_string(threads) + "; give 1 … " +
                                                 std::to_string(kMaxThreads) + ", or 0 for one per available core");
  }
  const std::lock_guard lock(mutex);
  if (pool == nullptr) {
    pool = new ThreadPool(threads == 0 ? available_cores() : threads);
#if defined(__linux__)
    // A child of fork() has none of the threads, and what they were doing stays undone there.
    pthread_atfork(nullptr, nullptr, [] { pool->state_ = new State(pool->threads()); });
#endif
  }
  if (threads != 0 && threads != pool->threads()) {
    throw Error(ErrorCode::invalid_argument,
                "threads is " + std::to_string(threads) + " but this process's thread pool already has " +
                    std::to_string(pool->threads()) + "; give the same number, or 0 to share it");
  }
  return *pool;
}

ThreadPool::ThreadPool(int32_t threads) : state_(new State(threads)) {}

ThreadPool::~ThreadPool() = default;

int32_t ThreadPool::threads() const { return state_->threads; }

ThreadPool::Lease::Lease(ThreadPool& pool) : pool_(pool) {
  State& state = *pool.state_;
  if (inside_region || state.holder.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
    throw Error(ErrorCode::internal, "this thread already uses the compute threads; end that use before a new lease");
  }
  std::unique_lock lock(state.lease_mutex);
  if (!std::exchange(state.started, true)) {
    for (int32_t i = 1; i < state.threads; ++i) std::thread(&State::work, &state).detach();
  }
  const uint64_t ticket = state.next_ticket++;
  state.lease_turn.wait(lock, [&] { return state.serving == ticket; });
  state.holder.store(std::this_thread::get_id(), std::memory_order_relaxed);
}

ThreadPool::Lease::~Lease() {
  State& state = *pool_.state_;
  {
    const std::lock_guard lock(state.lease_mutex);
    state.holder.store(std::thread::id(), std::memory_order_relaxed);
    ++state.serving;
  }
  state.lease_turn.notify_all();
}

void ThreadPool::run(int32_t count, void (*call)(void*, int32_t), void* context) {
  State& state = *state_;
  if (inside_region || state.holder.load(std::memory_order_relaxed) != std::this_thread::get_id()) {
    throw Error(ErrorCode::internal, "parallel_for outside a lease of the compute threads, or inside its own body");
  }
  if (count <= 0) return;
  inside_region = true;
  if (count == 1 || state.threads == 1) {
    for (int32_t i = 0; i < count; ++i) call(context, i);
  } else {
    state.call = call;
    state.context = context;
    state.count = count;
    state.unfinished.store(count, std::memory_order_relaxed);
    const uint64_t number = (state.cursor.load(std::memory_order_relaxed) >> 32) + 1;
    state.cursor.store((number << 32) | static_cast<uint32_t>(count), std::memory_order_release);
    state.generation.fetch_add(1, std::memory_order_release);
    state.generation.notify_all();
    state.take_part();
    const auto done = [&] { return state.unfinished.load(std::memory_order_acquire) == 0; };
    if (!spin_until(done)) {
      for (int32_t left = 0; (left = state.unfinished.load(std::memory_order_acquire)) != 0;) {
        state.unfinished.wait(left, std::memory_order_acquire);
      }
    }
  }
  inside_region = false;
}

void ThreadPool::run_in_background(std::function<void()> task) {
  State& state = *state_;
  {
    const std::lock_guard lock(state.task_mutex);
    state.tasks.push_back(std::move(task));
    // A task may wait for a slow reader, so one thread is not enough to go on with the others.
    const auto waiting = static_cast<int32_t>(state.tasks.size());
    if (waiting > state.idle_task_threads && state.task_threads < std::max(2, state.threads)) {
      std::thread(&State::do_tasks, state_).detach();
      ++state.task_threads;
    }
  }
  state.task_arrived.notify_one();
}

}  // namespace wtrt
