#include "runtime/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "common/log.hpp"
#include "common/thread_pool.hpp"
#include "whisper/language_detection.hpp"

namespace wtrt::runtime {
namespace {

using Phase = Job::Phase;

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

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
  auto open_now = std::count_if(active_.begin(), active_.end(), [](const JobPtr& job) { return !job->pushed() && !job->is_part(); });
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
  in_background(job, [mels = model_->config().n_mels](Job& self) {
    self.at.reader = std::make_unique<audio::MelReader>(self.open_source(), mels);
    self.at.reader->scan([](void* context) { return !static_cast<Job*>(context)->cancelled(); }, &self);
  });
}

void Scheduler::prepare_windows() {
  for (const JobPtr& job : std::vector<JobPtr>(active_)) {
    if (job->ended() || job->at.phase != Phase::idle || job->at.task_running || !job->has_credit()) continue;
    if (job->in_parts()) {
      divide(job);
      continue;
    }
    const int64_t seek = job->at.transcription->seek();
    if (job->at.transcription->ended()) {
      end(job, false);
    } else if (job->at.transcription->live()) {
      job->at.wanted = job->live_frames(seek, job->at.transcription->listened());
      if (job->at.wanted > 0) fill_window(job);
    } else if (job->audio_available(seek, audio::kWindowFrames)) {
      fill_window(job);
    } else if (job->speech_to_search()) {
      in_background(job, [seek](Job& self) { self.search_speech(seek, audio::kWindowFrames); });
    }
  }
}

// Begins the parts that there is room for, reads on meanwhile, and ends the job after the last one.
void Scheduler::divide(const JobPtr& job) {
  const auto most = static_cast<size_t>(executor_.plan().max_batch);
  const auto room = [&] {  // every job may have one; more while those of all jobs together are few
    const auto parts = std::count_if(active_.begin(), active_.end(), [](const JobPtr& other) { return other->is_part(); });
    return static_cast<size_t>(parts) < 2 * most ? most : 1;
  };
  while (const JobPtr part = job->next_part(room(), model_->tokenizer()->multilingual())) {
    active_.push_back(part);
    open(part);
  }
  if (job->parts_ended()) {
    end(job, false);
  } else if (job->chunk_to_read()) {
    in_background(job, [](Job& self) { self.read_chunk(); });
  }
}

void Scheduler::fill_window(const JobPtr& job) {
  job->at.phase = Phase::filling;
  job->at.mel.resize(static_cast<size_t>(model_->config().n_mels) * audio::kWindowFrames);
  const whisper::Transcription& transcription = *job->at.transcription;
  if (!transcription.live()) job->at.wanted = transcription.most_frames();
  job->at.detecting = transcription.needs_language();
  job->at.leading = job->at.detecting && !job->options().transcribe.multilingual && !transcription.live();
  in_background(job, [seek = transcription.seek()](Job& self) {
    if (self.at.leading) {
      self.at.reader->leading_window(self.at.mel.data());
      const int64_t content = self.at.reader->content_frames();
      self.at.frames = static_cast<int32_t>(content < 0 ? audio::kWindowFrames : std::min<int64_t>(content, audio::kWindowFrames));
    } else {
      self.at.frames = self.at.reader->window(seek, self.at.wanted, self.at.mel.data());
    }
  });
}

void Scheduler::window_filled(const JobPtr& job) {
  if (job->at.frames == 0 && !job->at.leading) {  // a recording without sound still has a language: that of silence
    job->at.transcription->end_clip();
    job->at.phase = Phase::idle;
    return;
  }
  whisper::Transcription& transcription = *job->at.transcription;
  job->at.positions = transcription.positions(job->at.frames);
  if (transcription.live()) {
    const int64_t content = job->at.reader->content_frames();
    const bool all = content >= 0 && transcription.seek() + job->at.frames >= content;
    const bool full = job->at.frames == audio::kWindowFrames;
    transcription.listen(job->at.frames, all    ? whisper::Heard::all
                                         : full ? whisper::Heard::full
                                                : whisper::Heard::so_far);
  }
  job->at.phase = Phase::ready;
}

// While a window is decoded, the frames of the next one are made.
void Scheduler::read_ahead(const JobPtr& job) {
  if (job->at.transcription->live()) return;  // there is nothing ahead
  const int64_t seek = job->at.transcription->seek(), end = seek + 2 * audio::kWindowFrames;
  if (job->at.task_running || !job->audio_available(end, 0)) return;
  in_background(job, [seek, end](Job& self) { self.at.reader->prepare(seek, end); });
}

bool Scheduler::encoder_waits() const {
  return !free_slots_.empty() &&
         std::any_of(active_.begin(), active_.end(), [](const JobPtr& job) { return job->at.phase == Phase::ready; });
}

bool Scheduler::encode_windows() {
  std::vector<JobPtr> batch;
  std::vector<Executor::EncodeItem> items;
  for (const JobPtr& job : active_) {
    if (job->ended() || job->at.phase != Phase::ready) continue;
    if (static_cast<int32_t>(batch.size()) == executor_.plan().encoder_batch) break;
    if (!batch.empty() && job->at.positions != batch.front()->at.positions) continue;
    if (job->at.slot < 0) {
      if (free_slots_.empty()) break;
      job->at.slot = free_slots_.back();
      free_slots_.pop_back();
    }
    batch.push_back(job);
    items.push_back({job->at.mel.data(), job->at.slot});
  }
  if (batch.empty()) return false;

  const Stopwatch watch;
  bool complete = false;
  guarded(batch, [&] { complete = executor_.encode(items, batch.front()->at.positions, [&] { return encoding_goes_on(batch); }); });
  if (!complete) return true;
  {
    const std::lock_guard lock(stats_mutex_);
    stats_.windows += static_cast<int64_t>(batch.size());
    ++stats_.encoder_batches;
    stats_.encode_seconds += watch.seconds();
  }
  for (const JobPtr& job : batch) {
    if (job->ended()) continue;
    job->at.phase = Phase::encoded;
  }
  return true;
}

// Ends cancelled jobs at once, and the pass itself when nobody waits for it any more.
bool Scheduler::encoding_goes_on(std::span<const JobPtr> batch) {
  if (stopping()) return false;
  bool wanted = false;
  for (const JobPtr& job : batch) {
    if (!job->ended() && job->cancelled()) end(job, true);
    wanted = wanted || !job->ended();
  }
  return wanted;
}

void Scheduler::detect_language(const JobPtr& job) {
  const text::SpecialTokens& special = model_->tokenizer()->special();
  const JobPtr jobs[] = {job};
  whisper::DetectedLanguage detected;
  const bool done = guarded(jobs, [&] {
    const int32_t row = free_rows_.back();
    const auto logits =
        executor_.start_logits(row, job->at.slot, special.sot, special.first_language, special.language_count);
    detected = whisper::detected_language(logits, job->at.languages);
  });
  if (!done) return;
  whisper::Transcription& transcription = *job->at.transcription;
  const bool changed = job->at.language_probabilities.empty() || transcription.language() != detected.code;
  transcription.set_language(detected.code);
  if (job->at.language_probabilities.empty()) job->at.language_probabilities = std::move(detected.probabilities);
  if (changed) {
    Event event;
    event.kind = EventKind::language;
    event.text = detected.code;
    event.probability = detected.probability;
    job->report(std::move(event));
  }
  job->at.detecting = false;
  // The first 30 s may be the first window to be transcribed. If they were not full, they were followed by silence for the detection and are
  // filled up with zeros for the transcription: they must be encoded again.
  const bool other = transcription.seek() != 0 || transcription.most_frames() < audio::kWindowFrames;
  if (job->at.leading && (other || job->at.frames < audio::kWindowFrames)) job->at.phase = Phase::idle;
}

// The rows of the next attempt at the job's window; takes them.
Executor::GroupStart Scheduler::group_of(Job& job) {
  const whisper::TranscribeOptions& options = job.at.transcription->options();
  const whisper::DecodingAttempt attempt = job.at.transcription->attempt();
  while (static_cast<int32_t>(job.at.rows.size()) < std::max(attempt.beam_size, attempt.candidates)) {
    job.at.rows.push_back(free_rows_.back());
    free_rows_.pop_back();
  }
  whisper::WindowPrompt prompt = job.at.transcription->prompt();
  Executor::GroupStart start{.rows = job.at.rows,
                             .slot = job.at.slot,
                             .tokens = std::move(prompt.tokens),
                             .sot_index = prompt.sot_index,
                             .max_sampled = prompt.max_sampled,
                             .policy = whisper::token_policy(*model_->tokenizer(), options),
                             .suppressed = &job.at.suppressed};
  if (prompt.said) start.policy.blank = -1;
  start.policy.temperature = static_cast<float>(attempt.temperature);
  start.policy.window = static_cast<uint32_t>(job.at.transcription->seek());
  start.first_candidate = attempt.number << 16;  // no two attempts draw alike
  if (options.length_penalty) start.length_penalty = *options.length_penalty;
  const auto max_ended = static_cast<int32_t>(std::nearbyint(options.beam_size * options.patience));
  // One beam that ends with its first hypothesis is greedy decoding, which costs less.
  if (attempt.temperature == 0 && (attempt.beam_size > 1 || max_ended > 1)) start.max_ended = max_ended;
  return start;
}

bool Scheduler::start_rows() {
  std::vector<JobPtr> batch;
  std::vector<Executor::GroupStart> starts;
  bool worked = false;
  for (const JobPtr& job : std::vector<JobPtr>(active_)) {
    if (job->ended() || job->at.phase != Phase::encoded) continue;
    if (job->at.detecting && !free_rows_.empty()) {
      detect_language(job);
      worked = true;
      if (job->ended() || job->at.phase != Phase::encoded) continue;
    }
    // Whoever came first starts first: a large group is not kept waiting by small ones.
    const whisper::DecodingAttempt attempt = job->at.transcription->attempt();
    const auto rows = static_cast<size_t>(std::max(attempt.beam_size, attempt.candidates));
    if (job->at.detecting || free_rows_.size() < rows) break;
    starts.push_back(group_of(*job));
    batch.push_back(job);
  }
  if (batch.empty()) return worked;
  const Stopwatch watch;
  if (!guarded(batch, [&] { executor_.prefill(starts); })) return true;
  for (const JobPtr& job : batch) {
    job->at.phase = Phase::decoding;
    read_ahead(job);
  }
  const std::lock_guard lock(stats_mutex_);
  for (const auto& start : starts) stats_.prefill_tokens += static_cast<int64_t>(start.tokens.size());
  stats_.prefill_seconds += watch.seconds();
  return true;
}

bool Scheduler::step_rows() {
  std::vector<JobPtr> batch;
  std::vector<int32_t> groups;
  const auto collect = [&] {
    batch.clear();
    groups.clear();
    for (const JobPtr& job : active_) {
      if (job->ended() || job->at.phase != Phase::decoding) continue;
      batch.push_back(job);
      groups.push_back(job->at.rows.front());
    }
  };
  collect();
  if (batch.empty()) return false;
  executor_.refresh(false);
  for (const JobPtr& job : std::vector<JobPtr>(batch)) {
    if (executor_.finished(job->at.rows.front())) guarded({&job, 1}, [&] { judge(job); });
  }
  collect();
  if (batch.empty()) return true;

  const Stopwatch watch;
  int32_t rows = 0;
  if (!guarded(batch, [&] { rows = executor_.step(groups); })) return true;
  const std::lock_guard lock(stats_mutex_);
  ++stats_.steps;
  stats_.step_rows += rows;
  stats_.step_seconds += watch.seconds();
  return true;
}

// A window was decoded: is it good enough? If not, it is decoded again, from the same cross-KV unless that was of a short window.
void Scheduler::judge(const JobPtr& job) {
  Executor::Decoded decoded = executor_.decoded(job->at.rows.front());
  const double temperature = job->at.transcription->attempt().temperature;
  const whisper::DecodedWindow window{std::move(decoded.tokens), decoded.sum_logprob, decoded.no_speech_prob,
                                      temperature,               decoded.ended,       job->at.positions};
  give_back_rows(*job);
  if (job->at.transcription->judge(window)) {
    accept(job, window);
    return;
  }
  job->at.positions = job->at.transcription->positions(job->at.frames);
  job->at.phase = job->at.positions == window.positions ? Phase::encoded : Phase::ready;
}

// Cuts a window into segments.
void Scheduler::accept(const JobPtr& job, const whisper::DecodedWindow& window) {
  job->at.transcription->cut(window, job->at.frames_heard());
  if (job->at.transcription->to_align() != nullptr) {
    job->at.phase = Phase::cut;
  } else {
    keep(job);
  }
}

// Windows whose segments want words go through the decoder once more, together.
bool Scheduler::align_windows() {
  std::vector<JobPtr> batch;
  std::vector<Executor::AlignItem> items;
  for (const JobPtr& job : active_) {
    if (job->ended() || job->at.phase != Phase::cut || items.size() == free_rows_.size()) continue;
    const int32_t row = free_rows_[free_rows_.size() - 1 - items.size()];  // needed only meanwhile
    items.push_back({row, job->at.slot, job->at.transcription->to_align()->tokens});
    batch.push_back(job);
  }
  if (batch.empty()) return false;
  std::vector<whisper::AlignmentScores> scores;
  if (!guarded(batch, [&] { scores = executor_.align(items); })) return true;
  for (size_t i = 0; i < batch.size(); ++i) {
    give_back(*batch[i]);
    batch[i]->at.alignment = std::move(scores[i]);
    batch[i]->at.phase = Phase::aligned;
    if (!batch[i]->at.task_running) time_words(batch[i]);  // else when its task has ended
  }
  return true;
}

void Scheduler::time_words(const JobPtr& job) {
  job->at.phase = Phase::timing;
  in_background(job, [prompt = *job->at.transcription->to_align(), language = job->at.transcription->language(),
                      tokenizer = model_->tokenizer()](Job& self) {
    self.at.words = whisper::time_words(prompt, self.at.alignment, *tokenizer, language, self.at.frames_heard());
    self.at.alignment = {};
  });
}

// Keeps what a window says and goes on to the next.
void Scheduler::keep(const JobPtr& job) {
  give_back(*job);
  // The end of what is pushed is known for certain only once a window reached it.
  const bool open_end = job->at.task_running || (job->pushed() && job->at.frames == audio::kWindowFrames);
  const int64_t content = open_end ? -1 : job->at.reader->content_frames();
  std::vector<output::Segment> segments = job->at.transcription->keep(std::move(job->at.words), content);
  job->restore_times(segments);
  job->report_segments(segments);
  if (job->at.transcription->live()) job->report_tentative(job->at.transcription->tentative());
  job->at.words = {};
  job->at.phase = Phase::idle;
  if (!job->options().report_progress && !job->is_part()) return;
  const int64_t frames = job->at.task_running ? -1 : job->at.reader->content_frames();
  Result result;
  job->measure(result, frames);
  job->report_progress(job->original_time(static_cast<double>(job->at.transcription->seek()) / 100),
                       frames < 0 ? -1 : result.duration_seconds);
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
    job->fail(Error(ErrorCode::out_of_memory, "memory ran out while the job was worked on; lower max_batch or set memory_limit"));
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
