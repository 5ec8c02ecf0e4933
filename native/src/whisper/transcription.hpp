// One recording's way through its windows: where the next one begins, what it is conditioned on, what became of it.
// Knows no device: the engine decodes the windows it asks for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "output/writers.hpp"
#include "text/tokenizer.hpp"
#include "whisper/clips.hpp"
#include "whisper/hallucinations.hpp"
#include "whisper/live.hpp"
#include "whisper/options.hpp"
#include "whisper/segments.hpp"
#include "whisper/task_tokens.hpp"
#include "whisper/words.hpp"

namespace wtrt::whisper {

// How a window is decoded this time.
struct DecodingAttempt {
  int32_t number = 0;  // from 0 within the window
  double temperature = 0;
  int32_t beam_size = 1, candidates = 1;  // rows; at most one of them above 1
};

class Transcription {
 public:
  // `options` have been checked.
  Transcription(std::shared_ptr<const text::Tokenizer> tokenizer, TranscribeOptions options, int32_t text_context);

  const TranscribeOptions& options() const { return options_; }
  // Whether the language of the next window is still to be detected.
  bool needs_language() const { return language_.empty() || (per_window_ && !heard_); }
  void set_language(std::string code);
  const std::string& language() const { return language_; }  // of the next window

  bool ended() const { return clip_ == clips_.size(); }  // no window is left
  int64_t seek() const { return seek_; }                 // mel frame where the next window begins
  int32_t most_frames() const;                           // what it holds at most: 30 s, and not beyond its clip
  void end_clip();              // the recording was over before the clip was: goes on with the next one
  WindowPrompt prompt() const;  // of that window

  DecodingAttempt attempt() const;  // the next one at that window
  // Positions of the encoder it takes, where the window holds so many real frames.
  int32_t positions(int64_t frames) const;
  // Takes note of it. True: it is kept, be it good or the last one; false: the window, of `frames` real frames, is to be
  // decoded hotter, or if it was short at full length.
  bool judge(const DecodedWindow& window, int64_t frames);
  // Takes the window at seek() of `frames` real frames: skips it as silence, or cuts it into segments, which are kept by keep().
  void cut(const DecodedWindow& window, int64_t frames);
  // What the window just cut must be aligned with before it is kept; null: nothing.
  const AlignmentPrompt* to_align() const;
  // Keeps the segments of the window just cut (returned, with ids) and moves on. `words`: what time_words() made of it. `content`: mel
  // frames of the whole recording, or -1 while unknown.
  std::vector<output::Segment> keep(std::vector<WordTiming> words, int64_t content);
  // Both at once, where words are not wanted.
  std::vector<output::Segment> accept(const DecodedWindow& window, int64_t frames);

  // ---- live: the window at seek() is decoded again and again while it grows ----
  bool live() const { return options_.live_interval.has_value(); }
  // The window holds `frames` frames now, more than when it was last decoded.
  void listen(int64_t frames, Heard heard);
  int64_t listened() const { return listened_; }  // mel frame up to which it was decoded
  // What is not certain yet, with times; empty text: nothing.
  output::Segment tentative() const;

  // All that was kept so far.
  output::Transcript transcript() const;

 private:
  int32_t verdict(const DecodedWindow& window, const WindowQuality& quality) const;
  // Whether it has a timestamp behind the end of what was encoded.
  bool says_too_much(const DecodedWindow& window) const;
  // Whether it ends so shortly before its sound does that the rest would be a window with next to nothing in it.
  bool leaves_scraps(const DecodedWindow& window, int64_t frames) const;
  bool is_silence(const DecodedWindow& window, const WindowQuality& quality) const;
  void move_to(int64_t seek);
  WindowPrompt live_prompt() const;
  void cut_live(const DecodedWindow& window, const WindowQuality& quality, int64_t frames);
  std::vector<output::Segment> keep_live(std::vector<WordTiming> words);
  output::Segment live_segment(const output::Segment& window, std::span<const WordTiming> words) const;
  // Gives the segments their words, drops made-up ones, and decides where the next window begins.
  NextSeek settle_words(std::vector<WordTiming> words, int64_t content);

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  TranscribeOptions options_;
  int32_t text_context_;
  std::string language_, first_language_;
  bool per_window_ = false;  // the language is detected anew
  bool heard_ = false;       // that of the window at seek_
  std::vector<Clip> clips_;
  size_t clip_ = 0;  // where seek_ is
  int64_t seek_ = 0;
  std::vector<text::TokenId> history_;  // initial prompt, then every kept token
  size_t initial_prompt_size_ = 0;
  size_t prompt_from_ = 0;  // windows are conditioned on history from here on
  std::vector<output::Segment> segments_;
  std::vector<output::Attempt> attempts_;
  int32_t tried_ = 0;         // attempts at the window at seek_, at the length it now has
  bool full_length_ = false;  // that window proved too short
  double last_speech_ = 0;    // seconds: where the last word so far ended

  LiveWindow live_;
  size_t live_from_ = 0;  // history from here on is of the window at seek_
  int64_t listened_ = 0;
  Heard live_heard_ = Heard::all;
  output::Segment tentative_;

  // The window that was cut and not yet kept.
  struct Pending {
    CutWindow window;
    int64_t frames;
    double temperature;
    AlignmentPrompt prompt;
  };
  std::optional<Pending> pending_;
};

}  // namespace wtrt::whisper
