#include "runtime/scheduler.hpp"

#include <algorithm>

#include "common/log.hpp"
#include "common/thread_pool.hpp"
#include "whisper/language_detection.hpp"

namespace wtrt::runtime {
namespace {

using Phase = Job::Phase;

}  // namespace

Scheduler::Scheduler(std::shared_ptr<const Model> model, const MemoryPlan& plan, std::shared_ptr<Inbox> inbox)
    : model_(std::move(model)), inbox_(std::move(inbox)), executor_(model_, plan) {
  for (int32_t i = plan.max_batch; i-- > 0;) {
    free_slots_.push_back(i);
    free_rows_.push_back(i);
  }
}

EngineStats Scheduler::stats() const {
  const std::lock_guard lock(stats_mutex_);
  return stats_;
}

void Scheduler::run() {
  while (take_inbox()) {
    sweep();
    admit();
    prepare_windows();
    bool worked = encode_windows();
    // Rows start together: decoding waits until no window could join them.
    if (!worked || !encoder_waits()) {
      worked = align_windows() || worked;
      worked = start_rows() || worked;
      worked = step_rows() || worked;
    }
    if (worked) continue;
    std::unique_lock lock(inbox_->mutex);
    inbox_->changed.wait(lock, [this] { return inbox_->stirred || inbox_->stop; });
  }
  for (const JobPtr& job : waiting_) job->finish({}, true);
  for (const JobPtr& job : std::vector<JobPtr>(active_)) end(job, true);
  for (const auto& weak : queues_) {
    if (const auto queue = weak.lock()) {
      Event closed;
      closed.kind = EventKind::closed;
      queue->put(std::move(closed));
    }
  }
}

bool Scheduler::take_inbox() {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->stirred = false;
  waiting_.insert(waiting_.end(), inbox_->submitted.begin(), inbox_->submitted.end());
  for (const JobPtr& job : inbox_->submitted) {
    const auto known = [&](const auto& weak) { return weak.lock() == job->queue(); };
    if (std::none_of(queues_.begin(), queues_.end(), known)) queues_.push_back(job->queue());
  }
  std::erase_if(queues_, [](const auto& weak) { return weak.expired(); });
  inbox_->submitted.clear();
  return !inbox_->stop;
}

bool Scheduler::stopping() const {
  const std::lock_guard lock(inbox_->mutex);
  return inbox_->stop;
}

void Scheduler::sweep() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if ((*it)->cancelled()) {
      (*it)->finish({}, true);
      it = waiting_.erase(it);
    } else {
      ++it;
    }
  }
  for (const JobPtr& job : std::vector<JobPtr>(active_)) {
    if (!job->ended() && job->cancelled()) end(job, true);
    if (job->at.task_running.load(std::memory_order_acquire)) continue;
    if (job->ended()) {  // its background task was the last to use it
      retire(job);
    } else if (job->at.task_error) {
      fail(job, job->at.task_error);
    } else if (job->at.division && job->at.division->failure) {
      fail(job, job->at.division->failure);
    } else if (job->at.phase == Phase::opening) {
      job->at.phase = Phase::idle;
    } else if (job->at.phase == Phase::filling) {
      window_filled(job);
    } else if (job->at.phase == Phase::aligned) {
      time_words(job);
    } else if (job->at.phase == Phase::timing) {
      guarded({&job, 1}, [&] { keep(job); });
    }
  }
}

// Opens as many jobs as can soon be served; jobs that wait for somebody's pushes do not count, nor do parts of jobs.
void Scheduler::admit() {
  const auto limit = static_cast<std::ptrdiff_t>(2) * executor_.plan().max_batch;
  auto open_now = std::count_if(active_.begin(), active_.end(),
                                [](const JobPtr& job) { return !job->pushed() && !job->is_part(); });
  while (!waiting_.empty() && (open_now < limit || waiting_.front()->pushed())) {
    const JobPtr job = waiting_.front();
    waiting_.pop_front();
    open_now += job->pushed() ? 0 : 1;
    active_.push_back(job);
    open(job);
  }
}

void Scheduler::in_background(const JobPtr& job, std::function<void(Job&)> work) {
  job->at.task_running.store(true, std::memory_order_release);
  ThreadPool::instance().run_in_background([job, work = std::move(work), inbox = inbox_] {
    try {
      work(*job);
    } catch (...) {
      job->at.task_error = std::current_exception();
    }
    job->at.task_running.store(false, std::memory_order_release);
    inbox->stir();
  });
}

void Scheduler::open(const JobPtr& job) {
  job->at.phase = Phase::opening;
  if (job->in_parts()) {
    in_background(job, [](Job& self) { self.open_parts(); });
    return;
  }
  const auto& tokenizer = model_->tokenizer();
  job->at.transcription =
      std::make_unique<whisper::Transcription>(tokenizer, job->options().transcribe, model_->config().n_text_ctx);
  job->at.suppressed = whisper::suppressed_tokens(*tokenizer, job->options().transcribe);
  job->at.languages = whisper::candidate_languages(job->options().transcribe.languages, *tokenizer);
  job->at.vote = whisper::LanguageVote(job->options().transcribe.language_detection_threshold);
  in_background(job, [maker = model_->mel_frames()](Job& self) {
    self.at.reader = std::make_unique<audio::MelReader>(self.open_source(), maker);
    self.at.reader->scan([](void* context) { return !static_cast<Job*>(context)->cancelled(); }, &self);
  });
}

void Scheduler::give_back_rows(Job& job) {
  if (job.at.rows.empty()) return;
  executor_.release(job.at.rows.front());
  free_rows_.insert(free_rows_.end(), job.at.rows.rbegin(), job.at.rows.rend());
  job.at.rows.clear();
}

void Scheduler::give_back(Job& job) {
  give_back_rows(job);
  if (job.at.slot >= 0) {
    free_slots_.push_back(job.at.slot);
    job.at.slot = -1;
  }
}

void Scheduler::end(const JobPtr& job, bool cancelled) {
  if (job->ended()) return;
  give_back(*job);
  Result result = job->in_parts() ? job->joined() : Result();
  if (job->at.transcription) result.transcript = job->at.transcription->transcript();
  if (!job->in_parts()) {
    job->restore_times(result.transcript.segments);
    result.language_probabilities = std::move(job->at.language_probabilities);
  }
  if (job->at.reader && !job->at.task_running) job->measure(result, job->at.reader->content_frames());
  job->finish(std::move(result), cancelled);
  if (!job->at.task_running) retire(job);
}

// The caller may keep its handle for long: only the result stays.
void Scheduler::retire(const JobPtr& job) {
  job->at.division.reset();
  job->at.speech = nullptr;
  job->at.reader.reset();
  job->at.transcription.reset();
  job->at.mel = {};
  job->at.alignment = {};
  job->at.words = {};
  job->at.suppressed = {};
  std::erase(active_, JobPtr(job));
}

void Scheduler::fail(const JobPtr& job, std::exception_ptr error) {
  if (job->ended()) return;
  give_back(*job);
  try {
    std::rethrow_exception(error);
  } catch (const Error& known) {
    if (known.code() == ErrorCode::cancelled) {
      end(job, true);
      return;
    }
    job->fail(known);
  } catch (const std::bad_alloc&) {
    job->fail(Error(ErrorCode::out_of_memory,
                    "memory ran out while the job was worked on; lower max_batch or set memory_limit"));
  } catch (const std::exception& other) {
    job->fail(Error(ErrorCode::internal, other.what()));
  }
  if (!job->at.task_running) retire(job);
}

bool Scheduler::guarded(std::span<const JobPtr> jobs, const std::function<void()>& act) {
  try {
    act();
    return true;
  } catch (...) {
    const std::vector<JobPtr> failing(jobs.begin(), jobs.end());
    for (const JobPtr& job : failing) fail(job, std::current_exception());
    return false;
  }
}

}  // namespace wtrt::runtime
