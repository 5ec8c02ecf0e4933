// One transcription as both sides see it: the caller's handle, and the scheduler's state.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "audio/log_mel.hpp"
#include "runtime/division.hpp"
#include "runtime/event_queue.hpp"
#include "runtime/pushed_source.hpp"
#include "runtime/result.hpp"
#include "runtime/stopwatch.hpp"
#include "vad/speech_source.hpp"
#include "whisper/language_detection.hpp"
#include "whisper/transcription.hpp"

namespace wtrt::runtime {

class Job;

// What wakes the scheduler. Shared by the engine, its jobs and their background tasks.
struct Inbox {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  bool stirred = false;  // something happened since the scheduler last looked
  std::vector<std::shared_ptr<Job>> submitted;
  int32_t open_jobs = 0;  // submitted and not yet ended

  void stir();
};

enum class AudioKind : int32_t { path = 0, bytes = 1, samples = 2, pushed = 3, descriptor = 4, descriptor_raw = 5 };

struct AudioInput {
  AudioKind kind = AudioKind::path;
  std::string path;
  std::vector<std::byte> bytes;
  std::vector<float> samples;
  int descriptor = -1;
  int channel = audio::kMixed;  // of a path or bytes: the one that is read
};

struct JobOptions {
  whisper::TranscribeOptions transcribe;
  std::optional<vad::VadOptions> vad = std::nullopt;  // transcribe only the speech
  bool batched = false;         // in chunks of speech that know nothing of each other; needs `vad`
  bool split_channels = false;  // each by itself
  uint64_t tag = 0;
  int32_t max_pending_segments = 64;
  bool report_progress = false;
};

// A job that transcribes a part of another one's recording: it reports to that one.
struct PartOf {
  std::shared_ptr<Job> whole;  // null: it is no part
  size_t number = 0;
  int64_t start = 0, samples = 0;  // of a chunk: where it begins in the speech of the recording, and its length
};

class Job : public std::enable_shared_from_this<Job> {
 public:
  Job(PartOf part, AudioInput audio, JobOptions options);
  Job(std::shared_ptr<Inbox> inbox, std::shared_ptr<EventQueue> queue, AudioInput audio, JobOptions options);

  // ---- the caller's side; any thread ----
  void cancel();
  void push(std::span<const float> samples);
  void end_audio();
  // Throws busy while the job runs, or the job's own error.
  std::shared_ptr<const Result> result() const;

  // ---- the scheduler's side ----
  bool cancelled() const { return cancelled_->load(std::memory_order_relaxed); }
  const JobOptions& options() const { return options_; }
  bool is_part() const { return part_.whole != nullptr; }
  bool has_credit() const {
    return is_part() ? part_.whole->has_credit()
                     : unread_.load(std::memory_order_relaxed) < options_.max_pending_segments;
  }
  bool pushed() const { return push_buffer_ != nullptr; }
  const std::shared_ptr<EventQueue>& queue() const { return queue_; }
  // Whether a window of `frames` frames from `seek` on can be made without waiting for whoever pushes.
  bool audio_available(int64_t seek, int64_t frames) const;
  // Mel frames that a live window from `seek` on can be filled with at once, up to a whole one; 0: too early to decode it again.
  int32_t live_frames(int64_t seek, int64_t listened) const;
  // Whether more of the audio has come in which speech can be searched for, and the search until that window can be made or no more has come.
  bool speech_to_search() const;
  void search_speech(int64_t seek, int64_t frames);  // on a background thread
  std::unique_ptr<audio::PcmSource> open_source();   // once; on a background thread
  // Where the job's audio is filtered: seconds of what is left to seconds of the recording.
  double original_time(double seconds) const { return speech_map_ ? speech_map_->original_time(seconds) : seconds; }
  void restore_times(std::vector<output::Segment>& segments) const;
  // Fills in the recording's length, as far as it is known, and how much of it was transcribed. `frames`: content of the reader, -1 while unknown.
  void measure(Result& result, int64_t frames) const;
  void report(Event event);  // adds the tag
  void report_progress(double done_seconds, double total_seconds);
  void report_segments(const std::vector<output::Segment>& segments);
  void report_tentative(output::Segment segment);  // unless it says what the last one said
  void finish(Result result, bool cancelled);
  void fail(const Error& error);
  bool ended() const { return ended_; }  // scheduler's thread only

  // ---- a job in parts, which are jobs of their own and report here; scheduler's thread but where it says otherwise ----
  bool in_parts() const { return options_.batched || options_.split_channels; }
  void open_parts();     // on a background thread
  bool chunk_to_read();  // more can be read of what is cut into chunks, and is needed
  void read_chunk();     // on a background thread
  // The next one, if there is one and not more than `most` are under way. `detects`: the model has languages to detect.
  std::shared_ptr<Job> next_part(size_t most, bool detects);
  bool parts_ended() const;  // all that there are
  Result joined();           // what they made

  enum class Phase : int32_t { submitted, opening, idle, filling, ready, encoded, decoding, cut, aligned, timing };
  struct Progress {  // owned by the scheduler's thread, lent to one background task at a time
    Phase phase = Phase::submitted;
    std::atomic<bool> task_running{false};
    std::exception_ptr task_error;
    std::unique_ptr<audio::MelReader> reader;
    vad::SpeechSource* speech = nullptr;  // the reader's source, if it is filtered
    std::unique_ptr<whisper::Transcription> transcription;
    std::vector<int32_t> suppressed;
    std::vector<size_t> languages;              // what detection chooses from
    whisper::LanguageVote vote;                 // of the recording's first windows
    std::vector<float> language_probabilities;  // of the first detection
    std::vector<float> mel;                     // [mels, 3000] of the window at hand
    int32_t frames = 0;                         // real frames in it
    int32_t wanted = audio::kWindowFrames;      // frames it is to be filled with
    Stopwatch begun;                            // since it began to be filled
    double hypothesis_seconds = 0;              // from there to its words, of the last live one
    bool detecting = false;                     // the language is to be detected from the window at hand
    bool leading = false;   // which is the next one of the recording's first, and not the window at seek()
    int32_t positions = 0;  // of the encoder it takes
    int32_t frames_heard() const { return std::min(frames, 2 * positions); }
    int32_t slot = -1;                       // the window's cross-KV, for all attempts at it
    std::vector<int32_t> rows;               // of the attempt under way
    std::unique_ptr<Division> division;      // of a job in parts
    whisper::AlignmentScores alignment;      // of the window at hand
    std::vector<whisper::WordTiming> words;  // what was made of it
  } at;

 private:
  std::unique_ptr<audio::PcmSource> open_audio();
  std::unique_ptr<vad::SpeechSource> open_speech();
  JobOptions options_of_parts() const;
  void part_said(const PartOf& part, std::vector<output::Segment> segments);
  void part_reached(const PartOf& part, double seconds, double total_seconds);
  void part_ended(const PartOf& part, Result result);
  void ended(std::shared_ptr<const Result> result, std::optional<Error> error);

  std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<EventQueue> queue_;
  AudioInput audio_;
  JobOptions options_;
  PartOf part_;
  std::shared_ptr<PushBuffer> push_buffer_;
  std::shared_ptr<vad::SpeechMap> speech_map_;    // null: the audio is not filtered
  std::shared_ptr<std::atomic<bool>> cancelled_;  // shared with its parts
  std::atomic<int32_t> unread_{0};
  bool ended_ = false;
  std::string tentative_;  // the text reported last
  mutable std::mutex mutex_;
  std::shared_ptr<const Result> result_;
  std::optional<Error> error_;
};

}  // namespace wtrt::runtime
