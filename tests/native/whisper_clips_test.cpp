// Clips, and the language of a window, against hand-worked examples of openai/whisper's and faster-whisper's rules.
#include <gtest/gtest.h>

#include <cmath>

#include "common/error.hpp"
#include "shared_data.hpp"
#include "whisper/language_detection.hpp"
#include "whisper/transcription.hpp"

namespace wtrt::whisper {
namespace {

constexpr int32_t kTextContext = 448;
using Window = std::pair<int64_t, int32_t>;  // seek, most frames

class Clips : public testing::Test {
 protected:
  std::shared_ptr<const text::Tokenizer> english =
      text::Tokenizer::load(test::repository() / "models" / "whisper-tiny.en-int8", 51864);

  Transcription over(std::vector<double> clips) const {
    TranscribeOptions options;
    options.clip_timestamps = std::move(clips);
    return {english, options, kTextContext};
  }
  // A window in which something is said for two seconds and nothing follows, or (`open`) something may.
  DecodedWindow said(bool open) const {
    const auto begin = english->special().timestamp_begin;
    std::vector<text::TokenId> tokens{begin};
    const auto words = english->encode(" one");
    tokens.insert(tokens.end(), words.begin(), words.end());
    tokens.push_back(begin + 100);
    if (open) tokens.push_back(begin + 100);
    return {tokens, -1, 0, 0};
  }
  // The windows of a recording of `content` frames, all of them as `said`.
  std::vector<Window> windows(Transcription transcription, int64_t content, bool open) const {
    std::vector<Window> all;
    while (!transcription.ended()) {
      const int64_t left = std::max<int64_t>(0, content - transcription.seek());
      const auto frames = std::min<int64_t>(left, transcription.most_frames());
      if (frames == 0) {
        transcription.end_clip();
        continue;
      }
      all.emplace_back(transcription.seek(), frames);
      transcription.accept(said(open), frames);
    }
    return all;
  }
};

TEST_F(Clips, AreRoundedToFramesHalvesToEven) {
  EXPECT_EQ(clips_of({}), (std::vector<Clip>{{}}));
  EXPECT_EQ(clips_of(std::vector<double>{0}), (std::vector<Clip>{{}}));
  EXPECT_EQ(clips_of(std::vector<double>{1.005, 0.125, 2}), (std::vector<Clip>{{100, 12}, {.start = 200}}));
}

TEST_F(Clips, NoWindowCrossesAnEndAndTheNextClipFollows) {
  EXPECT_EQ(windows(over({0}), 5000, false), (std::vector<Window>{{0, 3000}, {3000, 2000}}));
  EXPECT_EQ(windows(over({}), 5000, false), (std::vector<Window>{{0, 3000}, {3000, 2000}}));
  EXPECT_EQ(windows(over({10, 45, 47}), 5000, false), (std::vector<Window>{{1000, 3000}, {4000, 500}, {4700, 300}}));
  // Something unfinished is left to the next window of the same clip only.
  EXPECT_EQ(windows(over({10, 15, 30, 33}), 5000, true),
            (std::vector<Window>{{1000, 500}, {1200, 300}, {1400, 100}, {3000, 300}, {3200, 100}}));
}

TEST_F(Clips, MayBeEmptyOverlapOrLieBehindTheEnd) {
  EXPECT_EQ(windows(over({3, 3, 5, 4, 7, 8}), 5000, false), (std::vector<Window>{{700, 100}}));
  EXPECT_EQ(windows(over({10, 12, 11, 13}), 5000, false), (std::vector<Window>{{1000, 200}, {1100, 200}}));
  EXPECT_EQ(windows(over({48, 60, 70, 80, 1, 2}), 5000, false), (std::vector<Window>{{4800, 200}, {100, 100}}));
  EXPECT_TRUE(over({5, 5}).ended());
}

TEST_F(Clips, KeepTheirTimesAndTheTextSoFar) {
  Transcription transcription = over({10, 15, 30, 35});
  EXPECT_DOUBLE_EQ(transcription.accept(said(false), 500).at(0).start, 10.0);
  EXPECT_GT(transcription.prompt().tokens.size(), 3u);
  const auto second = transcription.accept(said(false), 500);
  EXPECT_DOUBLE_EQ(second.at(0).end, 32.0);
  EXPECT_EQ(second.at(0).id, 1);
  EXPECT_TRUE(transcription.ended());
}

TEST_F(Clips, SilenceMovesOnToTheNext) {
  Transcription transcription = over({0, 5, 30, 35});
  transcription.accept({said(false).tokens, -100, 0.9, 0}, 500);
  EXPECT_EQ(transcription.seek(), 3000);
}

TEST_F(Clips, OutsideTheirRangeAreRefused) {
  for (const double bad : {-1.0, 2e9, std::nan("")}) {
    TranscribeOptions options;
    options.clip_timestamps = {0, bad};
    EXPECT_THROW(check_options(options, *english, kTextContext), Error) << bad;
  }
}

// ---- languages ----

class Languages : public testing::Test {
 protected:
  void SetUp() override {
    WTRT_NEEDS_SHARED("models/whisper-base");
    tokenizer = text::Tokenizer::load(test::shared() / "models" / "whisper-base", 51865);
  }
  std::shared_ptr<const text::Tokenizer> tokenizer;
};

TEST(DetectedLanguage, SharesProbabilityAmongTheCandidates) {
  std::vector<float> logits(99, -5.0f);
  logits[0] = 3;  // en
  logits[2] = 1;  // de
  logits[6] = 2;  // fr
  const size_t two[] = {2, 6};
  const DetectedLanguage detected = detected_language(logits, two);
  EXPECT_EQ(detected.code, "fr");
  EXPECT_NEAR(detected.probability, 1 / (1 + std::exp(-1.0)), 1e-6);
  EXPECT_NEAR(detected.probabilities[2] + detected.probabilities[6], 1, 1e-6);
  EXPECT_EQ(detected.probabilities[0], 0);
}

TEST_F(Languages, AreReadFromAListAndRefusedByName) {
  EXPECT_EQ(candidate_languages("", *tokenizer).size(), 99u);
  EXPECT_EQ(candidate_languages("en, German,fr", *tokenizer), (std::vector<size_t>{0, 2, 6}));
  for (const char* bad : {"klingon", "en,,de", "en,", "yue"}) {
    EXPECT_THROW(candidate_languages(bad, *tokenizer), Error) << bad;
  }
}

TEST_F(Languages, AreAskedForOfEveryWindowOrOnce) {
  TranscribeOptions options;
  Transcription once(tokenizer, options, kTextContext);
  options.multilingual = true;
  Transcription each(tokenizer, options, kTextContext);
  const std::vector<text::TokenId> said{tokenizer->special().timestamp_begin, 262,
                                        tokenizer->special().timestamp_begin + 100};
  for (Transcription* transcription : {&once, &each}) {
    EXPECT_TRUE(transcription->needs_language());
    transcription->set_language("de");
    EXPECT_FALSE(transcription->needs_language());
    transcription->accept({said, -1, 0, 0}, 3000);
  }
  EXPECT_FALSE(once.needs_language());
  EXPECT_TRUE(each.needs_language());
  each.set_language("fr");
  each.accept({said, -1, 0, 0}, 3000);
  const output::Transcript transcript = each.transcript();
  EXPECT_EQ(transcript.language, "de");
  EXPECT_EQ(transcript.segments.at(0).language, "de");
  EXPECT_EQ(transcript.segments.at(1).language, "fr");
}

}  // namespace
}  // namespace wtrt::whisper
