// When a window is decoded again, and what is noted of each attempt (decode_with_fallback of openai/whisper); what
// windows are conditioned on.
#include <gtest/gtest.h>

#include "common/error.hpp"
#include "shared_data.hpp"
#include "whisper/task_tokens.hpp"
#include "whisper/transcription.hpp"

namespace wtrt::whisper {
namespace {

constexpr int32_t kTextContext = 448;

class Fallback : public testing::Test {
 protected:
  std::shared_ptr<const text::Tokenizer> english =
      text::Tokenizer::load(test::repository() / "models" / "whisper-tiny.en-int8", 51864);
  TranscribeOptions options;

  // A window of `text` whose average log-probability is `mean`.
  DecodedWindow said(const std::string& text, double mean, double no_speech = 0.0) const {
    DecodedWindow window;
    window.tokens = english->encode(text);
    window.sum_logprob = mean * static_cast<double>(window.tokens.size() + 1);
    window.no_speech_prob = no_speech;
    return window;
  }
  DecodedWindow repetitive(double mean) const {
    std::string text;
    for (int i = 0; i < 60; ++i) text += " again and";
    return said(text, mean);
  }
  Transcription transcription() const { return {english, options, kTextContext}; }
  std::vector<int32_t> verdicts(const Transcription& of) const {
    std::vector<int32_t> all;
    for (const auto& attempt : of.transcript().attempts) all.push_back(attempt.verdict);
    return all;
  }
};

TEST_F(Fallback, AGoodWindowIsKeptAtOnce) {
  auto window = transcription();
  EXPECT_EQ(window.attempt().temperature, 0.0);
  EXPECT_TRUE(window.judge(said(" all is well", -0.3), 100));
  EXPECT_EQ(verdicts(window), (std::vector<int32_t>{output::accepted}));
  window.accept(said(" all is well", -0.3), 3000);
  EXPECT_EQ(window.attempt().number, 0);
}

TEST_F(Fallback, TemperaturesRiseUntilOneIsGoodOrNoneIsLeft) {
  options.beam_size = 5;
  options.best_of = 3;
  auto window = transcription();
  EXPECT_EQ(window.attempt().beam_size, 5);
  EXPECT_EQ(window.attempt().candidates, 1);
  EXPECT_FALSE(window.judge(repetitive(-0.1), 100));
  EXPECT_EQ(window.attempt().temperature, 0.2);
  EXPECT_EQ(window.attempt().beam_size, 1);
  EXPECT_EQ(window.attempt().candidates, 3);
  EXPECT_FALSE(window.judge(said(" no idea", -1.01), 100));
  EXPECT_FALSE(window.judge(repetitive(-1.5), 100));
  EXPECT_FALSE(window.judge(said(" no idea", -3), 100));
  EXPECT_FALSE(window.judge(said(" no idea", -3), 100));
  EXPECT_EQ(window.attempt().temperature, 1.0);
  EXPECT_TRUE(window.judge(said(" no idea", -3), 100)) << "the last one is kept whatever it is";
  EXPECT_EQ(verdicts(window), (std::vector<int32_t>{1, 2, 3, 2, 2, 2}));
  const auto attempts = window.transcript().attempts;
  EXPECT_EQ(attempts[0].beam_size, 5);
  EXPECT_EQ(attempts[1].candidates, 3);
  EXPECT_NEAR(attempts[1].avg_logprob, -1.01, 1e-12);
  EXPECT_GT(attempts[0].compression_ratio, 2.4);
  EXPECT_EQ(attempts[1].tokens, english->encode(" no idea"));
}

TEST_F(Fallback, SilenceIsNoReasonToTryAgain) {
  auto window = transcription();
  EXPECT_TRUE(window.judge(said(" hm", -1.2, 0.61), 100));
  EXPECT_EQ(verdicts(window), (std::vector<int32_t>{output::too_unlikely | output::silence}));
  EXPECT_TRUE(window.accept(said(" hm", -1.2, 0.61), 3000).empty());
  EXPECT_EQ(window.seek(), 3000);
  // Not at the threshold itself, and not where the text is likely.
  EXPECT_FALSE(window.judge(said(" hm", -1.2, 0.6), 100));
  EXPECT_TRUE(window.judge(said(" hm", -0.9, 0.99), 100));
  EXPECT_EQ(window.transcript().attempts[2].verdict, output::accepted);
  EXPECT_EQ(window.transcript().attempts[2].seek, 3000);
  // Repetitive text that is likely is no silence, whatever the model thinks of speech.
  auto other = transcription();
  auto loop = repetitive(-0.1);
  loop.no_speech_prob = 0.99;
  EXPECT_FALSE(other.judge(loop, 100));
}

TEST_F(Fallback, AThresholdThatIsOffRejectsNothing) {
  options.compression_ratio_threshold.reset();
  auto window = transcription();
  EXPECT_TRUE(window.judge(repetitive(-0.1), 100));
  options.logprob_threshold.reset();
  auto other = transcription();
  EXPECT_TRUE(other.judge(said(" no idea", -9), 100));
  // Without it, no speech is silence however unlikely the text, but the attempt itself was not at fault.
  auto silent = transcription();
  EXPECT_TRUE(silent.judge(said(" hm", -0.1, 0.7), 100));
  EXPECT_EQ(verdicts(silent), (std::vector<int32_t>{output::silence}));
}

TEST_F(Fallback, AHotWindowIsNoPromptForTheNext) {
  options.prompt_reset_on_temperature = 0.3;
  for (const double temperature : {0.2, 0.4}) {
    auto window = transcription();
    auto decoded = said(" all is well", -0.3);
    decoded.temperature = temperature;
    window.accept(decoded, 3000);
    EXPECT_EQ(window.prompt().sot_index > 0, temperature < 0.3);
  }
}

// ---- prompts ----

class Prompts : public Fallback {
 protected:
  std::vector<text::TokenId> before(const WindowPrompt& prompt) const {
    return {prompt.tokens.begin(), prompt.tokens.begin() + prompt.sot_index};
  }
  std::vector<text::TokenId> after_prev(const std::string& text) const {
    auto tokens = english->encode(text);
    tokens.insert(tokens.begin(), english->special().sot_prev);
    return tokens;
  }
};

TEST_F(Prompts, TheInitialPromptLeavesUnlessItIsCarried) {
  options.initial_prompt = "Names: Rollo";
  options.condition_on_previous_text = false;
  auto once = transcription();
  options.carry_initial_prompt = true;
  auto carried = transcription();
  EXPECT_EQ(before(once.prompt()), after_prev(" Names: Rollo"));
  EXPECT_EQ(before(carried.prompt()), after_prev(" Names: Rollo"));
  for (auto* window : {&once, &carried}) window->accept(said(" all is well", -0.3), 3000);
  EXPECT_TRUE(before(once.prompt()).empty());
  EXPECT_EQ(before(carried.prompt()), after_prev(" Names: Rollo"));

  options.condition_on_previous_text = true;
  auto both = transcription();
  both.accept(said(" all is well", -0.3), 3000);
  EXPECT_EQ(before(both.prompt()), after_prev(" Names: Rollo all is well"));
}

TEST_F(Prompts, ACarriedPromptTakesItsRoomFromTheTextSoFar) {
  options.initial_prompt = "Names: Rollo";
  options.carry_initial_prompt = true;
  auto window = transcription();
  for (int i = 0; i < 100; ++i) window.accept(said(" all is well", -0.3), 3000);
  const auto prompt = before(window.prompt());
  const auto names = after_prev(" Names: Rollo");
  ASSERT_EQ(prompt.size(), 224u);
  EXPECT_TRUE(std::equal(names.begin(), names.end(), prompt.begin()));
  EXPECT_EQ(prompt.back(), english->encode(" all is well").back());
}

TEST_F(Prompts, HotwordsStandBeforeTheTextSoFar) {
  options.hotwords = " Rollo Hawkeye ";
  auto window = transcription();
  EXPECT_EQ(before(window.prompt()), after_prev(" Rollo Hawkeye"));
  window.accept(said(" all is well", -0.3), 3000);
  EXPECT_EQ(before(window.prompt()), after_prev(" Rollo Hawkeye all is well"));
  for (int i = 0; i < 100; ++i) window.accept(said(" all is well", -0.3), 3000);
  EXPECT_EQ(before(window.prompt()).size(), 224u);
  options.hotwords.clear();
  for (int i = 0; i < 200; ++i) options.hotwords += " Rollo";
  EXPECT_EQ(before(transcription().prompt()).size(), 224u);
  options.prefix = "Well,";
  EXPECT_TRUE(before(transcription().prompt()).empty());
}

TEST_F(Prompts, ThePrefixFollowsTheTask) {
  options.prefix = " Well, Rollo ";
  options.without_timestamps = true;
  const auto prefix = english->encode(" Well, Rollo");
  const auto prompt = transcription().prompt();
  std::vector<text::TokenId> want{english->special().sot, english->special().no_timestamps};
  want.insert(want.end(), prefix.begin(), prefix.end());
  EXPECT_EQ(prompt.tokens, want);
  EXPECT_EQ(prompt.max_sampled, 224);
  // Of half the context it gets what the tokens to be sampled leave.
  options.max_new_tokens = 222;
  EXPECT_EQ(transcription().prompt().tokens.back(), prefix.back());
  EXPECT_EQ(transcription().prompt().tokens.size(), 4u);
}

TEST_F(Prompts, WhatCannotFitIsRefused) {
  for (int i = 0; i < 300; ++i) options.prefix += " Rollo";
  EXPECT_THROW(check_options(options, *english, kTextContext), Error);
  options.prefix = "Rollo";
  EXPECT_NO_THROW(check_options(options, *english, kTextContext));
  options.patience = 0.4;
  EXPECT_THROW(check_options(options, *english, kTextContext), Error);
  options.beam_size = 2;
  EXPECT_NO_THROW(check_options(options, *english, kTextContext));
}

TEST_F(Prompts, AWindowsRowsAreItsBeamsOrItsCandidates) {
  options.beam_size = 5;
  options.best_of = 7;
  EXPECT_EQ(rows_of_window(options), 7);
  options.temperatures = {0.0};
  EXPECT_EQ(rows_of_window(options), 5);
  options.temperatures = {0.4};
  EXPECT_EQ(rows_of_window(options), 7);
}

}  // namespace
}  // namespace wtrt::whisper
