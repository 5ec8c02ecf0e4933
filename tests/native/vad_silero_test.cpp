// The network: against the reference's probabilities on real recordings, on every instruction set, cut in every way.
#include <cmath>
#include <limits>
#include <numeric>

#include "audio_files.hpp"
#include "checkpoint/safetensors_writer.hpp"
#include "common/error.hpp"
#include "vad/silero.hpp"
#include "vad/span_finder.hpp"

namespace wtrt::vad {
namespace {

using nlohmann::json;
using test::repository;

std::vector<float> samples_of(const std::string& file) {
  const auto source = audio::open_file(test::shared() / "speech" / file);
  std::vector<float> samples, block(1 << 16);
  while (const size_t count = source->read(block))
    samples.insert(samples.end(), block.begin(), block.begin() + static_cast<ptrdiff_t>(count));
  return samples;
}

std::vector<float> whole_frames(std::vector<float> samples) {
  samples.resize((samples.size() + kFrameSamples - 1) / kFrameSamples * kFrameSamples, 0.0f);
  return samples;
}

std::vector<float> detect(SpeechDetector& detector, std::span<const float> samples) {
  std::vector<float> probabilities(samples.size() / kFrameSamples);
  detector.detect(samples, probabilities);
  return probabilities;
}

VadOptions options_of(const json& from) {
  VadOptions options;
  options.threshold = from["threshold"];
  options.min_speech_duration_ms = from["min_speech_duration_ms"];
  if (!from["max_speech_duration_s"].is_null()) options.max_speech_duration_s = from["max_speech_duration_s"];
  options.min_silence_duration_ms = from["min_silence_duration_ms"];
  options.speech_pad_ms = from["speech_pad_ms"];
  return options;
}

std::vector<SpeechSpan> spans_of(const json& from) {
  std::vector<SpeechSpan> spans;
  for (const json& span : from) spans.push_back({span["start"], span["end"]});
  return spans;
}

std::vector<SpeechSpan> find(const VadOptions& options, std::span<const float> probabilities, int64_t samples) {
  SpanFinder finder(options);
  for (const float probability : probabilities) finder.add(probability);
  finder.finish(samples);
  std::vector<SpeechSpan> spans;
  while (const auto span = finder.next()) spans.push_back(*span);
  return spans;
}

// The recordings that are 16 kHz mono: no decoder or resampler has a say. The others are compared in tests/golden.
bool is_16_khz(const std::string& file) {
  const auto names = {"dev-clean_2412", "lead_silence", "pinknoise", "gen_silence",
                      "noise2",         "short",        "quiet",     "two_talkers"};
  return std::any_of(names.begin(), names.end(),
                     [&](const char* name) { return file.find(name) != std::string::npos; });
}

TEST(Silero, MatchesTheReferenceOnEveryInstructionSet) {
  WTRT_NEEDS_SHARED("golden/vad.jsonl");
  int files = 0;
  for (const std::string& line : test::lines_of(test::shared() / "golden" / "vad.jsonl")) {
    const json golden = json::parse(line);
    const std::string file = golden["file"];
    if (!is_16_khz(file)) continue;
    ++files;
    const std::vector<float> samples = samples_of(file);
    ASSERT_EQ(samples.size(), golden["samples"].get<size_t>()) << file;
    const std::vector<float> expected = golden["probabilities"];
    std::vector<float> first;
    for (const SileroKernel& kernel : silero_kernels()) {
      SileroDetector detector(SileroWeights::bundled(), kernel);
      const std::vector<float> found = detect(detector, whole_frames(samples));
      ASSERT_EQ(found.size(), expected.size()) << file;
      for (size_t i = 0; i < found.size(); ++i)
        ASSERT_NEAR(found[i], expected[i], 1e-4) << file << " " << kernel.name << " frame " << i;
      if (first.empty()) first = found;
      ASSERT_EQ(found, first) << kernel.name << " gives other bits than the fastest kernel";
    }
    for (const auto& [name, setting] : golden.items()) {
      if (!name.starts_with("spans_")) continue;
      EXPECT_EQ(find(options_of(setting["options"]), first, golden["samples"]), spans_of(setting["spans"]))
          << file << " " << name;
    }
  }
  EXPECT_EQ(files, 8);
}

TEST(Silero, ResultsDoNotDependOnHowTheRecordingIsCut) {
  const std::vector<float> samples = whole_frames(test::as_floats(test::noise(50 * kFrameSamples)));
  for (const SileroKernel& kernel : silero_kernels()) {
    SileroDetector whole(SileroWeights::bundled(), kernel), pieces(SileroWeights::bundled(), kernel);
    const std::vector<float> expected = detect(whole, samples);
    std::vector<float> found;
    for (size_t at = 0, step = 1; at < 50; at += step, step = step % 19 + 1) {
      const size_t count = std::min<size_t>(step, 50 - at);
      const auto part = detect(pieces, std::span(samples).subspan(at * kFrameSamples, count * kFrameSamples));
      found.insert(found.end(), part.begin(), part.end());
    }
    EXPECT_EQ(found, expected) << kernel.name;
    whole.restart();
    EXPECT_EQ(detect(whole, samples), expected) << kernel.name << " after restart()";
  }
}

TEST(Silero, WildSamplesAreForgotten) {
  std::vector<float> wild = whole_frames(test::as_floats(test::noise(2 * kFrameSamples)));
  wild[10] = std::numeric_limits<float>::quiet_NaN();
  wild[11] = std::numeric_limits<float>::infinity();
  wild[12] = -3e38f;
  SileroDetector detector;
  for (const float probability : detect(detector, wild)) EXPECT_TRUE(probability >= 0 && probability <= 1);
  for (float& sample : wild) sample = 1e5f;
  for (const float probability : detect(detector, wild)) EXPECT_TRUE(probability >= 0 && probability <= 1);
  for (const float probability : detect(detector, whole_frames(test::as_floats(test::noise(4 * kFrameSamples)))))
    EXPECT_TRUE(std::isfinite(probability));
}

TEST(Silero, RefusesFramesThatAreNotWhole) {
  SileroDetector detector;
  std::vector<float> samples(1000), probability(1);
  EXPECT_THROW(detector.detect(samples, probability), Error);
}

// The file that is built in, with one thing changed.
std::string refusal_of(const std::string& from, const std::string& to) {
  std::vector<std::byte> bytes = test::bytes_of(repository() / "models" / "silero-vad" / "model.safetensors");
  auto* text = reinterpret_cast<char*>(bytes.data());
  const auto at = std::search(text, text + 4096, from.begin(), from.end());
  EXPECT_NE(at, text + 4096) << from;
  std::copy(to.begin(), to.end(), at);
  try {
    const SileroWeights weights(bytes, "file");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Silero, WeightsAreChecked) {
  EXPECT_EQ(refusal_of("conv1.bias", "conv1.bias"), "");
  EXPECT_NE(refusal_of("conv1.bias", "conv1.bios").find("'conv1.bias' is missing"), std::string::npos);
  EXPECT_NE(refusal_of("[128,129,3]", "[129,128,3]").find("shape [129, 128, 3]; Silero VAD has F32 [128, 129, 3]"),
            std::string::npos);
  std::vector<std::byte> bytes = test::bytes_of(repository() / "models" / "silero-vad" / "model.safetensors");
  const float wrong = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() - 4, &wrong, 4);
  EXPECT_THROW(SileroWeights(bytes, "file"), Error);
  bytes.resize(1000);
  EXPECT_THROW(SileroWeights(bytes, "file"), Error);
}

}  // namespace
}  // namespace wtrt::vad
