// What becomes stable of hypotheses that were made up here: words of one second each unless said otherwise.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "shared_data.hpp"
#include "whisper/live.hpp"
#include "whisper/transcription.hpp"

namespace wtrt::whisper {
namespace {

class Listener {
 public:
  LiveWindow window;

  // The hypothesis `text` over `seconds`; what became stable. Every new spelling is a token.
  std::string hear(const std::string& text, double seconds, Heard heard = Heard::so_far) {
    const auto agreed = window.hear(words(text), static_cast<int64_t>(seconds * 100), heard);
    return text_of(agreed);
  }
  std::string tentative() const { return text_of(window.tentative()); }
  std::string stable() const { return text_of(window.stable()); }

  std::vector<WordTiming> words(const std::string& text) {
    std::vector<WordTiming> all;
    std::istringstream in(text);
    double at = 0;
    for (std::string word; in >> word; at += 1) {
      const bool mark = word.size() == 1 && std::ispunct(static_cast<unsigned char>(word[0]));
      all.push_back({mark ? word : " " + word, {token(word)}, at, mark ? at : at + 1, 1});
      if (mark) at -= 1;
    }
    return all;
  }
  static std::string text_of(std::span<const WordTiming> words) {
    std::string text;
    for (const WordTiming& word : words) text += word.word;
    return text;
  }
  int32_t token(const std::string& word) {
    return tokens_.emplace(word, static_cast<int32_t>(tokens_.size())).first->second;
  }

 private:
  std::map<std::string, int32_t> tokens_;
};

TEST(Live, OneHypothesisIsTentativeTwoAreStable) {
  Listener live;
  EXPECT_EQ(live.hear("and so my", 6), "");
  EXPECT_EQ(live.tentative(), " and so my");
  EXPECT_EQ(live.hear("and so my fellow", 7), " and so my");
  EXPECT_EQ(live.tentative(), " fellow");
}

TEST(Live, WhatIsAgreedOnWaitsForTwoSecondsOfSoundBehindIt) {
  Listener live;
  live.hear("one two", 2.5);
  EXPECT_EQ(live.hear("one two", 2.9), "");
  EXPECT_EQ(live.hear("one two three", 3.1), " one");
  EXPECT_EQ(live.tentative(), " two three");
  EXPECT_EQ(live.hear("one two three", 4.1), " two");
}

TEST(Live, AgreementEndsWhereTheyDiffer) {
  Listener live;
  live.hear("ask not what", 6);
  EXPECT_EQ(live.hear("ask knot what your", 7), " ask");
  EXPECT_EQ(live.tentative(), " knot what your");
  // The last two count, not any two.
  EXPECT_EQ(live.hear("ask not what your", 8), "");
  EXPECT_EQ(live.hear("ask not what your country", 9), " not what your");
}

TEST(Live, ATailThatIsMadeUpOnceNeverBecomesStable) {
  Listener live;
  live.hear("the end thank you", 7);
  EXPECT_EQ(live.hear("the end", 8), " the end");
  EXPECT_EQ(live.tentative(), "");
  EXPECT_EQ(live.hear("the end bye", 9), "");
  EXPECT_EQ(live.hear("the end of it", 10), "");
  EXPECT_EQ(live.stable(), " the end");
}

TEST(Live, PunctuationAtTheEndWaitsForWhatFollows) {
  Listener live;
  live.hear("my fellow .", 6);
  EXPECT_EQ(live.hear("my fellow .", 7), " my fellow");
  EXPECT_EQ(live.tentative(), ".");
  EXPECT_EQ(live.hear("my fellow americans", 8), "");
  EXPECT_EQ(live.hear("my fellow americans .", 9), " americans");
  EXPECT_EQ(live.hear("my fellow americans . ask", 10), ".");
}

TEST(Live, WithoutAWordBehindStableOnesTheWindowMovesOnBehindThem) {
  Listener live;
  live.hear("my fellow .", 6);
  EXPECT_EQ(live.hear("my fellow .", 7), " my fellow");
  EXPECT_EQ(live.window.move_on(), 0);
  EXPECT_EQ(live.hear("my fellow .", 8), ".");
  EXPECT_EQ(live.window.move_on(), 200);  // none of the sound behind the words is lost
  EXPECT_EQ(live.stable(), "");
  EXPECT_EQ(live.hear("americans", 6), "");
  EXPECT_EQ(live.tentative(), " americans");
}

TEST(Live, AllIsStableAtTheEnd) {
  Listener live;
  live.hear("one two", 2);
  EXPECT_EQ(live.hear("one three .", 3, Heard::all), " one three.");
  EXPECT_EQ(live.tentative(), "");
  EXPECT_EQ(live.window.move_on(), 300);
  EXPECT_TRUE(live.window.stable().empty());
}

TEST(Live, AFullWindowKeepsAllButWhatMayBeCut) {
  Listener live;
  EXPECT_EQ(live.hear("a b c d", 4, Heard::full), " a b c");
  EXPECT_EQ(live.window.move_on(), 300);
  EXPECT_EQ(live.stable(), "");
}

TEST(Live, AFullWindowMovesOnWhateverIsInIt) {
  Listener live;
  EXPECT_EQ(live.hear("", 30, Heard::full), "");
  EXPECT_EQ(live.window.move_on(), 3000);
  live.hear("word", 1, Heard::full);  // one word, cut by the window's end
  EXPECT_EQ(live.window.move_on(), 100);
}

TEST(Live, SilenceMovesTheWindowOnButForAnOnset) {
  Listener live;
  live.hear("", 4);
  EXPECT_EQ(live.window.move_on(), 0);
  live.hear("", 5);
  EXPECT_EQ(live.window.move_on(), 300);  // a second before what the first of the two had heard
  live.hear("", 3);
  EXPECT_EQ(live.window.move_on(), 100);
}

TEST(Live, AShortWindowStaysALongOneIsCutBehindASentence) {
  Listener live;
  const std::string text = "a b c . d e f g h i j k l m";
  live.hear(text, 14);
  live.hear(text + " n", 14.5);
  EXPECT_EQ(live.window.move_on(), 0);
  live.hear(text + " n", 15);
  EXPECT_EQ(live.window.move_on(), 300);
  EXPECT_EQ(live.stable().substr(0, 4), " d e");
  EXPECT_DOUBLE_EQ(live.window.stable().front().start, 0.0);  // times follow the window
}

TEST(Live, AVeryLongWindowIsCutBehindAnyWord) {
  Listener live;
  live.hear("a b c d", 23);
  live.hear("a b c e", 24);
  EXPECT_EQ(live.window.move_on(), 300);
  EXPECT_EQ(live.stable(), "");
  EXPECT_EQ(live.tentative(), " e");
}

TEST(Live, AWordThatRunsOnBehindStableTextIsDivided) {
  Listener live;
  live.hear("my fellow", 5);
  EXPECT_EQ(live.hear("my fellow", 6), " my fellow");
  auto words = live.words("my fellow");
  words[1].word += "ship";
  words[1].tokens.push_back(live.token("ship"));
  EXPECT_TRUE(live.window.hear(words, 700, Heard::so_far).empty());
  EXPECT_EQ(live.tentative(), "ship");
  EXPECT_EQ(Listener::text_of(live.window.hear(words, 800, Heard::so_far)), "ship");
  EXPECT_EQ(live.stable(), " my fellowship");
}

TEST(Live, StableTextNeverChangesWhateverIsHeard) {
  Listener live;
  uint32_t random = 1;
  const auto draw = [&](uint32_t below) { return (random = random * 1664525u + 1013904223u) / 65536u % below; };
  std::string said;
  double seconds = 0;
  for (int i = 0; i < 2000; ++i) {
    seconds = std::min(30.0, seconds + 1);
    std::vector<WordTiming> words(live.window.stable().begin(), live.window.stable().end());
    for (uint32_t more = draw(6); more > 0; --more) {
      const std::string word(1, static_cast<char>('a' + draw(2)));
      const double at = words.empty() ? 0 : words.back().end;
      words.push_back({" " + word, {live.token(word)}, at, at + 0.3, 1});
    }
    const std::string before = live.stable();
    const Heard heard = seconds >= 30 ? Heard::full : Heard::so_far;
    const std::string agreed = Listener::text_of(live.window.hear(words, static_cast<int64_t>(seconds * 100), heard));
    ASSERT_EQ(live.stable(), before + agreed);
    said += agreed;
    const int64_t moved = live.window.move_on();
    ASSERT_TRUE(said.ends_with(live.stable()));
    ASSERT_GE(moved, 0);
    seconds -= static_cast<double>(moved) / 100;
    ASSERT_GE(seconds, -1e-6);
    ASSERT_LE(seconds, 30);
  }
  EXPECT_GT(said.size(), 100u);
}

TEST(Live, AMarkTakesNoTimeFromTheWordsBehindIt) {
  TranscribeOptions options;
  options.live_interval = 0.5;
  Transcription live(text::Tokenizer::load(test::repository() / "models" / "whisper-tiny.en-int8", 51864), options,
                     448);
  const auto hear = [&](std::vector<WordTiming> words, int64_t frames) {
    live.listen(frames, Heard::so_far);
    live.cut({}, frames);
    return live.keep(std::move(words), -1);
  };
  // The window moves on behind "fellow", which ends at 2 s; its full stop is aligned with the pause up to 6 s.
  for (const int64_t frames : {600, 700, 800}) hear({{" fellow", {1}, 1, 2, 1}, {".", {2}, 2, 6, 1}}, frames);
  EXPECT_EQ(live.seek(), 200);
  hear({{" Americans", {3}, 1, 2, 1}}, 650);
  const auto kept = hear({{" Americans", {3}, 1, 2, 1}}, 700);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].start, 3.0);
  EXPECT_EQ(kept[0].end, 4.0);
}

}  // namespace
}  // namespace wtrt::whisper
