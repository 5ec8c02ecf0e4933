#include "runtime/detect_speech.hpp"

#include <algorithm>

#include "vad/silero.hpp"

namespace wtrt::runtime {
namespace {

std::unique_ptr<audio::PcmSource> open(AudioInput audio) {
  switch (audio.kind) {
    case AudioKind::path: return audio::open_file(audio.path);
    case AudioKind::bytes: return audio::open_encoded(std::move(audio.bytes), "audio in memory");
    case AudioKind::samples: return audio::open_samples(std::move(audio.samples));
    case AudioKind::descriptor: return audio::open_descriptor(audio.descriptor, false);
    case AudioKind::descriptor_raw: return audio::open_descriptor(audio.descriptor, true);
    case AudioKind::pushed: break;
  }
  throw Error(ErrorCode::invalid_argument,
              "detect_speech: samples cannot be pushed to it; use a file, bytes, samples or a descriptor");
}

}  // namespace

Speech detect_speech(AudioInput audio, const vad::VadOptions& options) {
  vad::SpanFinder finder(options);
  vad::SileroDetector detector;
  const auto source = open(std::move(audio));
  Speech speech;
  std::vector<float> samples(static_cast<size_t>(vad::kBatchFrames) * vad::kFrameSamples), probabilities;
  for (size_t filled = samples.size(); filled == samples.size();) {
    filled = 0;
    for (size_t got = 1; got > 0 && filled < samples.size(); filled += got)
      got = source->read(std::span(samples).subspan(filled));
    std::fill(samples.begin() + static_cast<ptrdiff_t>(filled), samples.end(), 0.0f);
    probabilities.resize((filled + vad::kFrameSamples - 1) / vad::kFrameSamples);
    detector.detect(std::span(samples).first(probabilities.size() * vad::kFrameSamples), probabilities);
    for (const float probability : probabilities) finder.add(probability);
    speech.probabilities.insert(speech.probabilities.end(), probabilities.begin(), probabilities.end());
    speech.samples += static_cast<int64_t>(filled);
  }
  finder.finish(speech.samples);
  while (const auto span = finder.next()) speech.spans.push_back(*span);
  return speech;
}

}  // namespace wtrt::runtime
