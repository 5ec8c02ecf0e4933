#include "runtime/job.hpp"

#include <algorithm>

#include "vad/silero.hpp"

namespace wtrt::runtime {
namespace {

// A reader of mel frames looks this far beyond the window it was asked for.
constexpr int64_t kReadAheadFrames = 200;
// Mel frames are made so many at a time; a frame sees half a Fourier window on either side.
constexpr int64_t kFramesAtOnce = 16;
constexpr int64_t kFrameReach = audio::kFftSize / 2;
// Frames that a live transcription hears before it decides about the language, and the most for that if they are there.
constexpr int64_t kLanguageFrames = 300, kMostLanguageFrames = 1000;
// Where sound comes faster than it is heard: so much more than the hypothesis before, unless hypotheses take so long that
// they would fall behind. Two have to agree on a word before the window is full, since what is decoded once, over half a
// minute and without timestamps, leaves speech out.
constexpr int64_t kMostMoreFrames = 300;

}  // namespace

void Inbox::stir() {
  const std::lock_guard lock(mutex);
  stirred = true;
  changed.notify_all();
}

Job::Job(std::shared_ptr<Inbox> inbox, std::shared_ptr<EventQueue> queue, AudioInput audio, JobOptions options)
    : inbox_(std::move(inbox)), queue_(std::move(queue)), audio_(std::move(audio)), options_(std::move(options)) {
  if (audio_.kind == AudioKind::pushed || audio_.kind == AudioKind::descriptor ||
      audio_.kind == AudioKind::descriptor_raw) {
    push_buffer_ = std::make_shared<PushBuffer>();
  }
  cancelled_ = std::make_shared<std::atomic<bool>>(false);
  if (options_.vad) speech_map_ = std::make_shared<vad::SpeechMap>();
}

Job::Job(PartOf part, AudioInput audio, JobOptions options)
    : inbox_(part.whole->inbox_),
      queue_(part.whole->queue_),
      audio_(std::move(audio)),
      options_(std::move(options)),
      part_(std::move(part)),
      cancelled_(part_.whole->cancelled_) {
  if (options_.vad) speech_map_ = std::make_shared<vad::SpeechMap>();
}

void Job::cancel() {
  cancelled_->store(true, std::memory_order_relaxed);
  if (push_buffer_) push_buffer_->stop();
  inbox_->stir();
}

void Job::push(std::span<const float> samples) {
  if (audio_.kind != AudioKind::pushed) {
    throw Error(ErrorCode::invalid_argument,
                "samples can be pushed only to a job whose audio is of the kind WTRT_AUDIO_PUSHED");
  }
  push_buffer_->push(samples);
  inbox_->stir();
}

void Job::end_audio() {
  if (audio_.kind != AudioKind::pushed) {
    throw Error(ErrorCode::invalid_argument,
                "only a job whose audio is of the kind WTRT_AUDIO_PUSHED has an end to announce");
  }
  push_buffer_->end();
  inbox_->stir();
}

std::shared_ptr<const Result> Job::result() const {
  const std::lock_guard lock(mutex_);
  if (error_) throw *error_;
  if (!result_) throw Error(ErrorCode::busy, "the job is still running; wait for its FINISHED event");
  return result_;
}

bool Job::audio_available(int64_t seek, int64_t frames) const {
  if (!push_buffer_) return true;
  const int64_t samples = (seek + frames + kReadAheadFrames) * audio::kHopLength;
  if (at.speech != nullptr) return at.speech->ended() || at.speech->reached() >= samples;
  return push_buffer_->holds(samples);
}

int32_t Job::live_frames(int64_t seek, int64_t listened) const {
  const auto frames_of = [](double seconds) {
    return static_cast<int64_t>(seconds * audio::kSampleRate / audio::kHopLength);
  };
  const int64_t interval = frames_of(*options_.transcribe.live_interval),
                keeping_up = frames_of(2 * at.hypothesis_seconds);
  const bool decides = at.transcription->needs_language();
  const int64_t least = decides ? kLanguageFrames : 1, most_more = decides ? kMostLanguageFrames : kMostMoreFrames;
  const int64_t most =
      std::min<int64_t>(listened + std::max({interval, most_more, keeping_up}) - seek, audio::kWindowFrames);
  if (push_buffer_->ended()) return static_cast<int32_t>(most);
  const int64_t samples = push_buffer_->received() - kFrameReach;
  const int64_t frames = std::min(samples / (kFramesAtOnce * audio::kHopLength) * kFramesAtOnce - seek, most);
  const bool enough = seek + frames - listened >= interval || frames == audio::kWindowFrames;
  return frames >= least && enough ? static_cast<int32_t>(frames) : 0;
}

bool Job::speech_to_search() const {
  return at.speech != nullptr && push_buffer_ && push_buffer_->holds(at.speech->taken() + vad::SpeechSource::kPiece);
}

void Job::search_speech(int64_t seek, int64_t frames) {
  while (!audio_available(seek, frames) && speech_to_search()) at.speech->advance();
}

void Job::restore_times(std::vector<output::Segment>& segments) const {
  if (!speech_map_) return;
  for (output::Segment& segment : segments) speech_map_->restore(segment);
}

void Job::measure(Result& result, int64_t frames) const {
  if (speech_map_) {
    const int64_t samples = speech_map_->length().value_or(0);
    result.duration_seconds = static_cast<double>(samples / audio::kHopLength) / 100;
    result.speech_seconds = static_cast<double>(speech_map_->kept()) / audio::kSampleRate;
  } else {
    result.duration_seconds = result.speech_seconds = static_cast<double>(std::max<int64_t>(0, frames)) / 100;
  }
}

std::unique_ptr<audio::PcmSource> Job::open_source() {
  if (!options_.vad) return open_audio();
  auto speech = open_speech();
  at.speech = speech.get();
  return speech;
}

std::unique_ptr<vad::SpeechSource> Job::open_speech() {
  return std::make_unique<vad::SpeechSource>(open_audio(), std::make_unique<vad::SileroDetector>(), *options_.vad,
                                             speech_map_, [this] { return !cancelled(); });
}

std::unique_ptr<audio::PcmSource> Job::open_audio() {
  switch (audio_.kind) {
    case AudioKind::path: return audio::open_file(audio_.path, audio_.channel);
    case AudioKind::bytes: return audio::open_encoded(std::move(audio_.bytes), "audio in memory", audio_.channel);
    case AudioKind::samples: return audio::open_samples(std::move(audio_.samples));
    case AudioKind::pushed: break;
    case AudioKind::descriptor:
    case AudioKind::descriptor_raw:
      feed_from_descriptor(push_buffer_, audio_.descriptor, audio_.kind == AudioKind::descriptor_raw,
                           [inbox = inbox_] { inbox->stir(); });
      break;
  }
  return open_pushed(push_buffer_);
}

void Job::report(Event event) {
  if (is_part()) {  // of the languages of all parts, the first one's stands for the recording
    if (event.kind != EventKind::language || part_.number != 0 || part_.whole->ended_) return;
    part_.whole->at.division->language = event.text;
    part_.whole->report(std::move(event));
    return;
  }
  event.tag = options_.tag;
  queue_->put(std::move(event));
}

void Job::report_progress(double done_seconds, double total_seconds) {
  if (is_part()) {
    part_.whole->part_reached(part_, done_seconds, total_seconds);
    return;
  }
  if (!options_.report_progress) return;
  Event event;
  event.kind = EventKind::progress;
  event.done_seconds = done_seconds;
  event.total_seconds = total_seconds;
  report(std::move(event));
}

void Job::report_segments(const std::vector<output::Segment>& segments) {
  if (is_part()) {
    part_.whole->part_said(part_, segments);
    return;
  }
  unread_.fetch_add(static_cast<int32_t>(segments.size()), std::memory_order_relaxed);
  for (const output::Segment& segment : segments) {
    Event event;
    event.kind = EventKind::segment;
    event.segment = segment;
    event.credit = std::shared_ptr<void>(nullptr, [self = weak_from_this()](void*) {
      const auto job = self.lock();
      if (!job) return;
      job->unread_.fetch_sub(1, std::memory_order_relaxed);
      job->inbox_->stir();
    });
    report(std::move(event));
  }
}

void Job::report_tentative(output::Segment segment) {
  if (segment.text == tentative_) return;
  tentative_ = segment.text;
  Event event;
  event.kind = EventKind::tentative;
  event.segment = std::move(segment);
  event.replaces = this;
  report(std::move(event));
}

void Job::finish(Result result, bool cancelled) {
  if (is_part()) {
    ended_ = true;
    if (!cancelled) part_.whole->part_ended(part_, std::move(result));
    return;
  }
  Event event;
  event.kind = EventKind::finished;
  event.cancelled = cancelled;
  event.done_seconds = event.total_seconds = result.duration_seconds;
  ended(std::make_shared<const Result>(std::move(result)), std::nullopt);
  report(std::move(event));
}

void Job::fail(const Error& error) {
  if (is_part()) {
    ended_ = true;
    if (!part_.whole->ended_) part_.whole->at.division->failure = std::make_exception_ptr(error);
    inbox_->stir();
    return;
  }
  Event event;
  event.kind = EventKind::failed;
  event.text = error.what();
  event.error = error.code();
  ended(nullptr, error);
  report(std::move(event));
}

void Job::ended(std::shared_ptr<const Result> result, std::optional<Error> error) {
  if (push_buffer_) push_buffer_->stop();
  ended_ = true;
  cancelled_->store(true, std::memory_order_relaxed);  // parts that still run are in vain
  {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    error_ = std::move(error);
  }
  const std::lock_guard lock(inbox_->mutex);
  --inbox_->open_jobs;
}

}  // namespace wtrt::runtime
