// WhisperTrt for C++17 and later: RAII over the C ABI of whispertrt.h. Header only; link libwhispertrt.
//
//   whispertrt::Model model("models/whisper-tiny.en-int8");
//   whispertrt::Engine engine(model);
//   for (const auto& segment : engine.transcribe(whispertrt::Audio::file("talk.flac")))
//     std::cout << segment.start << " " << segment.text << "\n";
//
// - What fails throws whispertrt::Error, which carries the code (WTRT_ERROR_*) and the library's message.
// - Model, Engine, Queue, Job and Result are references: copying one adds a reference to the same thing, which is as
//   thread-safe as whispertrt.h says. A moved-from object may only be assigned to or destroyed.
// - Options are the C structs with the library's defaults filled in; set the fields you want otherwise.
// - Segments, words and texts are copies and live as long as you keep them.
// - The log sink, the one callback, is set by wtrt_set_log_sink() of the C ABI.
#ifndef WHISPERTRT_HPP
#define WHISPERTRT_HPP

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "whispertrt.h"

namespace whispertrt {

// A failed call: code() is one of WTRT_ERROR_*, what() names the thing, the value and the remedy.
class Error : public std::runtime_error {
 public:
  Error(int32_t code, const std::string& message) : std::runtime_error(message), code_(code) {}
  int32_t code() const noexcept { return code_; }

 private:
  int32_t code_;
};

namespace detail {

// Throws what a call of the C ABI returned, unless it succeeded.
inline void check(wtrt_error* error) {
  if (error == nullptr) return;
  const std::unique_ptr<wtrt_error, decltype(&wtrt_error_release)> owner(error, &wtrt_error_release);
  throw Error(wtrt_error_code(error), wtrt_error_message(error));
}

// The loaded library must be of this header's major version and at least of its minor one.
inline void require_abi() {
  static const uint32_t version = wtrt_abi_version();
  const auto minor = static_cast<int32_t>(version % 65536);
  if (version / 65536 == WTRT_ABI_MAJOR && minor >= WTRT_ABI_MINOR) return;
  throw Error(WTRT_ERROR_ABI_MISMATCH, "libwhispertrt has ABI " + std::to_string(version / 65536) + "." +
                                           std::to_string(minor) + ", this program was compiled for " +
                                           std::to_string(WTRT_ABI_MAJOR) + "." + std::to_string(WTRT_ABI_MINOR) +
                                           ": install the library of that version or compile anew");
}

inline std::string string_of(const char* data, int64_t size) {
  return data == nullptr ? std::string() : std::string(data, static_cast<size_t>(size));
}

inline std::string take(wtrt_text* text) {
  const std::unique_ptr<wtrt_text, decltype(&wtrt_text_release)> owner(text, &wtrt_text_release);
  return string_of(wtrt_text_data(text), wtrt_text_size(text));
}

inline int64_t size_of(std::string_view text) { return static_cast<int64_t>(text.size()); }

// Element `index` of an array handed out: elements are as large as the library made them.
template <typename T>
const T& element(const T* first, int64_t index) {
  return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(first) +
                                     index * static_cast<int64_t>(first->struct_size));
}

// A struct that the library fills in.
template <typename T>
T sized() {
  T value;
  std::memset(&value, 0, sizeof value);
  value.struct_size = static_cast<uint32_t>(sizeof value);
  return value;
}

// A counted reference to an object of the library.
template <typename T, void (*Retain)(T*), void (*Release)(T*)>
class Reference {
 public:
  explicit Reference(T* owned) noexcept : handle_(owned) {}
  Reference(const Reference& other) noexcept : handle_(other.handle_) { Retain(handle_); }
  Reference(Reference&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Reference& operator=(Reference other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Reference() { Release(handle_); }

  // The C handle, for calls that this header does not wrap; it stays owned by this object.
  T* get() const noexcept { return handle_; }

 private:
  T* handle_;
};

}  // namespace detail

// ---- Options: the C structs with the library's defaults
// --------------------------------------------------------------

struct ModelOptions : wtrt_model_options {
  ModelOptions() : wtrt_model_options() {
    wtrt_model_options_init(this, static_cast<uint32_t>(sizeof(wtrt_model_options)));
  }
  // On a device: "auto", "cpu", "cuda", or "cuda:1" for one of several GPUs. Throws INVALID_ARGUMENT.
  explicit ModelOptions(std::string_view on) : ModelOptions() {
    constexpr std::string_view gpu = "cuda:";
    device = on == "auto" ? WTRT_AUTO : on == "cpu" ? WTRT_DEVICE_CPU : WTRT_DEVICE_CUDA;
    if (on == "auto" || on == "cpu" || on == "cuda") return;
    const bool indexed = on.substr(0, gpu.size()) == gpu;
    const char* const end = on.data() + on.size();
    const auto read = std::from_chars(indexed ? on.data() + gpu.size() : end, end, device_index);
    if (read.ec == std::errc() && read.ptr == end && device_index >= 0) return;
    throw Error(WTRT_ERROR_INVALID_ARGUMENT,
                "device is '" + std::string(on) + "'; it must be auto, cpu, cuda, or cuda: and the index of a GPU");
  }
};

struct EngineOptions : wtrt_engine_options {
  EngineOptions() : wtrt_engine_options() {
    wtrt_engine_options_init(this, static_cast<uint32_t>(sizeof(wtrt_engine_options)));
  }
};

struct WriteOptions : wtrt_write_options {
  WriteOptions() : wtrt_write_options() {
    wtrt_write_options_init(this, static_cast<uint32_t>(sizeof(wtrt_write_options)));
  }
};

struct VadOptions : wtrt_vad_options {
  VadOptions() : wtrt_vad_options() { wtrt_vad_options_init(this, static_cast<uint32_t>(sizeof(wtrt_vad_options))); }
};

// The texts among the fields are std::string here, and so is `vad` an object.
struct TranscribeOptions : wtrt_transcribe_options {
  std::string language;                 // code or English name; empty: detect it
  std::string initial_prompt;           // text the first window is conditioned on; empty: none
  std::string suppress_tokens = "-1";   // see wtrt_transcribe_options
  std::vector<double> temperatures;     // tried one after the other; empty: the library's
  std::string prefix;                   // every window's transcript begins with it; empty: none
  std::string hotwords;                 // every window is conditioned on them; empty: none
  std::string prepend_punctuations;     // joined to the word behind them
  std::string append_punctuations;      // joined to the word before them
  std::optional<VadOptions> vad;        // transcribe only the speech; none: all
  std::vector<double> clip_timestamps;  // start, end, … in seconds of what is transcribed; empty: all
  std::string languages;                // what detection chooses from, separated by commas; empty: all

  TranscribeOptions() : wtrt_transcribe_options() {
    wtrt_transcribe_options_init(this, static_cast<uint32_t>(sizeof(wtrt_transcribe_options)));
    const wtrt_transcribe_options& defaults = *this;
    prepend_punctuations.assign(defaults.prepend_punctuations, static_cast<size_t>(defaults.prepend_punctuations_size));
    append_punctuations.assign(defaults.append_punctuations, static_cast<size_t>(defaults.append_punctuations_size));
  }

  // The C struct; its pointers live as long as this object is neither changed nor destroyed.
  wtrt_transcribe_options native() const {
    wtrt_transcribe_options options = *this;
    options.language = language.empty() ? nullptr : language.data();
    options.language_size = detail::size_of(language);
    options.initial_prompt = initial_prompt.empty() ? nullptr : initial_prompt.data();
    options.initial_prompt_size = detail::size_of(initial_prompt);
    options.suppress_tokens = suppress_tokens.c_str();
    options.suppress_tokens_size = detail::size_of(suppress_tokens);
    if (!temperatures.empty()) {
      options.temperatures = temperatures.data();
      options.temperature_count = static_cast<int64_t>(temperatures.size());
    }
    options.prefix = prefix.empty() ? nullptr : prefix.data();
    options.prefix_size = detail::size_of(prefix);
    options.hotwords = hotwords.empty() ? nullptr : hotwords.data();
    options.hotwords_size = detail::size_of(hotwords);
    options.prepend_punctuations = prepend_punctuations.c_str();
    options.prepend_punctuations_size = detail::size_of(prepend_punctuations);
    options.append_punctuations = append_punctuations.c_str();
    options.append_punctuations_size = detail::size_of(append_punctuations);
    options.vad = vad ? &*vad : nullptr;
    options.clip_timestamps = clip_timestamps.data();
    options.clip_timestamp_count = static_cast<int64_t>(clip_timestamps.size());
    options.languages = languages.empty() ? nullptr : languages.data();
    options.languages_size = detail::size_of(languages);
    return options;
  }
};

// ---- What comes out
// --------------------------------------------------------------------------------------------------

struct Word {
  std::string text;
  double start;  // seconds
  double end;    // seconds
  double probability;
};

// A piece of the transcript; the fields are those of wtrt_segment.
struct Segment {
  int32_t id = 0;
  int64_t seek = 0;  // mel frame (10 ms) where its window begins
  double start = 0;  // seconds from the beginning of the audio
  double end = 0;
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<Word> words;  // empty unless asked for
  double temperature = 0;
  double avg_logprob = 0;
  double compression_ratio = 0;
  double no_speech_prob = 0;
  int32_t channel = -1;  // -1: all channels were mixed
  std::string language;  // code

  Segment() = default;
  explicit Segment(const wtrt_segment& from)
      : id(from.id),
        seek(from.seek),
        start(from.start),
        end(from.end),
        text(detail::string_of(from.text, from.text_size)),
        temperature(from.temperature),
        avg_logprob(from.avg_logprob),
        compression_ratio(from.compression_ratio),
        no_speech_prob(from.no_speech_prob),
        channel(from.channel),
        language(detail::string_of(from.language, from.language_size)) {
    if (from.tokens != nullptr) tokens.assign(from.tokens, from.tokens + from.token_count);
    words.reserve(static_cast<size_t>(from.word_count));
    for (int64_t i = 0; i < from.word_count; ++i) {
      const wtrt_word& word = detail::element(from.words, i);
      words.push_back({detail::string_of(word.text, word.text_size), word.start, word.end, word.probability});
    }
  }
};

// One attempt at a window; the fields are those of wtrt_attempt.
struct Attempt {
  int32_t verdict = WTRT_VERDICT_ACCEPTED;
  int64_t seek = 0;  // mel frame (10 ms) where the window begins
  double temperature = 0;
  int32_t beam_size = 1;
  int32_t candidates = 1;
  double avg_logprob = 0;
  double compression_ratio = 0;
  double no_speech_prob = 0;
  std::vector<int32_t> tokens;
  int32_t channel = -1;          // -1: all channels were mixed
  int32_t audio_context = 1500;  // positions of the encoder; 1500: full length

  Attempt() = default;
  explicit Attempt(const wtrt_attempt& from)
      : verdict(from.verdict),
        seek(from.seek),
        temperature(from.temperature),
        beam_size(from.beam_size),
        candidates(from.candidates),
        avg_logprob(from.avg_logprob),
        compression_ratio(from.compression_ratio),
        no_speech_prob(from.no_speech_prob),
        channel(from.channel),
        audio_context(from.audio_context) {
    if (from.tokens != nullptr) tokens.assign(from.tokens, from.tokens + from.token_count);
  }
};

// What a live transcription says next.
struct LiveText {
  Segment segment;
  bool stable = false;  // it stays; else it replaces the last tentative text
};

struct Language {
  std::string code;  // "en"
  std::string name;  // "english"
};

// ---- What goes in
// ----------------------------------------------------------------------------------------------------

// The sound to transcribe. Bytes and samples are borrowed until the job was submitted, which copies them.
class Audio {
 public:
  // A file; the path is UTF-8.
  static Audio file(std::string path) {
    Audio audio(WTRT_AUDIO_PATH, nullptr, 0);
    audio.path_ = std::move(path);
    return audio;
  }
  // An encoded file in memory.
  static Audio bytes(const void* data, size_t size) {
    return Audio(WTRT_AUDIO_BYTES, data, static_cast<int64_t>(size));
  }
  // 16 kHz mono samples in [-1, 1].
  static Audio samples(const float* data, size_t count) {
    return Audio(WTRT_AUDIO_SAMPLES, data, static_cast<int64_t>(count * sizeof(float)));
  }
  static Audio samples(const std::vector<float>& values) { return samples(values.data(), values.size()); }
  // Samples that come later by Job::push().
  static Audio pushed() { return Audio(WTRT_AUDIO_PUSHED, nullptr, 0); }
  // An open file descriptor, to stay open until the job finished; `raw`: 16 kHz mono signed 16-bit samples, no
  // container.
  static Audio descriptor(int number, bool raw = false) {
    return Audio(raw ? WTRT_AUDIO_DESCRIPTOR_RAW : WTRT_AUDIO_DESCRIPTOR, nullptr, number);
  }

  // The C struct; lives as long as this object.
  wtrt_audio native() const {
    auto audio = detail::sized<wtrt_audio>();
    audio.kind = kind_;
    audio.data = kind_ == WTRT_AUDIO_PATH ? path_.data() : data_;
    audio.size = kind_ == WTRT_AUDIO_PATH ? detail::size_of(path_) : size_;
    return audio;
  }

 private:
  Audio(int32_t kind, const void* data, int64_t size) : kind_(kind), data_(data), size_(size) {}

  int32_t kind_;
  std::string path_;
  const void* data_;
  int64_t size_;
};

// ---- Model
// -----------------------------------------------------------------------------------------------------------

// Weights on one device with their tokenizer. Immutable; shared by threads and engines.
class Model : public detail::Reference<wtrt_model, wtrt_model_retain, wtrt_model_release> {
 public:
  // `name_or_path`: a checkpoint directory, or a name ("tiny.en") looked for in $WHISPERTRT_MODELS and the Hugging Face
  // cache.
  explicit Model(std::string_view name_or_path, const ModelOptions& options = {})
      : Reference(load(name_or_path, options)) {}

  wtrt_model_info info() const {
    auto info = detail::sized<wtrt_model_info>();
    detail::check(wtrt_model_get_info(get(), &info));
    return info;
  }

  // Times each act of the device, as JSON (wtrt_bench). `batches` empty: 1, 8 and 32.
  std::string bench(const std::vector<int32_t>& batches = {}, int32_t repetitions = 15) const {
    wtrt_bench_options options;
    wtrt_bench_options_init(&options, sizeof options);
    if (!batches.empty()) {
      options.batches = batches.data();
      options.batch_count = static_cast<int64_t>(batches.size());
    }
    options.repetitions = repetitions;
    wtrt_text* report = nullptr;
    detail::check(wtrt_bench(get(), &options, &report));
    return detail::take(report);
  }

  // The languages it knows, in the order of their tokens.
  std::vector<Language> languages() const {
    std::vector<Language> all;
    const int32_t count = info().languages;
    for (int32_t i = 0; i < count; ++i) {
      const char* code = nullptr;
      const char* name = nullptr;
      detail::check(wtrt_model_get_language(get(), i, &code, &name));
      all.push_back({code, name});
    }
    return all;
  }

  std::vector<int32_t> tokenize(std::string_view text) const {
    std::vector<int32_t> tokens(text.size());  // a token is at least one byte
    int64_t count = 0;
    do {
      tokens.resize(std::max(tokens.size(), static_cast<size_t>(count)));
      detail::check(wtrt_model_tokenize(get(), text.data(), detail::size_of(text), tokens.data(),
                                        static_cast<int64_t>(tokens.size()), &count));
    } while (static_cast<size_t>(count) > tokens.size());
    tokens.resize(static_cast<size_t>(count));
    return tokens;
  }

  // `with_special`: special and timestamp tokens as <|...|>; else they are dropped.
  std::string detokenize(const std::vector<int32_t>& tokens, bool with_special = false) const {
    wtrt_text* text = nullptr;
    detail::check(
        wtrt_model_detokenize(get(), tokens.data(), static_cast<int64_t>(tokens.size()), with_special ? 1 : 0, &text));
    return detail::take(text);
  }

 private:
  static wtrt_model* load(std::string_view name_or_path, const ModelOptions& options) {
    detail::require_abi();
    wtrt_model* model = nullptr;
    detail::check(wtrt_model_load(name_or_path.data(), detail::size_of(name_or_path), &options, &model));
    return model;
  }
};

// ---- Result and job
// --------------------------------------------------------------------------------------------------

// What a finished job made. Immutable.
class Result : public detail::Reference<wtrt_result, wtrt_result_retain, wtrt_result_release> {
 public:
  explicit Result(wtrt_result* owned) noexcept : Reference(owned) {}

  std::vector<Segment> segments() const {
    const wtrt_segment* first = nullptr;
    int64_t count = 0;
    detail::check(wtrt_result_get_segments(get(), &first, &count));
    std::vector<Segment> all;
    all.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) all.emplace_back(detail::element(first, i));
    return all;
  }

  // Every attempt at every window, in order; the last one at a window was kept.
  std::vector<Attempt> attempts() const {
    const wtrt_attempt* first = nullptr;
    int64_t count = 0;
    detail::check(wtrt_result_get_attempts(get(), &first, &count));
    std::vector<Attempt> all;
    all.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) all.emplace_back(detail::element(first, i));
    return all;
  }

  std::string text() const { return borrowed(wtrt_result_get_text); }
  // The language's code, given or detected.
  std::string language() const { return borrowed(wtrt_result_get_language); }

  // Seconds of audio.
  double duration() const {
    double seconds = 0;
    detail::check(wtrt_result_get_duration(get(), &seconds));
    return seconds;
  }

  // How probable each of the model's languages was when the language was first detected; empty if it was not.
  std::vector<float> language_probabilities() const {
    const float* first = nullptr;
    int64_t count = 0;
    detail::check(wtrt_result_get_language_probabilities(get(), &first, &count));
    return std::vector<float>(first, first + count);
  }
  // Seconds of it that were transcribed: those of speech if `vad` was set.
  double speech_duration() const {
    double seconds = 0;
    detail::check(wtrt_result_get_speech_duration(get(), &seconds));
    return seconds;
  }

  // The transcript as a file's content. `format`: WTRT_FORMAT_*.
  std::string write(int32_t format, const WriteOptions& options = {}) const {
    wtrt_text* text = nullptr;
    detail::check(wtrt_result_write_with_options(get(), format, &options, &text));
    return detail::take(text);
  }

 private:
  std::string borrowed(wtrt_error* (*getter)(const wtrt_result*, const char**, int64_t*)) const {
    const char* data = nullptr;
    int64_t size = 0;
    detail::check(getter(get(), &data, &size));
    return detail::string_of(data, size);
  }
};

// One transcription under way. Dropping the last reference does not stop it: cancel() does.
class Job : public detail::Reference<wtrt_job, wtrt_job_retain, wtrt_job_release> {
 public:
  explicit Job(wtrt_job* owned) noexcept : Reference(owned) {}

  // Asks it to stop; its FINISHED event with `cancelled` follows. Idempotent.
  void cancel() noexcept { wtrt_job_cancel(get()); }
  // Adds samples to an Audio::pushed() job.
  void push(const float* samples, size_t count) {
    detail::check(wtrt_job_push(get(), samples, static_cast<int64_t>(count)));
  }
  void push(const std::vector<float>& samples) { push(samples.data(), samples.size()); }
  // Ends an Audio::pushed() job's audio. Idempotent.
  void end() { detail::check(wtrt_job_end(get())); }
  // What it made, once it finished. Throws BUSY while it runs, and a failed job's own error.
  Result result() const {
    wtrt_result* result = nullptr;
    detail::check(wtrt_job_get_result(get(), &result));
    return Result(result);
  }
};

// ---- Queue and events
// ------------------------------------------------------------------------------------------------

// Something that happened to a job. operator-> reads the C struct, whose pointers live as long as this object.
class Event {
 public:
  explicit Event(wtrt_event* owned) noexcept : event_(owned) {}
  const wtrt_event* operator->() const noexcept { return event_.get(); }
  // The segment of a WTRT_EVENT_SEGMENT or WTRT_EVENT_TENTATIVE.
  Segment segment() const { return event_->segment == nullptr ? Segment() : Segment(*event_->segment); }
  // Language code or error message.
  std::string text() const { return detail::string_of(event_->text, event_->text_size); }

 private:
  struct Deleter {
    void operator()(wtrt_event* event) const noexcept { wtrt_event_release(event); }
  };
  std::unique_ptr<wtrt_event, Deleter> event_;
};

// Where events arrive. One queue may serve several engines.
class Queue : public detail::Reference<wtrt_queue, wtrt_queue_retain, wtrt_queue_release> {
 public:
  Queue() : Reference(create()) {}

  // The next event; nothing if none came within `timeout_ms` (WTRT_NONE: no limit). Throws CLOSED after close().
  std::optional<Event> next(int32_t timeout_ms = WTRT_NONE) {
    wtrt_event* event = nullptr;
    detail::check(wtrt_queue_next(get(), timeout_ms, &event));
    if (event == nullptr) return std::nullopt;
    return Event(event);
  }
  // Wakes every waiter. Idempotent.
  void close() noexcept { wtrt_queue_close(get()); }

 private:
  static wtrt_queue* create() {
    detail::require_abi();
    wtrt_queue* queue = nullptr;
    detail::check(wtrt_queue_create(&queue));
    return queue;
  }
};

// A transcription as an input range of segments, in the order they become final. It waits in begin() and ++, where it
// also throws what made the job fail. Destroying it early cancels the job. It keeps the engine. Not thread-safe; do not
// move it while iterating.
class Transcription {
 public:
  using EngineReference = detail::Reference<wtrt_engine, wtrt_engine_retain, wtrt_engine_release>;

  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Segment;
    using difference_type = std::ptrdiff_t;
    using pointer = Segment*;
    using reference = Segment&;

    iterator() = default;
    explicit iterator(Transcription* owner) : owner_(owner) { ++*this; }
    reference operator*() const { return owner_->segment_; }
    pointer operator->() const { return &owner_->segment_; }
    iterator& operator++() {
      if (!owner_->advance()) owner_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, const iterator& b) { return a.owner_ == b.owner_; }
    friend bool operator!=(const iterator& a, const iterator& b) { return a.owner_ != b.owner_; }

   private:
    Transcription* owner_ = nullptr;
  };

  Transcription(Queue queue, Job job, EngineReference engine = EngineReference(nullptr))
      : engine_(std::move(engine)), queue_(std::move(queue)), job_(std::move(job)) {}
  Transcription(Transcription&& other) noexcept
      : engine_(std::move(other.engine_)),
        queue_(std::move(other.queue_)),
        job_(std::move(other.job_)),
        segment_(std::move(other.segment_)),
        language_(std::move(other.language_)),
        language_probability_(other.language_probability_),
        ended_(std::exchange(other.ended_, true)),
        cancelled_(other.cancelled_) {}
  Transcription(const Transcription&) = delete;
  Transcription& operator=(const Transcription&) = delete;
  Transcription& operator=(Transcription&&) = delete;
  ~Transcription() {
    if (!ended_) job_.cancel();
  }

  iterator begin() { return iterator(this); }
  iterator end() { return {}; }

  // Of a live transcription: waits for the next stable or tentative text; nothing at the end. Throws what made the job fail.
  std::optional<LiveText> next_live() {
    if (!advance(true)) return std::nullopt;
    return LiveText{segment_, stable_};
  }

  // The job, to push samples to it or to cancel it.
  Job& job() noexcept { return job_; }
  // The language's code once it was detected, before the first segment; empty where it was given.
  const std::string& detected_language() const noexcept { return language_; }
  // How probable it is, among those it was chosen from; 0 where there is none.
  double detected_language_probability() const noexcept { return language_probability_; }
  // After the last segment: was it cancelled?
  bool cancelled() const noexcept { return cancelled_; }
  // The whole result; waits for the end, dropping the segments not yet iterated over.
  Result result() {
    while (advance()) {
    }
    return job_.result();
  }

 private:
  // Waits for the next segment, or tentative text too; false at the end.
  bool advance(bool tentative = false) {
    while (!ended_) {
      const std::optional<Event> event = queue_.next();
      if (!event) continue;
      switch ((*event)->kind) {
        case WTRT_EVENT_SEGMENT:
          segment_ = event->segment();
          stable_ = true;
          return true;
        case WTRT_EVENT_TENTATIVE:
          if (!tentative) break;
          segment_ = event->segment();
          stable_ = false;
          return true;
        case WTRT_EVENT_LANGUAGE:
          language_ = event->text();
          language_probability_ = (*event)->language_probability;
          break;
        case WTRT_EVENT_FINISHED:
          ended_ = true;
          cancelled_ = (*event)->cancelled != 0;
          break;
        case WTRT_EVENT_FAILED: ended_ = true; throw Error((*event)->error_code, event->text());
        case WTRT_EVENT_CLOSED:
          ended_ = true;
          throw Error(WTRT_ERROR_CLOSED, "the engine was closed before the transcription ended");
        default: break;  // progress, and kinds that later versions add
      }
    }
    return false;
  }

  EngineReference engine_;  // the last reference to an engine cancels its jobs
  Queue queue_;
  Job job_;
  Segment segment_;
  std::string language_;
  double language_probability_ = 0;
  bool ended_ = false;
  bool cancelled_ = false;
  bool stable_ = false;
};

// ---- Engine
// ----------------------------------------------------------------------------------------------------------

// Runs transcriptions over one model, many at a time. Destroying the last reference cancels what still runs without
// waiting for it; close() waits.
class Engine : public detail::Reference<wtrt_engine, wtrt_engine_retain, wtrt_engine_release> {
 public:
  explicit Engine(const Model& model, const EngineOptions& options = {}) : Reference(create(model, options)) {}

  // What an engine with these options would take in memory. Nothing is allocated.
  static wtrt_memory_plan estimate(const Model& model, const EngineOptions& options = {}) {
    auto plan = detail::sized<wtrt_memory_plan>();
    detail::check(wtrt_engine_estimate(model.get(), &options, &plan));
    return plan;
  }

  // Hands in a job and returns at once; its events arrive in `queue`.
  Job submit(Queue& queue, const Audio& audio, const TranscribeOptions& options = {}) {
    const wtrt_audio sound = audio.native();
    const wtrt_transcribe_options how = options.native();
    wtrt_job* job = nullptr;
    detail::check(wtrt_engine_submit(get(), queue.get(), &sound, &how, &job));
    return Job(job);
  }

  // The segments of one transcription, as they become final.
  Transcription transcribe(const Audio& audio, const TranscribeOptions& options = {}) {
    Queue queue;
    Job job = submit(queue, audio, options);
    return Transcription(std::move(queue), std::move(job), *this);
  }

  // Cancels what runs and waits for the engine's thread. Idempotent.
  void close() { detail::check(wtrt_engine_close(get())); }

  // What it really took.
  wtrt_memory_plan memory() const {
    auto plan = detail::sized<wtrt_memory_plan>();
    detail::check(wtrt_engine_get_memory(get(), &plan));
    return plan;
  }

  wtrt_engine_stats stats() const {
    auto stats = detail::sized<wtrt_engine_stats>();
    detail::check(wtrt_engine_get_stats(get(), &stats));
    return stats;
  }

 private:
  static wtrt_engine* create(const Model& model, const EngineOptions& options) {
    wtrt_engine* engine = nullptr;
    detail::check(wtrt_engine_create(model.get(), &options, &engine));
    return engine;
  }
};

// ---- Device acts one by one
// ------------------------------------------------------------------------------------------

// Log-mel of 16 kHz mono samples, padded with zeros or cut to 30 s: row-major [mels, 3000].
inline std::vector<float> log_mel(const Model& model, const float* samples, size_t count) {
  std::vector<float> mel(static_cast<size_t>(model.info().mels) * 3000);
  detail::check(wtrt_log_mel(model.get(), samples, static_cast<int64_t>(count), mel.data()));
  return mel;
}

// The device acts over one window and one decode row. Not thread-safe.
class Session {
 public:
  explicit Session(const Model& model) : info_(model.info()), session_(create(model)) {}

  // `mel`: row-major [mels, 3000]. Returns row-major [audio_context, width].
  std::vector<float> encode(const std::vector<float>& mel) {
    if (mel.size() != static_cast<size_t>(info_.mels) * 3000)
      throw Error(WTRT_ERROR_INVALID_ARGUMENT, "mel has " + std::to_string(mel.size()) + " values; this model takes " +
                                                   std::to_string(info_.mels) + " x 3000");
    std::vector<float> output(static_cast<size_t>(info_.audio_context) * static_cast<size_t>(info_.width));
    detail::check(wtrt_encode(session_.get(), mel.data(), output.data()));
    return output;
  }
  // Every decoder layer's cross-attention keys and values of the encoded window.
  void project_cross_kv() { detail::check(wtrt_project_cross_kv(session_.get())); }
  // Starts a new row. Returns logits, row-major [tokens, vocabulary].
  std::vector<float> prefill(const std::vector<int32_t>& tokens) {
    std::vector<float> logits(tokens.size() * static_cast<size_t>(info_.vocabulary));
    detail::check(wtrt_prefill(session_.get(), tokens.data(), static_cast<int64_t>(tokens.size()), logits.data()));
    return logits;
  }
  // Appends one token to the row. Returns logits [vocabulary].
  std::vector<float> step(int32_t token) {
    std::vector<float> logits(static_cast<size_t>(info_.vocabulary));
    detail::check(wtrt_step(session_.get(), token, logits.data()));
    return logits;
  }

  struct Alignment {
    std::vector<float>
        scores;  // row-major [alignment_heads, tokens, audio_context]: cross-attention before the softmax
    std::vector<float> probabilities;  // [tokens], among text tokens; 0 of the first and of special ones
  };
  // Forces the tokens on the window and ends the row: what word times are made from.
  Alignment align(const std::vector<int32_t>& tokens) {
    Alignment result;
    result.scores.resize(static_cast<size_t>(info_.alignment_heads) * tokens.size() *
                         static_cast<size_t>(info_.audio_context));
    result.probabilities.resize(tokens.size());
    detail::check(wtrt_align(session_.get(), tokens.data(), static_cast<int64_t>(tokens.size()), result.scores.data(),
                             result.probabilities.data()));
    return result;
  }

 private:
  struct Deleter {
    void operator()(wtrt_session* session) const noexcept { wtrt_session_release(session); }
  };
  static wtrt_session* create(const Model& model) {
    wtrt_session* session = nullptr;
    detail::check(wtrt_session_create(model.get(), &session));
    return session;
  }

  wtrt_model_info info_;
  std::unique_ptr<wtrt_session, Deleter> session_;
};

// ---- Voice activity
// ----------------------------------------------------------------------------------------------------

// A stretch of speech: 16 kHz samples [start, end).
struct SpeechSpan {
  int64_t start;
  int64_t end;
};

// Where speech was found. Immutable.
class Speech : public detail::Reference<wtrt_speech, wtrt_speech_retain, wtrt_speech_release> {
 public:
  explicit Speech(wtrt_speech* owned) noexcept : Reference(owned) {}

  std::vector<SpeechSpan> spans() const {
    const wtrt_speech_span* first = nullptr;
    int64_t count = 0;
    detail::check(wtrt_speech_get_spans(get(), &first, &count));
    std::vector<SpeechSpan> all;
    for (int64_t i = 0; i < count; ++i) {
      const wtrt_speech_span& span = detail::element(first, i);
      all.push_back({span.start, span.end});
    }
    return all;
  }
  // Of each frame of 512 samples.
  std::vector<float> probabilities() const {
    const float* first = nullptr;
    int64_t count = 0;
    detail::check(wtrt_speech_get_probabilities(get(), &first, &count));
    return std::vector<float>(first, first + count);
  }
  // Seconds of audio.
  double duration() const {
    double seconds = 0;
    detail::check(wtrt_speech_get_duration(get(), &seconds));
    return seconds;
  }
};

// Finds the speech in a recording; needs no model.
inline Speech detect_speech(const Audio& audio, const VadOptions& options = {}) {
  detail::require_abi();
  const wtrt_audio sound = audio.native();
  wtrt_speech* speech = nullptr;
  detail::check(wtrt_detect_speech(&sound, &options, &speech));
  return Speech(speech);
}

// ---- Tools
// -----------------------------------------------------------------------------------------------------------

// Version, compiler, and what the library was built with, as JSON.
inline std::string build_info() { return wtrt_build_info(); }

// What the library looked for on this machine, what it found and why not, as JSON.
inline std::string doctor() {
  detail::require_abi();
  wtrt_text* report = nullptr;
  detail::check(wtrt_doctor(&report));
  return detail::take(report);
}

// Writes the checkpoint `model` in our quantized form into the new directory `output`.
inline void quantize(std::string_view model, std::string_view output, int32_t weights = WTRT_COMPUTE_INT8) {
  detail::require_abi();
  detail::check(wtrt_quantize(model.data(), detail::size_of(model), output.data(), detail::size_of(output), weights));
}

// Normalises text as for word error rates. `normalizer`: WTRT_NORMALIZER_*.
inline std::string normalize(std::string_view text, int32_t normalizer = WTRT_NORMALIZER_ENGLISH) {
  detail::require_abi();
  wtrt_text* normalized = nullptr;
  detail::check(wtrt_normalize(normalizer, text.data(), detail::size_of(text), &normalized));
  return detail::take(normalized);
}

}  // namespace whispertrt

#endif  // WHISPERTRT_HPP
