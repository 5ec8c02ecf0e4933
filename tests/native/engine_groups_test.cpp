// Windows that take several rows: beams, draws, retries. Each job gives the same tokens alone and in company, and nothing it took is
// kept, however it ends.
#include <random>
#include <thread>

#include "engine_fixture.hpp"
#include "runtime/executor.hpp"
#include "runtime/state_layout.hpp"
#include "whisper/task_tokens.hpp"

namespace wtrt::runtime {
namespace {

using whisper::TranscribeOptions;

// Sixteen kinds of decoding.
std::vector<TranscribeOptions> kinds() {
  std::vector<TranscribeOptions> all(16);
  const std::optional<double> never =
      -0.05;  // hardly any text is so likely: every window is tried at every temperature
  for (TranscribeOptions& options : all) options.temperatures = {0.0};
  all[1].beam_size = 5;
  all[2].beam_size = 3;
  all[2].patience = 2;
  all[3].beam_size = 4;
  all[3].length_penalty = 0.6;
  all[4].temperatures = {0.4};
  all[4].best_of = 5;
  all[5].temperatures = {1.0};
  all[5].seed = 7;
  all[6].repetition_penalty = 1.3;
  all[7].no_repeat_ngram_size = 2;
  all[7].beam_size = 2;
  all[8].hotwords = "Rollo Hawkeye";
  all[9].prefix = "Well";
  all[9].beam_size = 2;
  all[9].without_timestamps = true;
  all[10].initial_prompt = "A reading of a book, and the glossary of all its names, places and rare words";
  all[10].carry_initial_prompt = true;
  all[10].beam_size = 5;
  all[11].temperatures = {0.0, 0.2, 0.4, 0.6, 0.8, 1.0};
  all[11].logprob_threshold = never;
  all[11].best_of = 3;
  all[11].beam_size = 5;
  all[12].without_timestamps = true;
  all[12].beam_size = 3;
  all[13].max_new_tokens = 9;
  all[13].beam_size = 4;
  all[14].temperatures = {0.8, 0.2};
  all[14].compression_ratio_threshold = 0.1;
  all[14].best_of = 2;
  all[15].suppress_tokens = "";
  return all;
}

// A sentence, with another beginning for each.
std::vector<float> part(size_t number) {
  const auto samples = demo_samples();
  return {samples.begin() + static_cast<std::ptrdiff_t>(number * 500), samples.begin() + 6 * audio::kSampleRate};
}

TEST(EngineGroups, CompanyChangesNoToken) {
  const auto options = kinds();
  std::vector<std::vector<int32_t>> expected;
  for (size_t i = 0; i < options.size(); ++i) {
    Engine engine(demo_model(), {.max_batch = 5});
    const auto queue = std::make_shared<EventQueue>();
    engine.submit(queue, sound(part(i)), {.transcribe = options[i]});
    expected.push_back(wait_for(*queue, 0).tokens);
    EXPECT_FALSE(expected.back().empty()) << "job " << i;
  }

  Engine engine(demo_model(), {.max_batch = 12});
  std::mt19937 random(3);
  std::vector<std::shared_ptr<EventQueue>> queues;
  for (size_t i = 0; i < options.size(); ++i) {
    queues.push_back(std::make_shared<EventQueue>());
    engine.submit(queues.back(), sound(part(i)), {.transcribe = options[i]});
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60000));
  }
  for (size_t i = 0; i < options.size(); ++i) EXPECT_EQ(wait_for(*queues[i], 0).tokens, expected[i]) << "job " << i;
  const EngineStats stats = engine.stats();
  EXPECT_GT(stats.step_rows, 4 * stats.steps) << "hardly any step had rows of several jobs";
}

TEST(EngineGroups, SeedsDrawApartAndRepeatThemselves) {
  Engine engine(demo_model(), {});
  const auto drawn = [&](uint64_t seed) {
    TranscribeOptions options;
    options.temperatures = {1.0};
    options.seed = seed;
    const auto queue = std::make_shared<EventQueue>();
    engine.submit(queue, sound(demo_samples()), {.transcribe = options});
    return wait_for(*queue, 0).tokens;
  };
  const auto first = drawn(1);
  EXPECT_EQ(first, drawn(1));
  EXPECT_NE(first, drawn(2));
}

TEST(EngineGroups, RetriesKeepTheirWindowAndAreNoted) {
  TranscribeOptions options;
  options.logprob_threshold = -0.01;
  options.best_of = 2;
  Engine engine(demo_model(), {.max_batch = 4});
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, sound(demo_samples()), {.transcribe = options});
  EXPECT_TRUE(wait_for(*queue, 0).finished);
  const auto attempts = job->result()->transcript.attempts;
  std::vector<int64_t> windows;
  for (const auto& attempt : attempts) {
    if (windows.empty() || windows.back() != attempt.seek) windows.push_back(attempt.seek);
  }
  EXPECT_GE(attempts.size(), 6u);
  EXPECT_EQ(attempts.size() % 6, 0u);
  EXPECT_EQ(attempts.size() / 6, windows.size());
  EXPECT_EQ(engine.stats().windows, static_cast<int64_t>(windows.size())) << "a retry was encoded again";
  EXPECT_NE(attempts[4].tokens, attempts[5].tokens) << "hot attempts draw alike";
}

TEST(EngineGroups, WhatDoesNotFitAStepIsRefusedWithBothNumbers) {
  Engine engine(demo_model(), {.max_batch = 4});
  const auto queue = std::make_shared<EventQueue>();
  TranscribeOptions options;
  options.beam_size = 5;
  try {
    engine.submit(queue, sound({}), {.transcribe = options});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("5 rows and max_batch is 4"), std::string::npos) << error.what();
  }
  options.beam_size = 4;
  EXPECT_NO_THROW(engine.submit(queue, sound({}), {.transcribe = options}));
}

TEST(EngineGroups, CancelledBeamsGiveBackWhatTheyTook) {
  TranscribeOptions options;
  options.beam_size = 5;
  options.best_of = 5;
  options.logprob_threshold = -0.05;
  Engine engine(demo_model(), {.max_batch = 5});  // one row kept would stop every later search
  std::mt19937 random(5);
  for (int i = 0; i < (test::kSanitized ? 8 : 20); ++i) {
    const auto queue = std::make_shared<EventQueue>();
    const auto job = engine.submit(queue, sound(demo_samples()), {.transcribe = options});
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 200000));
    job->cancel();
    EXPECT_TRUE(wait_for(*queue, 0).finished);
  }
  const auto queue = std::make_shared<EventQueue>();
  engine.submit(queue, sound(demo_samples()), {.transcribe = options});
  EXPECT_GT(wait_for(*queue, 0).tokens.size(), 10u);
}

// ---- pages of the self-attention KV ----

class GroupPages : public testing::Test {
 protected:
  static constexpr int32_t kRows = 6;
  std::shared_ptr<const Model> model = demo_model();
  MemoryPlan plan = plan_memory(model->whisper(), *model->make_ops(), {.max_batch = kRows});
  Executor executor{model, plan};
  std::vector<int32_t> suppressed;
  std::vector<float> mel = std::vector<float>(80 * 3000);

  Executor::GroupStart group(std::vector<int32_t> rows, int32_t prompt, bool search) const {
    Executor::GroupStart start{.rows = std::move(rows),
                               .slot = 0,
                               .tokens = std::vector<int32_t>(static_cast<size_t>(prompt), 262),
                               .sot_index = 0,
                               .max_sampled = 200,
                               .policy = whisper::token_policy(*model->tokenizer(), {}),
                               .suppressed = &suppressed};
    start.policy.eot = -1;  // nothing ends
    if (!search) start.policy.temperature = 1.0f;
    if (search) start.max_ended = static_cast<int32_t>(start.rows.size());
    return start;
  }
  // A page in use, and the one ahead.
  static int32_t pages_for(int32_t length) { return std::min((length + kPageTokens) / kPageTokens + 1, 14); }
  static int32_t expected(int32_t rows, int32_t prompt, int32_t steps) {
    const int32_t shared = prompt / kPageTokens, each = pages_for(prompt + std::max(steps, 1)) - shared;
    return shared + rows * each;
  }
  void SetUp() override {
    const Executor::EncodeItem item{mel.data(), 0};
    ASSERT_TRUE(executor.encode({&item, 1}, 1500, [] { return true; }));
  }
};

TEST_F(GroupPages, AreSharedOverThePromptAndCountedExactly) {
  for (const bool search : {true, false}) {
    for (const int32_t prompt : {1, 32, 95}) {
      const Executor::GroupStart starts[] = {group({3, 2, 5, 0, 4}, prompt, search), group({1}, 5, false)};
      executor.prefill(starts);
      const int32_t groups[] = {3, 1};
      for (int32_t step = 0; step <= 40; ++step) {
        if (step > 0) executor.step(groups);
        executor.refresh(true);
        ASSERT_EQ(executor.pages_in_use(), expected(5, prompt, step) + expected(1, 5, step))
            << "prompt " << prompt << " step " << step;
      }
      executor.release(3);
      EXPECT_EQ(executor.pages_in_use(), expected(1, 5, 40));
      executor.release(1);
      EXPECT_EQ(executor.pages_in_use(), 0);
    }
  }
}

TEST_F(GroupPages, SufficeForAsManyRowsAsAreKept) {
  std::vector<Executor::GroupStart> starts{group({0, 1, 2, 3}, 1, true), group({4, 5}, 1, false)};
  for (auto& start : starts) start.max_sampled = 447;
  executor.prefill(starts);
  const int32_t groups[] = {0, 4};
  for (int32_t step = 1; step < 447; ++step) executor.step(groups);
  executor.refresh(true);
  EXPECT_TRUE(executor.finished(0));
  EXPECT_TRUE(executor.finished(4));
  EXPECT_EQ(executor.pages_in_use(), plan.pages);
  EXPECT_EQ(executor.decoded(0).tokens.size(), 447u);
}

TEST_F(GroupPages, CostNoMoreBytesThanPlanned) {
  const auto shape = model->whisper().decoder_attention();
  const int64_t page = plan.self_kv / plan.pages;
  const auto bytes = static_cast<int64_t>(2) * shape.layers * shape.heads * shape.head_size * kPageTokens * 2;  // bf16
  EXPECT_EQ(page, bytes);
}

}  // namespace
}  // namespace wtrt::runtime
