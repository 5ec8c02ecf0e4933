// From sound to cross-KV: windows are filled, encoded together, and their language is detected.
#include <algorithm>

#include "runtime/scheduler.hpp"
#include "runtime/stopwatch.hpp"
#include "whisper/language_detection.hpp"

namespace wtrt::runtime {
namespace {

using Phase = Job::Phase;

// Whether the next window is one of the recording's first, which are heard only for their language.
bool leads(const whisper::Transcription& transcription) {
  return transcription.needs_language() && !transcription.options().multilingual && !transcription.live();
}

// The mel frame where the next window begins.
int64_t next_frame(const Job& job) {
  const whisper::Transcription& transcription = *job.at.transcription;
  return leads(transcription) ? int64_t{audio::kWindowFrames} * job.at.vote.heard() : transcription.seek();
}

// How many of them are heard at most. What cannot be read again must still have its beginning afterwards.
int32_t most_leading(const Job& job) {
  const int32_t asked = job.options().transcribe.language_detection_segments;
  return job.at.reader->can_rewind() ? asked : std::min(asked, 2);
}

}  // namespace

void Scheduler::prepare_windows() {
  for (const JobPtr& job : std::vector<JobPtr>(active_)) {
    if (job->ended() || job->at.phase != Phase::idle || job->at.task_running || !job->has_credit()) continue;
    if (job->in_parts()) {
      divide(job);
      continue;
    }
    const int64_t seek = next_frame(*job);
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
    const auto parts =
        std::count_if(active_.begin(), active_.end(), [](const JobPtr& other) { return other->is_part(); });
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
  job->at.begun = {};
  job->at.mel.resize(static_cast<size_t>(model_->config().n_mels) * audio::kWindowFrames);
  const whisper::Transcription& transcription = *job->at.transcription;
  if (!transcription.live()) job->at.wanted = transcription.most_frames();
  job->at.detecting = transcription.needs_language();
  job->at.leading = leads(transcription);
  if (job->at.leading) job->at.wanted = audio::kWindowFrames;
  in_background(job, [seek = next_frame(*job)](Job& self) {
    if (self.at.leading && seek == 0) {
      self.at.reader->leading_window(self.at.mel.data());
      const int64_t content = self.at.reader->content_frames();
      self.at.frames =
          static_cast<int32_t>(content < 0 ? audio::kWindowFrames : std::min<int64_t>(content, audio::kWindowFrames));
    } else {
      self.at.frames = self.at.reader->window(seek, self.at.wanted, self.at.mel.data());
    }
  });
}

void Scheduler::window_filled(const JobPtr& job) {
  if (job->at.frames == 0 && job->at.leading && job->at.vote.heard() > 0) {  // there is no more to be heard
    name_language(job, job->at.vote.decision());
    job->at.phase = Phase::idle;
    return;
  }
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
  guarded(batch, [&] {
    complete = executor_.encode(items, batch.front()->at.positions, [&] { return encoding_goes_on(batch); });
  });
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
  job->at.detecting = false;
  if (!job->at.leading) return name_language(job, detected);
  job->at.vote.hear(std::move(detected));
  if (!job->at.vote.sure() && job->at.vote.heard() < most_leading(*job)) {
    job->at.phase = Phase::idle;
    return;
  }
  name_language(job, job->at.vote.decision());
  // The window just heard may be the first one to be transcribed. If it was not full, it was followed by silence for
  // the detection and is filled up with zeros for the transcription: it must be encoded again.
  const whisper::Transcription& transcription = *job->at.transcription;
  const bool first = job->at.vote.heard() == 1 && transcription.seek() == 0;
  const bool full = job->at.frames == audio::kWindowFrames && transcription.most_frames() == audio::kWindowFrames;
  if (!first || !full) job->at.phase = Phase::idle;
}

void Scheduler::name_language(const JobPtr& job, const whisper::DetectedLanguage& language) {
  whisper::Transcription& transcription = *job->at.transcription;
  const bool changed = job->at.language_probabilities.empty() || transcription.language() != language.code;
  transcription.set_language(language.code);
  if (job->at.language_probabilities.empty()) job->at.language_probabilities = language.probabilities;
  if (!changed) return;
  Event event;
  event.kind = EventKind::language;
  event.text = language.code;
  event.probability = language.probability;
  job->report(std::move(event));
}

}  // namespace wtrt::runtime
