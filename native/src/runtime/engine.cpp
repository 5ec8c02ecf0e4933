#include "runtime/engine.hpp"

#include <unistd.h>

#include <algorithm>

#include "common/log.hpp"
#include "runtime/scheduler.hpp"

namespace wtrt::runtime {

namespace {

constexpr double kChunkSeconds = 30;

void check_division(const AudioInput& audio, JobOptions& options) {
  if (options.vad && !options.transcribe.clip_timestamps.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "clip_timestamps and vad: both say what is transcribed; leave one of them out");
  }
  if (options.batched) {
    if (!options.vad)
      throw Error(ErrorCode::invalid_argument, "batched: it needs vad, which says where a recording can be cut");
    options.vad->max_speech_duration_s = std::min(options.vad->max_speech_duration_s, kChunkSeconds);
  }
  const bool once_only =
      audio.kind == AudioKind::pushed || audio.kind == AudioKind::descriptor || audio.kind == AudioKind::descriptor_raw;
  if (options.split_channels && once_only) {
    throw Error(ErrorCode::invalid_argument,
                "channels: each one is read by itself, which a pipe or pushed samples cannot be; give a file or its "
                "bytes, or mix them");
  }
}

}  // namespace

Engine::Engine(std::shared_ptr<const Model> model, const EngineOptions& options)
    : model_(std::move(model)), options_(options), inbox_(std::make_shared<Inbox>()), process_(getpid()) {
  const auto ops = model_->make_ops();
  const MemoryPlan plan = plan_memory(model_->whisper(), *ops, options);
  rows_ = plan.max_batch;
  scheduler_ = std::make_shared<Scheduler>(model_, plan, inbox_);
  thread_ = std::thread([scheduler = scheduler_] { scheduler->run(); });
}

Engine::~Engine() {
  ask_to_stop();
  if (thread_.joinable()) thread_.detach();  // it owns what it still needs
}

namespace {

// The option, if any, that a live transcription does not know.
const char* beside_live(const JobOptions& options) {
  if (options.vad) return "vad";
  if (!options.transcribe.clip_timestamps.empty()) return "clip_timestamps";
  if (options.transcribe.multilingual) return "multilingual";
  return options.transcribe.audio_context.positions == whisper::kFullContext ? nullptr : "audio_context";
}

}  // namespace

std::shared_ptr<Job> Engine::submit(std::shared_ptr<EventQueue> queue, AudioInput audio, JobOptions options) {
  if (getpid() != process_) {
    throw Error(
        ErrorCode::unsupported,
        "this engine was made before fork() and its thread is in the parent process; make an engine in each process");
  }
  whisper::check_options(options.transcribe, *model_->tokenizer(), model_->config().n_text_ctx);
  if (options.vad) vad::check_options(*options.vad);
  check_division(audio, options);
  if (const int32_t rows = whisper::rows_of_window(options.transcribe); rows > rows_) {
    throw Error(ErrorCode::invalid_argument, "beam_size and best_of: a window takes " + std::to_string(rows) +
                                                 " rows and max_batch is " + std::to_string(rows_) +
                                                 "; lower them or raise max_batch (and memory_limit)");
  }
  if (const char* other = beside_live(options); options.transcribe.live_interval && other != nullptr) {
    throw Error(ErrorCode::unsupported,
                std::string("live: it cannot be combined with ") + other + " yet; leave one of them out");
  }
  auto job = std::make_shared<Job>(inbox_, std::move(queue), std::move(audio), std::move(options));
  if (job->options().transcribe.live_interval && !job->pushed()) {
    throw Error(ErrorCode::invalid_argument,
                "live: the audio is there already; push it (WTRT_AUDIO_PUSHED) or give a descriptor");
  }
  const std::lock_guard lock(inbox_->mutex);
  if (inbox_->stop) throw Error(ErrorCode::closed, "the engine was closed");
  if (inbox_->open_jobs >= options_.max_queued_jobs) {
    throw Error(ErrorCode::busy, "max_queued_jobs: " + std::to_string(options_.max_queued_jobs) +
                                     " jobs wait or run already; submit again when one has ended");
  }
  ++inbox_->open_jobs;
  inbox_->submitted.push_back(job);
  inbox_->stirred = true;
  inbox_->changed.notify_all();
  return job;
}

void Engine::ask_to_stop() {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->stop = true;
  inbox_->stirred = true;
  inbox_->changed.notify_all();
}

void Engine::close() {
  if (inside_log_sink()) {
    throw Error(ErrorCode::invalid_argument,
                "an engine cannot be closed from inside the log sink: its thread may be the one that logs");
  }
  ask_to_stop();
  const std::lock_guard lock(closing_);
  if (thread_.joinable()) thread_.join();
}

MemoryPlan Engine::memory() const { return scheduler_->memory(); }
EngineStats Engine::stats() const { return scheduler_->stats(); }

}  // namespace wtrt::runtime
