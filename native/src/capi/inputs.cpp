#include "capi/inputs.hpp"

#include <cmath>

namespace wtrt::capi {

runtime::AudioInput audio_input(const wtrt_audio& given) {
  constexpr wtrt_audio none = {sizeof(wtrt_audio), WTRT_AUTO, nullptr, 0};
  const wtrt_audio audio = read_options(&given, none, "audio");
  runtime::AudioInput input;
  input.kind =
      static_cast<runtime::AudioKind>(in_range("audio.kind", audio.kind, WTRT_AUDIO_PATH, WTRT_AUDIO_DESCRIPTOR_RAW));
  if (audio.kind == WTRT_AUDIO_DESCRIPTOR || audio.kind == WTRT_AUDIO_DESCRIPTOR_RAW) {
    if (audio.size < 0 || audio.size > INT32_MAX)
      refuse("audio.size: " + std::to_string(audio.size) + " is no file descriptor");
    input.descriptor = static_cast<int>(audio.size);
    return input;
  }
  const std::string_view bytes = text_argument(static_cast<const char*>(audio.data), audio.size, "audio.data");
  switch (input.kind) {
    case runtime::AudioKind::path:
      if (bytes.empty()) refuse("audio: the path is empty");
      input.path = bytes;
      break;
    case runtime::AudioKind::bytes: {
      const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
      input.bytes.assign(first, first + bytes.size());
      break;
    }
    case runtime::AudioKind::samples:
      if (bytes.size() % sizeof(float) != 0)
        refuse("audio.size: " + std::to_string(audio.size) + " is no multiple of 4 bytes per sample");
      input.samples.resize(bytes.size() / sizeof(float));
      if (!bytes.empty()) std::memcpy(input.samples.data(), bytes.data(), bytes.size());
      break;
    default: break;
  }
  return input;
}

vad::VadOptions vad_options(const wtrt_vad_options* given) {
  wtrt_vad_options defaults{};
  wtrt_vad_options_init(&defaults, sizeof defaults);
  const wtrt_vad_options from = read_options(given, defaults, "vad");
  vad::VadOptions to;
  to.threshold = from.threshold;
  if (!std::isnan(from.neg_threshold)) to.neg_threshold = from.neg_threshold;
  to.min_speech_duration_ms = from.min_speech_duration_ms;
  to.max_speech_duration_s = from.max_speech_duration_s;
  to.min_silence_duration_ms = from.min_silence_duration_ms;
  to.speech_pad_ms = from.speech_pad_ms;
  vad::check_options(to);
  return to;
}

}  // namespace wtrt::capi
