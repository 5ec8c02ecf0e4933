// An engine: jobs go in, events come out. One scheduling thread batches the work of all jobs over one model.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "runtime/job.hpp"
#include "runtime/memory_plan.hpp"
#include "runtime/model.hpp"

namespace wtrt::runtime {

struct EngineStats {
  int64_t windows = 0, encoder_batches = 0;
  int64_t steps = 0, step_rows = 0, prefill_tokens = 0;
  double encode_seconds = 0, prefill_seconds = 0, step_seconds = 0;
};

class Scheduler;

class Engine {
 public:
  // Plans and takes its memory, then starts its thread. Throws out_of_memory, invalid_argument.
  Engine(std::shared_ptr<const Model> model, const EngineOptions& options);
  // Stops what still runs, without waiting for it.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Throws invalid_argument (names the option), busy, closed; unsupported in a child of fork(), which has not the engine's thread.
  std::shared_ptr<Job> submit(std::shared_ptr<EventQueue> queue, AudioInput audio, JobOptions options);
  // Cancels what runs, tells every queue CLOSED, joins the thread. Idempotent. Throws invalid_argument inside the log sink.
  void close();

  MemoryPlan memory() const;
  EngineStats stats() const;

 private:
  void ask_to_stop();

  std::shared_ptr<const Model> model_;
  EngineOptions options_;
  int32_t rows_ = 0;  // of a step
  std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<Scheduler> scheduler_;
  std::mutex closing_;
  std::thread thread_;
  int process_;  // whose thread it is
};

}  // namespace wtrt::runtime
