// Voice activity alone.
#include <limits>

#include "capi/handles.hpp"
#include "capi/inputs.hpp"

using namespace wtrt;
using namespace wtrt::capi;

wtrt_speech::wtrt_speech(std::shared_ptr<const runtime::Speech> held) : Handle(std::move(held)) {
  for (const vad::SpeechSpan& span : object->spans)
    spans.push_back({sizeof(wtrt_speech_span), 0, span.start, span.end});
}

extern "C" {

void wtrt_vad_options_init(wtrt_vad_options* options, uint32_t struct_size) {
  constexpr wtrt_vad_options defaults = {
      .struct_size = sizeof(wtrt_vad_options),
      .min_speech_duration_ms = 0,
      .threshold = 0.5,
      .neg_threshold = std::numeric_limits<double>::quiet_NaN(),
      .max_speech_duration_s = std::numeric_limits<double>::infinity(),
      .min_silence_duration_ms = 2000,
      .speech_pad_ms = 400,
  };
  if (options != nullptr) write_struct(options, struct_size, defaults);
}

wtrt_error* wtrt_detect_speech(const wtrt_audio* audio, const wtrt_vad_options* options, wtrt_speech** speech) {
  return guard([&] {
    required(speech, "speech");
    const vad::VadOptions how = vad_options(options);
    *speech = new wtrt_speech(
        std::make_shared<const runtime::Speech>(runtime::detect_speech(audio_input(required(audio, "audio")), how)));
  });
}

void wtrt_speech_retain(wtrt_speech* speech) { retain(speech); }
void wtrt_speech_release(wtrt_speech* speech) { release(speech); }

wtrt_error* wtrt_speech_get_spans(const wtrt_speech* speech, const wtrt_speech_span** spans, int64_t* count) {
  return guard([&] {
    const wtrt_speech& from = required(speech, "speech");
    required(spans, "spans");
    required(count, "count") = static_cast<int64_t>(from.spans.size());
    *spans = from.spans.data();
  });
}

wtrt_error* wtrt_speech_get_probabilities(const wtrt_speech* speech, const float** probabilities, int64_t* count) {
  return guard([&] {
    const std::vector<float>& from = required(speech, "speech").object->probabilities;
    required(probabilities, "probabilities");
    required(count, "count") = static_cast<int64_t>(from.size());
    *probabilities = from.data();
  });
}

wtrt_error* wtrt_speech_get_duration(const wtrt_speech* speech, double* seconds) {
  return guard([&] {
    required(seconds, "seconds") = static_cast<double>(required(speech, "speech").object->samples) / audio::kSampleRate;
  });
}

}  // extern "C"
