// From cross-KV to segments: groups of rows start, step together, are judged, aligned and kept.
#include <algorithm>
#include <cmath>

#include "runtime/scheduler.hpp"
#include "runtime/stopwatch.hpp"

namespace wtrt::runtime {
namespace {

using Phase = Job::Phase;

}  // namespace

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

// A window was decoded: is it good enough? If not, it is decoded again, from the same cross-KV unless that was of a
// short window.
void Scheduler::judge(const JobPtr& job) {
  Executor::Decoded decoded = executor_.decoded(job->at.rows.front());
  const double temperature = job->at.transcription->attempt().temperature;
  const whisper::DecodedWindow window{
      std::move(decoded.tokens), decoded.sum_logprob, decoded.no_speech_prob, temperature, decoded.ended,
      job->at.positions};
  give_back_rows(*job);
  if (job->at.transcription->judge(window, job->at.frames_heard())) {
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
  if (job->at.transcription->live()) {
    job->at.hypothesis_seconds = job->at.begun.seconds();
    job->report_tentative(job->at.transcription->tentative());
  }
  job->at.words = {};
  job->at.phase = Phase::idle;
  if (!job->options().report_progress && !job->is_part()) return;
  const int64_t frames = job->at.task_running ? -1 : job->at.reader->content_frames();
  Result result;
  job->measure(result, frames);
  job->report_progress(job->original_time(static_cast<double>(job->at.transcription->seek()) / 100),
                       frames < 0 ? -1 : result.duration_seconds);
}

}  // namespace wtrt::runtime
