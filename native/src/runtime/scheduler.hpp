// The engine's thread: carries every job from window to window, and runs the windows and rows of all jobs together.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/engine.hpp"
#include "runtime/executor.hpp"

namespace wtrt::runtime {

class Scheduler : public std::enable_shared_from_this<Scheduler> {
 public:
  Scheduler(std::shared_ptr<const Model> model, const MemoryPlan& plan, std::shared_ptr<Inbox> inbox);

  void run();  // until the inbox says stop

  MemoryPlan memory() const { return executor_.measured(); }
  EngineStats stats() const;

 private:
  using JobPtr = std::shared_ptr<Job>;

  bool take_inbox();  // false: stop
  void sweep();       // ends cancelled jobs, takes up finished background tasks
  void admit();
  void prepare_windows();
  bool encode_windows();
  bool start_rows();
  bool step_rows();
  bool align_windows();

  void open(const JobPtr& job);
  void divide(const JobPtr& job);
  void fill_window(const JobPtr& job);
  void read_ahead(const JobPtr& job);
  void window_filled(const JobPtr& job);
  void in_background(const JobPtr& job, std::function<void(Job&)> work);
  void detect_language(const JobPtr& job);
  void name_language(const JobPtr& job, const whisper::DetectedLanguage& language);
  void judge(const JobPtr& job);
  void accept(const JobPtr& job, const whisper::DecodedWindow& window);
  void time_words(const JobPtr& job);
  void keep(const JobPtr& job);
  void end(const JobPtr& job, bool cancelled);
  void fail(const JobPtr& job, std::exception_ptr error);
  Executor::GroupStart group_of(Job& job);
  void give_back_rows(Job& job);
  void give_back(Job& job);
  void retire(const JobPtr& job);
  bool encoding_goes_on(std::span<const JobPtr> batch);
  bool stopping() const;
  bool encoder_waits() const;
  // Runs a device act for these jobs; if it throws, they fail.
  bool guarded(std::span<const JobPtr> jobs, const std::function<void()>& act);

  std::shared_ptr<const Model> model_;
  std::shared_ptr<Inbox> inbox_;
  Executor executor_;
  std::deque<JobPtr> waiting_;  // not yet opened
  std::vector<JobPtr> active_;
  std::vector<int32_t> free_slots_, free_rows_;
  std::vector<std::weak_ptr<EventQueue>> queues_;
  mutable std::mutex stats_mutex_;
  EngineStats stats_;
};

}  // namespace wtrt::runtime
