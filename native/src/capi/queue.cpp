// Queues, events, jobs and results.
#include "capi/handles.hpp"

using namespace wtrt;
using namespace wtrt::capi;

namespace {

// An event with what its view points to.
struct OwnedEvent : wtrt_event {
  explicit OwnedEvent(runtime::Event taken) : wtrt_event{}, event(std::move(taken)) {
    struct_size = sizeof(wtrt_event);
    kind = static_cast<int32_t>(event.kind);
    tag = event.tag;
    if (event.kind == runtime::EventKind::segment || event.kind == runtime::EventKind::tentative) {
      shown = view_of(event.segment, words);
      segment = &shown;
    }
    if (event.kind == runtime::EventKind::language || event.kind == runtime::EventKind::failed) {
      text = event.text.c_str();
      text_size = static_cast<int64_t>(event.text.size());
    }
    error_code = event.kind == runtime::EventKind::failed ? static_cast<int32_t>(event.error) : 0;
    cancelled = event.cancelled ? 1 : 0;
    done_seconds = event.done_seconds;
    total_seconds = event.total_seconds;
    language_probability = event.probability;
  }

  runtime::Event event;
  wtrt_segment shown{};
  std::vector<wtrt_word> words;
};

constexpr wtrt_write_options kWriteDefaults{
    .struct_size = sizeof(wtrt_write_options),
    .max_line_width = WTRT_NONE,
    .max_line_count = WTRT_NONE,
    .max_words_per_line = WTRT_NONE,
    .highlight_words = 0,
    .trace = 0,
};

std::optional<int> limit(const char* name, int32_t value) {
  if (value == WTRT_NONE) return std::nullopt;
  return in_range(name, value, 1, INT32_MAX);
}

output::WriteOptions write_options(const wtrt_write_options* given) {
  const wtrt_write_options from = read_options(given, kWriteDefaults, "options");
  output::WriteOptions to;
  to.layout.max_line_width = limit("max_line_width", from.max_line_width);
  to.layout.max_line_count = limit("max_line_count", from.max_line_count);
  to.layout.max_words_per_line = limit("max_words_per_line", from.max_words_per_line);
  to.layout.highlight_words = in_range("highlight_words", from.highlight_words, 0, 1) != 0;
  to.trace = in_range("trace", from.trace, 0, 1) != 0;
  return to;
}

}  // namespace

namespace wtrt::capi {

wtrt_segment view_of(const output::Segment& segment, std::vector<wtrt_word>& words) {
  words.clear();
  for (const output::Word& word : segment.words) {
    words.push_back({sizeof(wtrt_word), 0, word.text.c_str(), static_cast<int64_t>(word.text.size()), word.start,
                     word.end, word.probability});
  }
  wtrt_segment view{};
  view.struct_size = sizeof(wtrt_segment);
  view.id = static_cast<int32_t>(segment.id);
  view.seek = segment.seek;
  view.start = segment.start;
  view.end = segment.end;
  view.text = segment.text.c_str();
  view.text_size = static_cast<int64_t>(segment.text.size());
  view.tokens = segment.tokens.data();
  view.token_count = static_cast<int64_t>(segment.tokens.size());
  view.words = words.empty() ? nullptr : words.data();
  view.word_count = static_cast<int64_t>(words.size());
  view.temperature = segment.temperature;
  view.avg_logprob = segment.avg_logprob;
  view.compression_ratio = segment.compression_ratio;
  view.no_speech_prob = segment.no_speech_prob;
  view.channel = segment.channel;
  view.language = segment.language.c_str();
  view.language_size = static_cast<int64_t>(segment.language.size());
  return view;
}

wtrt_attempt view_of(const output::Attempt& attempt) {
  wtrt_attempt view{};
  view.struct_size = sizeof(wtrt_attempt);
  view.verdict = attempt.verdict;
  view.seek = attempt.seek;
  view.temperature = attempt.temperature;
  view.beam_size = attempt.beam_size;
  view.candidates = attempt.candidates;
  view.avg_logprob = attempt.avg_logprob;
  view.compression_ratio = attempt.compression_ratio;
  view.no_speech_prob = attempt.no_speech_prob;
  view.tokens = attempt.tokens.data();
  view.token_count = static_cast<int64_t>(attempt.tokens.size());
  view.channel = attempt.channel;
  view.audio_context = attempt.audio_context;
  return view;
}

}  // namespace wtrt::capi

wtrt_result::wtrt_result(std::shared_ptr<const runtime::Result> held) : Handle(std::move(held)) {
  words.resize(object->transcript.segments.size());
  for (size_t i = 0; i < words.size(); ++i) segments.push_back(view_of(object->transcript.segments[i], words[i]));
  for (const output::Attempt& attempt : object->transcript.attempts) attempts.push_back(view_of(attempt));
}

extern "C" {

wtrt_error* wtrt_queue_create(wtrt_queue** queue) {
  return guard([&] { required(queue, "queue") = new wtrt_queue(std::make_shared<runtime::EventQueue>()); });
}

void wtrt_queue_retain(wtrt_queue* queue) { retain(queue); }
void wtrt_queue_release(wtrt_queue* queue) { release(queue); }

wtrt_error* wtrt_queue_next(wtrt_queue* queue, int32_t timeout_ms, wtrt_event** event) {
  return guard([&] {
    required(event, "event");
    runtime::EventQueue& from = *required(queue, "queue").object;
    std::optional<std::chrono::milliseconds> timeout;
    if (timeout_ms != WTRT_NONE) timeout = std::chrono::milliseconds(in_range("timeout_ms", timeout_ms, 0, INT32_MAX));
    std::optional<runtime::Event> next = from.next(timeout);
    *event = next ? new OwnedEvent(std::move(*next)) : nullptr;
  });
}

void wtrt_queue_close(wtrt_queue* queue) {
  if (queue != nullptr) queue->object->close();
}

void wtrt_event_release(wtrt_event* event) { delete static_cast<OwnedEvent*>(event); }

void wtrt_job_retain(wtrt_job* job) { retain(job); }
void wtrt_job_release(wtrt_job* job) { release(job); }

void wtrt_job_cancel(wtrt_job* job) {
  if (job != nullptr) job->object->cancel();
}

wtrt_error* wtrt_job_push(wtrt_job* job, const float* samples, int64_t count) {
  return guard([&] {
    if (count < 0 || (samples == nullptr && count > 0)) refuse("samples: NULL or a negative count");
    required(job, "job").object->push({samples, static_cast<size_t>(count)});
  });
}

wtrt_error* wtrt_job_end(wtrt_job* job) {
  return guard([&] { required(job, "job").object->end_audio(); });
}

wtrt_error* wtrt_job_get_result(const wtrt_job* job, wtrt_result** result) {
  return guard([&] {
    required(result, "result");
    *result = new wtrt_result(required(job, "job").object->result());
  });
}

void wtrt_result_retain(wtrt_result* result) { retain(result); }
void wtrt_result_release(wtrt_result* result) { release(result); }

wtrt_error* wtrt_result_get_segments(const wtrt_result* result, const wtrt_segment** segments, int64_t* count) {
  return guard([&] {
    const wtrt_result& from = required(result, "result");
    required(segments, "segments");
    required(count, "count") = static_cast<int64_t>(from.segments.size());
    *segments = from.segments.data();
  });
}

wtrt_error* wtrt_result_get_attempts(const wtrt_result* result, const wtrt_attempt** attempts, int64_t* count) {
  return guard([&] {
    const wtrt_result& from = required(result, "result");
    required(attempts, "attempts");
    required(count, "count") = static_cast<int64_t>(from.attempts.size());
    *attempts = from.attempts.data();
  });
}

wtrt_error* wtrt_result_get_text(const wtrt_result* result, const char** text, int64_t* size) {
  return guard([&] {
    const std::string& from = required(result, "result").object->transcript.text;
    required(text, "text");
    required(size, "size") = static_cast<int64_t>(from.size());
    *text = from.c_str();
  });
}

wtrt_error* wtrt_result_get_language(const wtrt_result* result, const char** code, int64_t* size) {
  return guard([&] {
    const std::string& from = required(result, "result").object->transcript.language;
    required(code, "code");
    required(size, "size") = static_cast<int64_t>(from.size());
    *code = from.c_str();
  });
}

wtrt_error* wtrt_result_get_language_probabilities(const wtrt_result* result, const float** probabilities,
                                                   int64_t* count) {
  return guard([&] {
    const std::vector<float>& from = required(result, "result").object->language_probabilities;
    required(probabilities, "probabilities");
    required(count, "count") = static_cast<int64_t>(from.size());
    *probabilities = from.data();
  });
}

wtrt_error* wtrt_result_get_duration(const wtrt_result* result, double* seconds) {
  return guard([&] { required(seconds, "seconds") = required(result, "result").object->duration_seconds; });
}

wtrt_error* wtrt_result_get_speech_duration(const wtrt_result* result, double* seconds) {
  return guard([&] { required(seconds, "seconds") = required(result, "result").object->speech_seconds; });
}

wtrt_error* wtrt_result_write(const wtrt_result* result, int32_t format, wtrt_text** text) {
  return wtrt_result_write_with_options(result, format, nullptr, text);
}

void wtrt_write_options_init(wtrt_write_options* options, uint32_t struct_size) {
  if (options != nullptr) write_struct(options, struct_size, kWriteDefaults);
}

wtrt_error* wtrt_result_write_with_options(const wtrt_result* result, int32_t format, const wtrt_write_options* options,
                                           wtrt_text** text) {
  return guard([&] {
    required(text, "text");
    const auto& transcript = required(result, "result").object->transcript;
    in_range("format", format, WTRT_FORMAT_TXT, WTRT_FORMAT_LRC);
    *text = new wtrt_text{output::write(transcript, static_cast<output::Format>(format), write_options(options))};
  });
}

}  // extern "C"
