// How long a short window is, and when it is given up.
#include <gtest/gtest.h>

#include "shared_data.hpp"
#include "whisper/transcription.hpp"

namespace wtrt::whisper {
namespace {

TEST(WindowPositions, AreTheSoundsAndTheTailsOnTheGrid) {
  EXPECT_EQ(window_positions({}, 100), kFullContext);
  const AudioContext fitting{std::nullopt, 50};
  EXPECT_EQ(window_positions(fitting, 28), 64);   // 14 + 50
  EXPECT_EQ(window_positions(fitting, 29), 128);  // half a position is one
  EXPECT_EQ(window_positions(fitting, 2800), 1472);
  EXPECT_EQ(window_positions(fitting, 2845), kFullContext);
  EXPECT_EQ(window_positions(fitting, 3000), kFullContext);
  EXPECT_EQ(window_positions({std::nullopt, 0}, 0), 64);  // never none
  EXPECT_EQ(window_positions({1, 50}, 3000), 64);         // a number knows neither sound nor tail
  EXPECT_EQ(window_positions({640, 50}, 3000), 640);
  EXPECT_EQ(window_positions({1499, 50}, 3000), kFullContext);
}

class ShortWindow : public testing::Test {
 protected:
  std::shared_ptr<const text::Tokenizer> english =
      text::Tokenizer::load(test::repository() / "models" / "whisper-tiny.en-int8", 51864);
  TranscribeOptions options = [] {
    TranscribeOptions asked;
    asked.audio_context = {std::nullopt, 64};
    return asked;
  }();
  Transcription transcription{english, options, 448};

  DecodedWindow said(double mean, double no_speech = 0.0, int32_t positions = 128) const {
    DecodedWindow window;
    window.tokens = english->encode(" all is well");
    window.sum_logprob = mean * static_cast<double>(window.tokens.size() + 1);
    window.no_speech_prob = no_speech;
    window.positions = positions;
    return window;
  }
  output::Attempt last() const { return transcription.transcript().attempts.back(); }
  // That the window was given up, and is now tried as if there were no short windows.
  void expect_full_length() const {
    EXPECT_EQ(transcription.positions(100), kFullContext);
    EXPECT_EQ(transcription.attempt().number, 0);
    EXPECT_EQ(transcription.attempt().temperature, 0.0);
    EXPECT_EQ(last().audio_context, 128);
  }
};

TEST_F(ShortWindow, AGoodOneIsKept) {
  EXPECT_EQ(transcription.positions(100), 128);
  EXPECT_TRUE(transcription.judge(said(-0.3), 100));
  EXPECT_EQ(last().verdict, output::accepted);
  EXPECT_EQ(last().audio_context, 128);
}

TEST_F(ShortWindow, AnUnlikelyOneIsDecodedAtFullLengthAndTheNextIsShortAgain) {
  EXPECT_FALSE(transcription.judge(said(-1.5), 100));
  EXPECT_EQ(last().verdict, output::too_unlikely | output::too_short);
  expect_full_length();
  EXPECT_FALSE(transcription.judge(said(-1.5, 0.0, kFullContext), 100));
  EXPECT_EQ(last().verdict, output::too_unlikely);
  EXPECT_EQ(transcription.attempt().temperature, 0.2);
  EXPECT_TRUE(transcription.judge(said(-0.3, 0.0, kFullContext), 100));
  transcription.accept(said(-0.3, 0.0, kFullContext), 100);
  EXPECT_EQ(transcription.positions(100), 128);
}

TEST_F(ShortWindow, OneWithoutAnEndTokenIsDecodedAtFullLengthWhereItIsNoFault) {
  DecodedWindow endless = said(-0.3);
  endless.ended = false;
  EXPECT_FALSE(transcription.judge(endless, 100));
  EXPECT_EQ(last().verdict, output::too_short);
  expect_full_length();
  endless.positions = kFullContext;
  EXPECT_TRUE(transcription.judge(endless, 100));
  EXPECT_EQ(last().verdict, output::accepted);
}

TEST_F(ShortWindow, ATimestampBehindItsEndIsDoubted) {
  DecodedWindow window = said(-0.3);
  window.tokens.push_back(english->special().timestamp_begin + 128);
  EXPECT_TRUE(transcription.judge(window, 100)) << "the end itself";
  transcription.accept(window, 100);
  window.tokens.back() += 1;
  EXPECT_FALSE(transcription.judge(window, 100));
  EXPECT_EQ(last().verdict, output::too_short);
  expect_full_length();
  window.positions = kFullContext;
  EXPECT_TRUE(transcription.judge(window, 100));
}

// Two timestamps say that something follows, one that nothing does.
TEST_F(ShortWindow, OneThatLeavesScrapsIsDecodedAtFullLength) {
  const text::TokenId begin = english->special().timestamp_begin;
  DecodedWindow window = said(-0.3);
  window.tokens.insert(window.tokens.end(), {begin + 50, begin + 50});  // a second
  EXPECT_TRUE(transcription.judge(window, 300)) << "two seconds are left";
  transcription.accept(window, 300);
  EXPECT_FALSE(transcription.judge(window, 298));
  EXPECT_EQ(last().verdict, output::too_short);
  expect_full_length();
  window.positions = kFullContext;
  EXPECT_TRUE(transcription.judge(window, 298));
  transcription.accept(window, 298);
  window.positions = 128;
  window.tokens.pop_back();
  EXPECT_TRUE(transcription.judge(window, 298)) << "it is done with its sound";
}

TEST_F(ShortWindow, ScrapsOfAWindowOfFixedLengthJoinTheNext) {
  options.audio_context = {128, 0};
  transcription = Transcription(english, options, 448);
  DecodedWindow window = said(-0.3);
  const text::TokenId begin = english->special().timestamp_begin;
  window.tokens.insert(window.tokens.end(), {begin + 50, begin + 50});
  EXPECT_TRUE(transcription.judge(window, 256));
}

TEST_F(ShortWindow, ARepetitiveOneIsDecodedAtFullLength) {
  DecodedWindow loop = said(-0.1);
  std::string text;
  for (int i = 0; i < 60; ++i) text += " again and";
  loop.tokens = english->encode(text);
  EXPECT_FALSE(transcription.judge(loop, 100));
  EXPECT_EQ(last().verdict, output::too_repetitive | output::too_short);
  expect_full_length();
}

TEST_F(ShortWindow, SilenceIsOnlyBelievedAtFullLength) {
  EXPECT_FALSE(transcription.judge(said(-1.2, 0.9), 100));
  EXPECT_EQ(last().verdict, output::too_unlikely | output::silence | output::too_short);
  expect_full_length();
  EXPECT_TRUE(transcription.judge(said(-1.2, 0.9, kFullContext), 100));
  EXPECT_TRUE(transcription.accept(said(-1.2, 0.9, kFullContext), 100).empty());
  EXPECT_EQ(transcription.seek(), 100);
  EXPECT_EQ(transcription.positions(100), 128);
}

}  // namespace
}  // namespace wtrt::whisper
