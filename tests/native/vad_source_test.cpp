// A recording without its silence, and the way back to the recording's times.
#include <cmath>
#include <random>

#include "audio_files.hpp"
#include "common/error.hpp"
#include "vad/silero.hpp"
#include "vad/speech_source.hpp"

namespace wtrt::vad {
namespace {

constexpr int64_t kFrame = kFrameSamples;
using Spans = std::vector<SpeechSpan>;

// Says what it was told to: the sign of a frame's first sample.
class SignDetector final : public SpeechDetector {
 public:
  void detect(std::span<const float> samples, std::span<float> probabilities) override {
    for (size_t i = 0; i < probabilities.size(); ++i) probabilities[i] = samples[i * kFrameSamples] > 0 ? 0.9f : 0.1f;
    frames += probabilities.size();
  }
  void restart() override { ++restarts; }
  size_t frames = 0;
  int restarts = 0;
};

// A source that cannot be rewound and gives odd amounts.
class Drip final : public audio::PcmSource {
 public:
  explicit Drip(std::vector<float> samples) : source_(audio::open_samples(std::move(samples))) {}
  size_t read(std::span<float> out) override {
    amount_ = amount_ * 7 % 4099 + 1;
    return source_->read(out.first(std::min(out.size(), amount_)));
  }
  bool can_rewind() const override { return false; }
  void rewind() override { throw Error(ErrorCode::internal, "rewound"); }
  int64_t length_hint() const override { return -1; }

 private:
  std::unique_ptr<audio::PcmSource> source_;
  size_t amount_ = 1;
};

// Every sample says where it stands; the frames between the marks are speech.
std::vector<float> recording(int64_t frame_count, const Spans& speech_frames, int64_t cut = 0) {
  std::vector<float> samples;
  for (int64_t i = 0; i < frame_count * kFrame - cut; ++i) {
    const bool speech = std::any_of(speech_frames.begin(), speech_frames.end(),
                                    [&](const SpeechSpan& s) { return i / kFrame >= s.start && i / kFrame < s.end; });
    samples.push_back(static_cast<float>(i + 1) / 8388608.0f * (speech ? 1.0f : -1.0f));
  }
  return samples;
}

std::vector<float> collected(const std::vector<float>& samples, const Spans& spans) {
  std::vector<float> out;
  for (const SpeechSpan& span : spans) out.insert(out.end(), samples.begin() + span.start, samples.begin() + span.end);
  return out;
}

Spans random_speech(std::mt19937& random, int64_t frame_count) {
  Spans spans;
  for (int64_t at = 0; at < frame_count;) {
    const auto gap = std::uniform_int_distribution<int64_t>(0, 120)(random),
               length = std::uniform_int_distribution<int64_t>(1, 200)(random);
    spans.push_back({at + gap, std::min(frame_count, at + gap + length)});
    at += gap + length;
  }
  return spans;
}

TEST(SpeechSource, GivesWhatTheSpansSayFromFilesAndPipes) {
  std::mt19937 random(2);
  for (int round = 0; round < 40; ++round) {
    const std::vector<float> samples = recording(1000, random_speech(random, 1000), round * 13);
    VadOptions options;
    options.min_silence_duration_ms = round * 60;
    options.speech_pad_ms = round % 5 * 100;
    options.min_speech_duration_ms = round % 3 * 90;
    if (round % 4 == 0) options.max_speech_duration_s = 4;
    const auto map = std::make_shared<SpeechMap>(), pipe_map = std::make_shared<SpeechMap>();
    auto detector = std::make_unique<SignDetector>();
    SignDetector& heard = *detector;
    SpeechSource file(audio::open_samples(samples), std::move(detector), options, map);
    const std::vector<float> given = test::read_all(file);
    ASSERT_EQ(given, collected(samples, map->spans())) << "round " << round;
    EXPECT_EQ(map->length(), static_cast<int64_t>(samples.size()));
    EXPECT_EQ(map->kept(), static_cast<int64_t>(given.size()));
    EXPECT_EQ(file.reached(), map->kept());

    SpeechSource pipe(std::make_unique<Drip>(samples), std::make_unique<SignDetector>(), options, pipe_map);
    EXPECT_EQ(test::read_all(pipe, 777), given);
    EXPECT_EQ(pipe_map->spans(), map->spans());

    const size_t frames = heard.frames;
    file.rewind();
    EXPECT_EQ(test::read_all(file, 3001), given) << "second pass";
    EXPECT_EQ(heard.frames, frames) << "the second pass knows where speech is";
  }
}

TEST(SpeechSource, RewoundBeforeTheEndItStartsOver) {
  const std::vector<float> samples = recording(600, {{100, 200}, {400, 500}});
  const auto map = std::make_shared<SpeechMap>();
  SpeechSource source(audio::open_samples(samples), std::make_unique<SignDetector>(), {}, map);
  std::vector<float> some(1000);
  ASSERT_EQ(source.read(some), some.size());
  source.rewind();
  const std::vector<float> given = test::read_all(source);
  EXPECT_EQ(given, collected(samples, map->spans()));
  EXPECT_EQ(map->spans().size(), 2u);
}

// Speech is handed on while it goes on, however long it is.
TEST(SpeechSource, DoesNotWaitForTheEndOfSpeech) {
  const auto map = std::make_shared<SpeechMap>();
  SpeechSource source(std::make_unique<Drip>(recording(4000, {{0, 4000}})), std::make_unique<SignDetector>(), {}, map);
  int64_t given = 0;
  std::vector<float> block(4096);
  while (const size_t count = source.read(block)) {
    given += static_cast<int64_t>(count);
    ASSERT_LE(source.taken() - given, 2 * SpeechSource::kPiece);
  }
  EXPECT_EQ(given, 4000 * kFrame);
}

TEST(SpeechSource, HoldsNoMoreThanWhatIsUndecided) {
  std::mt19937 random(4);
  VadOptions options;
  options.min_silence_duration_ms = 500;
  SpeechSource source(std::make_unique<Drip>(recording(6000, random_speech(random, 6000))),
                      std::make_unique<SignDetector>(), options, std::make_shared<SpeechMap>());
  constexpr int64_t kUndecided = (500 + 2 * 400) * kSampleRate / 1000;
  std::vector<float> block(512);
  while (source.read(block) != 0) ASSERT_LE(source.held(), kUndecided + 2 * SpeechSource::kPiece);
}

TEST(SpeechSource, StopsWhenNobodyWaitsForIt) {
  int asked = 0;
  SpeechSource source(audio::open_samples(recording(4000, {})), std::make_unique<SignDetector>(), {},
                      std::make_shared<SpeechMap>(), [&] { return ++asked < 5; });
  std::vector<float> block(512);
  EXPECT_THROW(source.read(block), Error);
  EXPECT_EQ(source.taken(), 4 * SpeechSource::kPiece);
}

TEST(SpeechSource, OfSilenceNothingIsLeft) {
  const auto map = std::make_shared<SpeechMap>();
  SpeechSource source(audio::open_samples(recording(300, {})), std::make_unique<SignDetector>(), {}, map);
  EXPECT_TRUE(test::read_all(source).empty());
  EXPECT_EQ(map->kept(), 0);
  EXPECT_EQ(map->length(), 300 * kFrame);
  EXPECT_EQ(map->original_time(1.5), 1.5);
}

TEST(SpeechMap, TimesGoBackToTheRecording) {
  SpeechMap map;
  map.settle({16000, 32000});   // 0..1 s of what is kept
  map.settle({80000, 112000});  // 1..3 s
  map.open(160000);             // from 3 s on
  EXPECT_EQ(map.original_time(0), 1.0);
  EXPECT_EQ(map.original_time(0.5), 1.5);
  EXPECT_EQ(map.original_time(1.0), 5.0) << "begins with the second span";
  EXPECT_EQ(map.original_time(1.0, true), 2.0) << "ends with the first";
  EXPECT_EQ(map.original_time(2.0), 6.0);
  EXPECT_EQ(map.original_time(3.0, true), 7.0);
  EXPECT_EQ(map.original_time(100.0), 107.0);
  map.settle({160000, 176000});
  EXPECT_EQ(map.original_time(100.0), 107.0) << "after the end: as in the last span";
  EXPECT_EQ(map.kept(), 4 * 16000);
}

TEST(SpeechMap, EverySampleFindsItsWayBack) {
  std::mt19937 random(3);
  const std::vector<float> samples = recording(2000, random_speech(random, 2000));
  const auto map = std::make_shared<SpeechMap>();
  VadOptions options;
  options.min_silence_duration_ms = 300;
  SpeechSource source(audio::open_samples(samples), std::make_unique<SignDetector>(), options, map);
  const std::vector<float> given = test::read_all(source);
  for (size_t i = 0; i < given.size(); i += 97) {
    const double original = std::fabs(given[i]) * 8388608.0 - 1;
    ASSERT_NEAR(map->original_time(static_cast<double>(i) / kSampleRate + 1e-9), original / kSampleRate, 0.0051) << i;
  }
}

TEST(SpeechMap, AWordLiesInOneSpanAndASegmentAroundItsWords) {
  SpeechMap map;
  map.settle({16000, 32000});
  map.settle({80000, 112000});
  output::Segment segment;
  segment.start = 0.2;
  segment.end = 1.7;
  segment.words = {{" one", 0.3, 0.9, 1}, {" two", 0.9, 1.5, 1}};  // the second has its middle in the second span
  map.restore(segment);
  EXPECT_EQ(segment.words[0].end, 1.9);
  EXPECT_EQ(segment.words[1].start, 4.9);
  EXPECT_EQ(segment.start, 1.3);
  EXPECT_EQ(segment.end, 5.5);
  output::Segment without;
  without.start = 0.2;
  without.end = 1.7;
  map.restore(without);
  EXPECT_EQ(without.start, 1.2);
  EXPECT_EQ(without.end, 5.7);
}

}  // namespace
}  // namespace wtrt::vad
