// Windows as long as their sound: alone and in company, given up and decoded anew, and what they take.
#include "engine_fixture.hpp"
#include "runtime/executor.hpp"

namespace wtrt::runtime {
namespace {

using whisper::AudioContext;
using whisper::kFullContext;

constexpr AudioContext kFitting{std::nullopt, 64};

std::vector<float> seconds(double from, double length) {
  const auto all = demo_samples();
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(from * audio::kSampleRate);
  return {first, first + static_cast<std::ptrdiff_t>(length * audio::kSampleRate)};
}

JobOptions with(AudioContext context) {
  JobOptions options = greedy();
  options.transcribe.audio_context = context;
  return options;
}

output::Transcript transcript(Engine& engine, std::vector<float> samples, const JobOptions& options) {
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, sound(std::move(samples)), options);
  EXPECT_TRUE(wait_for(*queue, options.tag).finished);
  return job->result()->transcript;
}

std::vector<int32_t> tokens_of(const output::Transcript& transcript) {
  std::vector<int32_t> all;
  for (const auto& segment : transcript.segments) all.insert(all.end(), segment.tokens.begin(), segment.tokens.end());
  return all;
}

TEST(ShortWindows, SayWhatFullOnesSay) {
  Engine engine(demo_model(), {});
  const auto full = transcript(engine, demo_samples(), greedy()),
             fitting = transcript(engine, demo_samples(), with(kFitting));
  EXPECT_EQ(full.attempts.front().audio_context, kFullContext);
  ASSERT_EQ(fitting.attempts.size(), 1u);
  EXPECT_EQ(fitting.attempts.front().audio_context, 704);  // 583 + 64 on the grid
  EXPECT_EQ(fitting.attempts.front().verdict, output::accepted);
  EXPECT_EQ(fitting.text, full.text);
}

TEST(ShortWindows, AreTheSameInCompanyOfOtherLengths) {
  struct Case {
    double from, length;
    AudioContext context;
  };
  const std::vector<Case> cases = {
      {0, 3, kFitting},    {1, 8, kFitting},          {0, 11, {}},      {2, 3, kFitting},   {0, 9, {300, 0}},
      {0, 11.5, kFitting}, {3, 5, {std::nullopt, 0}}, {4, 7, kFitting}, {1, 10, {1000, 0}}, {5, 3, kFitting}};
  std::vector<std::vector<int32_t>> expected;
  for (const Case& one : cases) {
    Engine engine(demo_model(), {.max_batch = 1});
    expected.push_back(tokens_of(transcript(engine, seconds(one.from, one.length), with(one.context))));
  }
  Engine engine(demo_model(), {.max_batch = 8});
  std::vector<std::shared_ptr<EventQueue>> queues;
  for (const Case& one : cases) {
    queues.push_back(std::make_shared<EventQueue>());
    engine.submit(queues.back(), sound(seconds(one.from, one.length)), with(one.context));
  }
  for (size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(wait_for(*queues[i], 0).tokens, expected[i]) << i;
}

TEST(ShortWindows, ThatAreGivenUpEndAsIfThereWereNone) {
  Engine engine(demo_model(), {});
  JobOptions full = greedy();
  full.transcribe.temperatures = {0.0, 0.4};
  full.transcribe.logprob_threshold = -0.01;  // nothing is so likely
  JobOptions fitting = full;
  fitting.transcribe.audio_context = kFitting;
  const auto want = transcript(engine, seconds(0, 10), full), got = transcript(engine, seconds(0, 10), fitting);
  EXPECT_EQ(tokens_of(got), tokens_of(want));
  ASSERT_EQ(got.attempts.size(), want.attempts.size() + 1);
  EXPECT_EQ(got.attempts.front().verdict, output::too_unlikely | output::too_short);
  for (size_t i = 0; i < want.attempts.size(); ++i) {
    EXPECT_EQ(got.attempts[i + 1].tokens, want.attempts[i].tokens);
    EXPECT_EQ(got.attempts[i + 1].audio_context, kFullContext);
    EXPECT_EQ(got.attempts[i + 1].verdict, want.attempts[i].verdict);
  }
  fitting = with(kFitting);
  fitting.transcribe.max_new_tokens = 5;  // none ends
  const auto cut = transcript(engine, seconds(0, 3), fitting);
  ASSERT_GE(cut.attempts.size(), 2u);
  EXPECT_EQ(cut.attempts[0].verdict, output::too_short);
  EXPECT_EQ(cut.attempts[1].verdict, output::accepted);
}

TEST(ShortWindows, OfANumberOfPositionsWalkThroughTheRecording) {
  Engine engine(demo_model(), {});
  const auto walked = transcript(engine, seconds(0, 11.5), with({300, 0}));
  ASSERT_GE(walked.attempts.size(), 2u);
  EXPECT_EQ(walked.attempts[0].audio_context, 320);
  EXPECT_EQ(walked.attempts[0].seek, 0);
  bool given_up = false;
  for (size_t i = 0; i < walked.attempts.size(); ++i) {
    given_up = given_up || (walked.attempts[i].verdict & output::too_short) != 0;
    if (i > 0 && !given_up) {
      EXPECT_LE(walked.attempts[i].seek - walked.attempts[i - 1].seek, 640);
    }
  }
  EXPECT_GT(walked.segments.back().end, 9.0);
  // A window of a second and a bit says little that can be believed; nothing is lost by trying.
  const auto full = transcript(engine, seconds(0, 11.5), greedy()),
             tiny = transcript(engine, seconds(0, 11.5), with({1, 0}));
  EXPECT_EQ(tiny.attempts[0].audio_context, 64);
  EXPECT_GT(tiny.text.size(), full.text.size() / 2);
}

// The sound is seen among other silence: times may move by some positions. Of scores read at the wrong length they
// would by seconds.
TEST(ShortWindows, GiveWordsTheirTimes) {
  Engine engine(demo_model(), {});
  JobOptions options = with(kFitting);
  options.transcribe.word_timestamps = true;
  JobOptions usual = greedy();
  usual.transcribe.word_timestamps = true;
  const auto fitting = transcript(engine, demo_samples(), options), full = transcript(engine, demo_samples(), usual);
  ASSERT_EQ(fitting.segments.size(), full.segments.size());
  for (size_t s = 0; s < full.segments.size(); ++s) {
    ASSERT_EQ(fitting.segments[s].words.size(), full.segments[s].words.size());
    for (size_t w = 0; w < full.segments[s].words.size(); ++w) {
      EXPECT_NEAR(fitting.segments[s].words[w].start, full.segments[s].words[w].start, 0.2);
      EXPECT_NEAR(fitting.segments[s].words[w].end, full.segments[s].words[w].end, 0.2);
    }
  }
}

TEST(ShortWindows, TellTheLanguage) {
  WTRT_NEEDS_SHARED("models/whisper-base");
  const auto model = Model::load((test::shared() / "models/whisper-base").string(), {});
  Engine engine(model, {.max_batch = 1});
  const auto spoken = transcript(engine, seconds(0, 4), with(kFitting));
  EXPECT_EQ(spoken.language, "en");
  EXPECT_EQ(spoken.attempts.front().audio_context, 320);
  EXPECT_FALSE(transcript(engine, {}, with({std::nullopt, 0})).language.empty());
}

TEST(ShortWindows, TakeNoMoreMemoryThanWasPlanned) {
  const MemoryPlan plan = plan_memory(demo_model()->whisper(), *demo_model()->make_ops(), {.max_batch = 4});
  Engine engine(demo_model(), {.max_batch = 4});
  for (const AudioContext context : {AudioContext{}, kFitting, AudioContext{64, 0}}) {
    transcript(engine, seconds(0, 5), with(context));
    EXPECT_EQ(engine.memory().cross_kv, plan.cross_kv);
    EXPECT_EQ(engine.memory().workspace, plan.workspace);
  }
}

}  // namespace
}  // namespace wtrt::runtime
