// The thread pool and the rules of a run.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "backends/cpu/cpu_backend.hpp"
#include "common/error.hpp"
#include "common/thread_pool.hpp"

namespace wtrt {
namespace {

ErrorCode code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  return static_cast<ErrorCode>(0);
}

TEST(CpuPool, EveryIndexRunsOnce) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const int32_t count : {0, 1, 2, 3, 7, 64, 1000}) {
    for (int repeat = 0; repeat < 200; ++repeat) {
      std::vector<std::atomic<int32_t>> runs(static_cast<size_t>(count));
      pool.parallel_for(count,
                        [&](int32_t i) { runs[static_cast<size_t>(i)].fetch_add(1, std::memory_order_relaxed); });
      for (const auto& each : runs) ASSERT_EQ(each.load(), 1);
    }
  }
}

// What a region wrote is there for the caller, and what the caller wrote is there for the next region.
TEST(CpuPool, RegionsSeeEachOthersWork) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  std::vector<int64_t> values(97, 1);
  for (int repeat = 0; repeat < 3000; ++repeat) {
    const int64_t sum = std::accumulate(values.begin(), values.end(), int64_t{0});
    pool.parallel_for(97, [&](int32_t i) { values[static_cast<size_t>(i)] = sum % 1000 + i; });
    int64_t expected = 0;
    for (int64_t i = 0; i < 97; ++i) expected += sum % 1000 + i;
    ASSERT_EQ(std::accumulate(values.begin(), values.end(), int64_t{0}), expected);
  }
}

TEST(CpuPool, RegionsFarApartWakeTheWorkers) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::atomic<int32_t> sum{0};
    pool.parallel_for(10, [&](int32_t i) {
      if (i % 3 == 0)
        std::this_thread::sleep_for(std::chrono::microseconds(300));  // the caller, too, must sleep and wake
      sum += i;
    });
    ASSERT_EQ(sum.load(), 45);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(CpuPool, LeasesExcludeEachOther) {
  ThreadPool& pool = ThreadPool::instance();
  int64_t guarded = 0;  // no atomic: only the lease protects it
  std::atomic<int32_t> holders{0};
  const auto engine = [&](int32_t size) {
    for (int repeat = 0; repeat < 400; ++repeat) {
      const ThreadPool::Lease lease(pool);
      ASSERT_EQ(holders.fetch_add(1), 0);
      std::atomic<int64_t> sum{0};
      for (int region = 0; region < 3; ++region) {
        pool.parallel_for(size, [&](int32_t i) { sum.fetch_add(i, std::memory_order_relaxed); });
      }
      ASSERT_EQ(sum.load(), 3LL * size * (size - 1) / 2);
      guarded += size;
      holders.fetch_sub(1);
    }
  };
  std::vector<std::thread> engines;
  for (int32_t size = 1; size <= 6; ++size) engines.emplace_back(engine, size * 5);
  for (std::thread& each : engines) each.join();
  EXPECT_EQ(guarded, 400 * 5 * (1 + 2 + 3 + 4 + 5 + 6));
}

TEST(CpuPool, LeasesGoInOrderOfArrival) {
  ThreadPool& pool = ThreadPool::instance();
  std::vector<int32_t> order;
  std::vector<std::thread> engines;
  {
    const ThreadPool::Lease lease(pool);
    for (int32_t i = 0; i < 5; ++i) {
      engines.emplace_back([&, i] {
        const ThreadPool::Lease mine(pool);
        order.push_back(i);
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(30));  // time to stand in line
    }
  }
  for (std::thread& each : engines) each.join();
  EXPECT_EQ(order, (std::vector<int32_t>{0, 1, 2, 3, 4}));
}

TEST(CpuPool, MisuseIsRefusedAndNotADeadlock) {
  ThreadPool& pool = ThreadPool::instance();
  EXPECT_EQ(code_of([&] { pool.parallel_for(2, [](int32_t) {}); }), ErrorCode::internal);
  const ThreadPool::Lease lease(pool);
  EXPECT_EQ(code_of([&] { const ThreadPool::Lease again(pool); }), ErrorCode::internal);
  std::atomic<int32_t> refused{0};
  pool.parallel_for(8, [&](int32_t) {
    if (code_of([&] { pool.parallel_for(2, [](int32_t) {}); }) == ErrorCode::internal) ++refused;
  });
  EXPECT_EQ(refused.load(), 8);
}

TEST(CpuPool, TheNumberOfThreadsIsSetOnce) {
  ThreadPool& pool = ThreadPool::instance();
  EXPECT_GE(pool.threads(), 1);
  EXPECT_EQ(&ThreadPool::instance(pool.threads()), &pool);
  EXPECT_EQ(code_of([&] { ThreadPool::instance(pool.threads() + 1); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { ThreadPool::instance(-3); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { ThreadPool::instance(1 << 20); }), ErrorCode::invalid_argument);
}

class Countdown {
 public:
  explicit Countdown(int32_t left) : left_(left) {}
  void count() {
    const std::lock_guard lock(mutex_);
    if (--left_ == 0) zero_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return zero_.wait_for(lock, std::chrono::seconds(30), [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable zero_;
  int32_t left_;
};

TEST(CpuPool, BackgroundTasksRunBesideALease) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);  // held all the while
  auto done = std::make_shared<Countdown>(300);
  const auto caller = std::this_thread::get_id();
  std::atomic<int32_t> on_caller{0};
  for (int32_t i = 0; i < 300; ++i) {
    pool.run_in_background([&, done] {
      if (std::this_thread::get_id() == caller) ++on_caller;
      done->count();
    });
  }
  EXPECT_TRUE(done->wait());
  EXPECT_EQ(on_caller.load(), 0);
}

TEST(CpuPool, ABackgroundTaskThatThrowsOrWaitsStopsNoOther) {
  ThreadPool& pool = ThreadPool::instance();
  auto release = std::make_shared<Countdown>(1);
  auto done = std::make_shared<Countdown>(3);
  pool.run_in_background([release] { release->wait(); });
  pool.run_in_background([] { throw std::runtime_error("a task's own fault"); });
  for (int32_t i = 0; i < 3; ++i) pool.run_in_background([done] { done->count(); });
  EXPECT_TRUE(done->wait());
  release->count();
}

TEST(CpuRun, TheHostIsOutOfBoundsInsideARun) {
  const auto ops = cpu::make_cpu_ops(cpu::resolve({}));
  const auto buffer = ops->allocate(256);
  float value = 1;
  const ops::HostTensor one{&value, DType::f32, 1, 1, nullptr};
  const ops::LinearPart part{one, {}};
  {
    const ops::Run run(*ops, "run");
    EXPECT_EQ(code_of([&] { ops->allocate(64); }), ErrorCode::internal);
    EXPECT_EQ(code_of([&] { ops->upload_f32(one); }), ErrorCode::internal);
    EXPECT_EQ(code_of([&] { ops->make_linear({&part, 1}, ops::LinearUse::token); }), ErrorCode::internal);
    EXPECT_EQ(code_of([&] { ops->read(&value, buffer->data(), 4); }), ErrorCode::internal);
    EXPECT_EQ(code_of([&] { ops->wait(0); }), ErrorCode::internal);
    EXPECT_EQ(code_of([&] { ops->open("run"); }), ErrorCode::internal);
    ops->write(buffer->data(), &value, 4);
    std::thread([&] { EXPECT_NO_THROW(ops->allocate(64)); }).join();  // another engine's thread is in no run
  }
  EXPECT_EQ(code_of([&] { ops->close(); }), ErrorCode::internal);
  float back = 0;
  ops->wait(ops->read(&back, buffer->data(), 4));
  EXPECT_EQ(back, 1.0f);
}

TEST(CpuRun, OpsOutsideARunAreRefused) {
  const auto ops = cpu::make_cpu_ops(cpu::resolve({}));
  std::vector<float> weights(64 * 64, 1.0f), in(64 * 64), out(64 * 64);
  const ops::LinearPart part{{weights.data(), DType::f32, 64, 64, nullptr}, {}};
  const auto linear = ops->make_linear({&part, 1}, ops::LinearUse::token);
  const ops::Tensor from{in.data(), DType::f32, 64, 64}, to{out.data(), DType::f32, 64, 64};
  EXPECT_EQ(code_of([&] { ops->linear(*linear, from, ops::Activation::none, nullptr, to); }), ErrorCode::internal);
}

TEST(CpuMemory, IsZeroAlignedAndRefusedWhenAbsurd) {
  const auto ops = cpu::make_cpu_ops(cpu::resolve({}));
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{4096}, int64_t{3} << 20}) {
    const auto buffer = ops->allocate(bytes);
    EXPECT_EQ(buffer->bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % 64, 0u);
    for (int64_t i = 0; i < bytes; i += 997) ASSERT_EQ(static_cast<const char*>(buffer->data())[i], 0);
  }
  EXPECT_EQ(code_of([&] { ops->allocate(int64_t{1} << 60); }), ErrorCode::out_of_memory);
  EXPECT_EQ(code_of([&] { ops->allocate(-1); }), ErrorCode::out_of_memory);
}

}  // namespace
}  // namespace wtrt
