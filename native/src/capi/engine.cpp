// Engines: plan, make, submit, close.
#include <cmath>
#include <iterator>
#include <limits>

#include "capi/handles.hpp"
#include "capi/inputs.hpp"

using namespace wtrt;
using namespace wtrt::capi;

namespace {

constexpr wtrt_engine_options kEngineDefaults = {
    .struct_size = sizeof(wtrt_engine_options),
    .max_batch = 16,
    .max_queued_jobs = 1024,
    .memory_limit = WTRT_NONE,
    .kv_cache_free_gpu_memory_fraction = 0.9,
    .cross_kv_cache_fraction = std::numeric_limits<double>::quiet_NaN(),
};

constexpr double kTemperatures[] = {0.0, 0.2, 0.4, 0.6, 0.8, 1.0};
constexpr std::string_view kPrepended = whisper::kPrependPunctuations, kAppended = whisper::kAppendPunctuations;

const wtrt_transcribe_options kTranscribeDefaults = {
    .struct_size = sizeof(wtrt_transcribe_options),
    .task = WTRT_TASK_TRANSCRIBE,
    .language = nullptr,
    .language_size = 0,
    .initial_prompt = nullptr,
    .initial_prompt_size = 0,
    .suppress_tokens = nullptr,
    .suppress_tokens_size = 0,
    .condition_on_previous_text = 1,
    .suppress_blank = 1,
    .without_timestamps = 0,
    .max_new_tokens = WTRT_AUTO,
    .max_initial_timestamp = 1.0,
    .no_speech_threshold = 0.6,
    .logprob_threshold = -1.0,
    .tag = 0,
    .max_pending_segments = 64,
    .report_progress = 0,
    .beam_size = 1,
    .best_of = 1,
    .no_repeat_ngram_size = 0,
    .patience = 1.0,
    .length_penalty = std::numeric_limits<double>::quiet_NaN(),
    .temperatures = kTemperatures,
    .temperature_count = std::size(kTemperatures),
    .compression_ratio_threshold = 2.4,
    .repetition_penalty = 1.0,
    .seed = 0,
    .prefix = nullptr,
    .prefix_size = 0,
    .hotwords = nullptr,
    .hotwords_size = 0,
    .carry_initial_prompt = 0,
    .word_timestamps = 0,
    .prompt_reset_on_temperature = 0.5,
    .prepend_punctuations = kPrepended.data(),
    .prepend_punctuations_size = static_cast<int64_t>(kPrepended.size()),
    .append_punctuations = kAppended.data(),
    .append_punctuations_size = static_cast<int64_t>(kAppended.size()),
    .hallucination_silence_threshold = std::numeric_limits<double>::quiet_NaN(),
    .vad = nullptr,
    .clip_timestamps = nullptr,
    .clip_timestamp_count = 0,
    .languages = nullptr,
    .languages_size = 0,
    .multilingual = 0,
    .batched = 0,
    .channels = WTRT_CHANNELS_MIX,
    .live = 0,
    .audio_context = WTRT_NONE,
    .audio_context_tail = whisper::AudioContext{}.tail,
    .live_interval = 0.5,
    .language_detection_threshold = whisper::TranscribeOptions{}.language_detection_threshold,
    .language_detection_segments = whisper::TranscribeOptions{}.language_detection_segments,
};

runtime::EngineOptions engine_options(const wtrt_engine_options* given) {
  const wtrt_engine_options options = read_options(given, kEngineDefaults, "options");
  if (options.memory_limit < 0 && options.memory_limit != WTRT_NONE) {
    refuse("memory_limit: " + std::to_string(options.memory_limit) + " is neither a number of bytes nor WTRT_NONE");
  }
  return {.max_batch = options.max_batch,
          .max_queued_jobs = options.max_queued_jobs,
          .memory_limit = options.memory_limit == WTRT_NONE ? -1 : options.memory_limit,
          .kv_fraction = options.kv_cache_free_gpu_memory_fraction,
          .cross_kv_fraction = options.cross_kv_cache_fraction};
}

std::optional<double> threshold(const char* name, double value, double least, double most) {
  if (std::isnan(value)) return std::nullopt;
  if (value < least || value > most) {
    refuse(std::string(name) + ": " + std::to_string(value) + " is outside " + std::to_string(least) + ".." +
           std::to_string(most) + "; NaN switches it off");
  }
  return value;
}

double number(const char* name, double value, double least, double most) {
  if (value >= least && value <= most) return value;
  refuse(std::string(name) + ": " + std::to_string(value) + " is outside " + std::to_string(least) + ".." +
         std::to_string(most));
}

double positive(const char* name, double value, double most) {
  if (value > 0 && value <= most) return value;
  refuse(std::string(name) + ": " + std::to_string(value) + " is not above 0 and at most " + std::to_string(most));
}

std::vector<double> temperatures_of(const wtrt_transcribe_options& from) {
  if (from.temperatures == nullptr || from.temperature_count < 1 || from.temperature_count > 32) {
    refuse("temperature_count: " + std::to_string(from.temperature_count) + " temperatures are given; 1..32 must be");
  }
  std::vector<double> all(from.temperatures, from.temperatures + from.temperature_count);
  for (const double temperature : all) number("temperatures", temperature, 0, 10);
  return all;
}

void decoding_options(const wtrt_transcribe_options& from, whisper::TranscribeOptions& to) {
  to.beam_size = in_range("beam_size", from.beam_size, 1, ops::kMaxBeams);
  to.best_of = in_range("best_of", from.best_of, 1, 256);
  to.patience = positive("patience", from.patience, 100);
  to.length_penalty = threshold("length_penalty", from.length_penalty, 0, 1);
  to.temperatures = temperatures_of(from);
  to.compression_ratio_threshold = threshold("compression_ratio_threshold", from.compression_ratio_threshold, 0, 1e9);
  to.repetition_penalty = positive("repetition_penalty", from.repetition_penalty, 10);
  to.no_repeat_ngram_size = in_range("no_repeat_ngram_size", from.no_repeat_ngram_size, 0, 448);
  to.seed = from.seed;
  to.prefix = text_argument(from.prefix, from.prefix_size, "prefix");
  to.hotwords = text_argument(from.hotwords, from.hotwords_size, "hotwords");
  to.carry_initial_prompt = in_range("carry_initial_prompt", from.carry_initial_prompt, 0, 1) != 0;
  to.prompt_reset_on_temperature = number("prompt_reset_on_temperature", from.prompt_reset_on_temperature, 0, 10);
}

void word_options(const wtrt_transcribe_options& from, whisper::TranscribeOptions& to) {
  to.word_timestamps = in_range("word_timestamps", from.word_timestamps, 0, 1) != 0;
  to.prepend_punctuations =
      text_argument(from.prepend_punctuations, from.prepend_punctuations_size, "prepend_punctuations");
  to.append_punctuations =
      text_argument(from.append_punctuations, from.append_punctuations_size, "append_punctuations");
  to.hallucination_silence_threshold =
      threshold("hallucination_silence_threshold", from.hallucination_silence_threshold, 0, 1e9);
}

std::vector<double> clips_of(const wtrt_transcribe_options& from) {
  const int64_t count = from.clip_timestamp_count;
  if (count < 0 || count > 1000000 || (count > 0 && from.clip_timestamps == nullptr)) {
    refuse("clip_timestamp_count: " + std::to_string(count) + " timestamps are given; 0..1000000 may be");
  }
  return {from.clip_timestamps, from.clip_timestamps + count};
}

void long_form_options(const wtrt_transcribe_options& from, runtime::JobOptions& to) {
  to.transcribe.clip_timestamps = clips_of(from);
  to.transcribe.languages = text_argument(from.languages, from.languages_size, "languages");
  to.transcribe.language_detection_threshold =
      number("language_detection_threshold", from.language_detection_threshold, 0, 1);
  to.transcribe.language_detection_segments =
      in_range("language_detection_segments", from.language_detection_segments, 1, 1000000);
  to.transcribe.multilingual = in_range("multilingual", from.multilingual, 0, 1) != 0;
  to.batched = in_range("batched", from.batched, 0, 1) != 0;
  to.split_channels =
      in_range("channels", from.channels, WTRT_CHANNELS_MIX, WTRT_CHANNELS_SPLIT) == WTRT_CHANNELS_SPLIT;
}

whisper::AudioContext audio_context(const wtrt_transcribe_options& from) {
  whisper::AudioContext context;
  if (from.audio_context == WTRT_AUTO) {
    context.positions.reset();
  } else if (from.audio_context != WTRT_NONE) {
    context.positions = in_range("audio_context", from.audio_context, 1, whisper::kFullContext);
  }
  context.tail = in_range("audio_context_tail", from.audio_context_tail, 0, whisper::kFullContext);
  return context;
}

runtime::JobOptions job_options(const wtrt_transcribe_options* given) {
  const wtrt_transcribe_options from = read_options(given, kTranscribeDefaults, "options");
  runtime::JobOptions job;
  whisper::TranscribeOptions& to = job.transcribe;
  to.task = static_cast<whisper::Task>(in_range("task", from.task, WTRT_TASK_TRANSCRIBE, WTRT_TASK_TRANSLATE));
  to.language = text_argument(from.language, from.language_size, "language");
  to.initial_prompt = text_argument(from.initial_prompt, from.initial_prompt_size, "initial_prompt");
  if (from.suppress_tokens != nullptr)
    to.suppress_tokens = text_argument(from.suppress_tokens, from.suppress_tokens_size, "suppress_tokens");
  to.condition_on_previous_text = in_range("condition_on_previous_text", from.condition_on_previous_text, 0, 1) != 0;
  to.suppress_blank = in_range("suppress_blank", from.suppress_blank, 0, 1) != 0;
  to.without_timestamps = in_range("without_timestamps", from.without_timestamps, 0, 1) != 0;
  if (from.max_new_tokens != WTRT_AUTO) to.max_new_tokens = in_range("max_new_tokens", from.max_new_tokens, 1, 224);
  to.max_initial_timestamp = threshold("max_initial_timestamp", from.max_initial_timestamp, 0, 30);
  to.no_speech_threshold = threshold("no_speech_threshold", from.no_speech_threshold, 0, 1);
  to.logprob_threshold = threshold("logprob_threshold", from.logprob_threshold, -1e9, 0);
  decoding_options(from, to);
  word_options(from, to);
  to.audio_context = audio_context(from);
  job.tag = from.tag;
  job.max_pending_segments = in_range("max_pending_segments", from.max_pending_segments, 1, 1000000);
  job.report_progress = in_range("report_progress", from.report_progress, 0, 1) != 0;
  const double interval = number("live_interval", from.live_interval, 0.1, 30);
  if (in_range("live", from.live, 0, 1) != 0) to.live_interval = interval;
  if (from.vad != nullptr) job.vad = vad_options(from.vad);
  long_form_options(from, job);
  return job;
}

wtrt_memory_plan view_of(const runtime::MemoryPlan& plan) {
  wtrt_memory_plan view{};
  view.max_batch = plan.max_batch;
  view.weights = plan.weights;
  view.self_kv = plan.self_kv;
  view.cross_kv = plan.cross_kv;
  view.workspace = plan.workspace;
  view.total = plan.weights + plan.beside_weights();
  return view;
}

}  // namespace

extern "C" {

void wtrt_engine_options_init(wtrt_engine_options* options, uint32_t struct_size) {
  if (options != nullptr) write_struct(options, struct_size, kEngineDefaults);
}

void wtrt_transcribe_options_init(wtrt_transcribe_options* options, uint32_t struct_size) {
  if (options != nullptr) write_struct(options, struct_size, kTranscribeDefaults);
}

wtrt_error* wtrt_engine_estimate(const wtrt_model* model, const wtrt_engine_options* options, wtrt_memory_plan* plan) {
  return guard([&] {
    const runtime::Model& loaded = *required(model, "model").object;
    fill_struct(plan, view_of(runtime::plan_memory(loaded.whisper(), *loaded.make_ops(), engine_options(options))),
                "plan");
  });
}

wtrt_error* wtrt_engine_create(wtrt_model* model, const wtrt_engine_options* options, wtrt_engine** engine) {
  return guard([&] {
    required(engine, "engine");
    *engine =
        new wtrt_engine(std::make_shared<runtime::Engine>(required(model, "model").object, engine_options(options)));
  });
}

void wtrt_engine_retain(wtrt_engine* engine) { retain(engine); }
void wtrt_engine_release(wtrt_engine* engine) { release(engine); }

wtrt_error* wtrt_engine_close(wtrt_engine* engine) {
  return guard([&] { required(engine, "engine").object->close(); });
}

wtrt_error* wtrt_engine_get_memory(const wtrt_engine* engine, wtrt_memory_plan* plan) {
  return guard([&] { fill_struct(plan, view_of(required(engine, "engine").object->memory()), "plan"); });
}

wtrt_error* wtrt_engine_get_stats(const wtrt_engine* engine, wtrt_engine_stats* stats) {
  return guard([&] {
    const runtime::EngineStats from = required(engine, "engine").object->stats();
    wtrt_engine_stats view{};
    view.windows = from.windows;
    view.encoder_batches = from.encoder_batches;
    view.steps = from.steps;
    view.step_rows = from.step_rows;
    view.prefill_tokens = from.prefill_tokens;
    view.encode_seconds = from.encode_seconds;
    view.prefill_seconds = from.prefill_seconds;
    view.step_seconds = from.step_seconds;
    fill_struct(stats, view, "stats");
  });
}

wtrt_error* wtrt_engine_submit(wtrt_engine* engine, wtrt_queue* queue, const wtrt_audio* audio,
                               const wtrt_transcribe_options* options, wtrt_job** job) {
  return guard([&] {
    required(job, "job");
    auto& submit_to = *required(engine, "engine").object;
    *job = new wtrt_job(
        submit_to.submit(required(queue, "queue").object, audio_input(required(audio, "audio")), job_options(options)));
  });
}

}  // extern "C"
