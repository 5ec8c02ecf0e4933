// The device acts one by one.
#include "audio/log_mel.hpp"
#include "capi/handles.hpp"

using namespace wtrt;
using namespace wtrt::capi;

extern "C" {

wtrt_error* wtrt_session_create(wtrt_model* model, wtrt_session** session) {
  return guard([&] {
    required(session, "session");
    *session = new wtrt_session{runtime::Session(required(model, "model").object)};
  });
}

void wtrt_session_release(wtrt_session* session) { delete session; }

wtrt_error* wtrt_log_mel(const wtrt_model* model, const float* samples, int64_t count, float* mel) {
  return guard([&] {
    if (count < 0 || (samples == nullptr && count > 0)) refuse("samples: NULL or a negative count");
    const audio::MelFrames& maker = *required(model, "model").object->mel_frames();
    required(mel, "mel");
    constexpr int64_t window = static_cast<int64_t>(audio::kWindowFrames) * audio::kHopLength;
    const int64_t used = std::min(count, window);
    const std::vector<float> values = audio::log_mel({samples, static_cast<size_t>(used)}, maker, window - used);
    std::copy(values.begin(), values.end(), mel);
  });
}

wtrt_error* wtrt_encode(wtrt_session* session, const float* mel, float* output) {
  return guard([&] { required(session, "session").session.encode(&required(mel, "mel"), output); });
}

wtrt_error* wtrt_project_cross_kv(wtrt_session* session) {
  return guard([&] { required(session, "session").session.project_cross_kv(); });
}

wtrt_error* wtrt_prefill(wtrt_session* session, const int32_t* tokens, int64_t count, float* logits) {
  return guard([&] {
    if (count < 0 || (tokens == nullptr && count > 0)) refuse("tokens: NULL or a negative count");
    required(session, "session").session.prefill({tokens, static_cast<size_t>(count)}, logits);
  });
}

wtrt_error* wtrt_step(wtrt_session* session, int32_t token, float* logits) {
  return guard([&] { required(session, "session").session.step(token, logits); });
}

wtrt_error* wtrt_align(wtrt_session* session, const int32_t* tokens, int64_t count, float* scores,
                       float* probabilities) {
  return guard([&] {
    if (count < 0 || (tokens == nullptr && count > 0)) refuse("tokens: NULL or a negative count");
    required(session, "session").session.align({tokens, static_cast<size_t>(count)}, scores, probabilities);
  });
}

}  // extern "C"
