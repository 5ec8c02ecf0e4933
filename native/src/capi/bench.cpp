// Timing of the device's acts.
#include "capi/handles.hpp"
#include "nlohmann/json.hpp"
#include "runtime/phases.hpp"

using namespace wtrt;
using namespace wtrt::capi;

namespace {

constexpr wtrt_bench_options kDefaults = {
    .struct_size = sizeof(wtrt_bench_options),
    .beams = 5,
    .batches = nullptr,
    .batch_count = 0,
    .cached_tokens = 100,
    .window_tokens = 100,
    .repetitions = 15,
    .reserved = 0,
    .tera_flops = 0,
    .tera_bytes = 0,
};

runtime::PhaseQuestion question_of(const wtrt_bench_options& options) {
  runtime::PhaseQuestion question;
  if (options.batch_count < 0 || (options.batches == nullptr && options.batch_count > 0)) {
    refuse("batches: NULL or a negative count");
  }
  if (options.batch_count > 0) question.batches.assign(options.batches, options.batches + options.batch_count);
  for (const int32_t batch : question.batches) in_range("batches", batch, 1, 256);
  question.beams = in_range("beams", options.beams, 1, 32);
  question.cached_tokens = in_range("cached_tokens", options.cached_tokens, 20, 400);
  question.window_tokens = in_range("window_tokens", options.window_tokens, 1, 400);
  question.repetitions = in_range("repetitions", options.repetitions, 1, 1000);
  if (!(options.tera_flops >= 0) || !(options.tera_bytes >= 0))
    refuse("tera_flops and tera_bytes must not be negative");
  question.tera_flops = options.tera_flops;
  question.tera_bytes = options.tera_bytes;
  return question;
}

}  // namespace

extern "C" {

void wtrt_bench_options_init(wtrt_bench_options* options, uint32_t struct_size) {
  if (options != nullptr) write_struct(options, struct_size, kDefaults);
}

wtrt_error* wtrt_bench(const wtrt_model* model, const wtrt_bench_options* options, wtrt_text** report) {
  return guard([&] {
    required(report, "report");
    const auto& loaded = required(model, "model").object;
    const auto question = question_of(read_options(options, kDefaults, "options"));
    nlohmann::ordered_json phases = nlohmann::ordered_json::array();
    for (const runtime::Phase& phase : runtime::measure_phases(loaded, question)) {
      phases.push_back({{"name", phase.name},
                        {"batch", phase.batch},
                        {"milliseconds", phase.milliseconds},
                        {"floor_milliseconds", phase.floor_milliseconds}});
    }
    const nlohmann::ordered_json found{{"device", loaded->device().name()},
                                       {"load_seconds", loaded->load_seconds()},
                                       {"weight_bytes", loaded->whisper().weight_bytes()},
                                       {"phases", phases}};
    *report = new wtrt_text{found.dump(2)};
  });
}

}  // extern "C"
