// Window policy against hand-worked examples of openai/whisper's rules, with the tokenizer of the repository's own model.
#include <gtest/gtest.h>

#include "common/error.hpp"
#include "shared_data.hpp"
#include "whisper/segments.hpp"
#include "whisper/task_tokens.hpp"
#include "whisper/transcription.hpp"

namespace wtrt::whisper {
namespace {

constexpr int32_t kTextContext = 448;

class WindowPolicy : public testing::Test {
 protected:
  std::shared_ptr<const text::Tokenizer> english =
      text::Tokenizer::load(test::repository() / "models" / "whisper-tiny.en-int8", 51864);

  text::TokenId at(double seconds) const {
    return english->special().timestamp_begin + static_cast<text::TokenId>(seconds / 0.02 + 0.5);
  }
  std::vector<text::TokenId> said(double from, const std::string& text, double to) const {
    std::vector<text::TokenId> tokens{at(from)};
    const auto words = english->encode(text);
    tokens.insert(tokens.end(), words.begin(), words.end());
    tokens.push_back(at(to));
    return tokens;
  }
  static std::vector<text::TokenId> joined(std::vector<text::TokenId> a, const std::vector<text::TokenId>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }
  CutWindow cut(std::vector<text::TokenId> tokens, int64_t seek, int64_t frames) const {
    return cut_segments({std::move(tokens), -1, 0, 0}, {}, seek, frames, *english);
  }
};

TEST_F(WindowPolicy, PairsOfTimestampsDelimitSegments) {
  const CutWindow window = cut(joined(said(0, " one", 2), said(2, " two", 5.5)), 1000, 3000);
  ASSERT_EQ(window.segments.size(), 2u);
  EXPECT_DOUBLE_EQ(window.segments[0].start, 10.0);
  EXPECT_DOUBLE_EQ(window.segments[0].end, 12.0);
  EXPECT_EQ(window.segments[1].text, " two");
  EXPECT_DOUBLE_EQ(window.segments[1].end, 15.5);
  EXPECT_EQ(window.segments[0].seek, 1000);
  // The single closing timestamp says that nothing follows: the whole window is done.
  EXPECT_EQ(window.advance, 3000);
}

TEST_F(WindowPolicy, AnUnfinishedSegmentIsLeftToTheNextWindow) {
  auto tokens = joined(said(0, " one", 2), said(2, " two", 28));
  tokens.pop_back();  // " two" never ends
  const CutWindow window = cut(tokens, 0, 3000);
  ASSERT_EQ(window.segments.size(), 1u);
  EXPECT_EQ(window.advance, 200);
}

TEST_F(WindowPolicy, TwoClosingTimestampsMoveToTheLast) {
  auto tokens = joined(said(0, " one", 2), {at(2)});
  const CutWindow window = cut(tokens, 0, 3000);
  ASSERT_EQ(window.segments.size(), 1u);
  EXPECT_EQ(window.advance, 200);
}

TEST_F(WindowPolicy, WithoutPairsTheWindowIsOneSegment) {
  const CutWindow last_time = cut(said(0, " one", 7.5), 0, 1200);
  ASSERT_EQ(last_time.segments.size(), 1u);
  EXPECT_DOUBLE_EQ(last_time.segments[0].end, 7.5);
  EXPECT_EQ(last_time.advance, 1200);

  auto no_end = said(0, " one", 7.5);
  no_end.pop_back();
  EXPECT_DOUBLE_EQ(cut(no_end, 500, 1200).segments[0].end, 17.0);  // only <|0.00|>: the window's own length counts
}

TEST_F(WindowPolicy, SegmentsWithoutTextOrDurationAreEmptied) {
  CutWindow window = cut(joined(said(0, " one", 0), said(0, "  ", 3)), 0, 3000);
  ASSERT_EQ(window.segments.size(), 2u);
  empty_blank_segments(window.segments);
  for (const auto& segment : window.segments) {
    EXPECT_EQ(segment.text, "");
    EXPECT_TRUE(segment.tokens.empty());
  }
}

TEST_F(WindowPolicy, SilenceIsSkippedUnlessTheTextIsSure) {
  Transcription silent(english, {}, kTextContext), sure(english, {}, kTextContext);
  const auto tokens = said(0, " one", 2);
  const auto count = static_cast<double>(tokens.size() + 1);
  EXPECT_TRUE(silent.accept({tokens, -1.5 * count, 0.7, 0}, 3000).empty());
  EXPECT_EQ(silent.seek(), 3000);
  EXPECT_EQ(sure.accept({tokens, -0.5 * count, 0.7, 0}, 3000).size(), 1u);
}

TEST_F(WindowPolicy, ThePromptIsTheTextSoFar) {
  TranscribeOptions options;
  options.initial_prompt = "  Glossary: Ahab ";
  Transcription transcription(english, options, kTextContext);
  const auto& special = english->special();
  const auto initial = english->encode(" Glossary: Ahab");
  EXPECT_EQ(transcription.prompt().tokens, joined(joined({special.sot_prev}, initial), {special.sot}));
  EXPECT_EQ(transcription.prompt().sot_index, static_cast<int32_t>(initial.size()) + 1);

  const auto tokens = said(0, " Call me", 2);
  transcription.accept({tokens, -1, 0, 0}, 3000);
  EXPECT_EQ(transcription.prompt().tokens, joined(joined(joined({special.sot_prev}, initial), tokens), {special.sot}));
  EXPECT_EQ(transcription.transcript().text, " Call me");  // without the initial prompt
}

TEST_F(WindowPolicy, HotWindowsAndUnconditionedOnesResetThePrompt) {
  TranscribeOptions free;
  free.condition_on_previous_text = false;
  Transcription unconditioned(english, free, kTextContext), hot(english, {}, kTextContext);
  unconditioned.accept({said(0, " one", 2), -1, 0, 0}, 3000);
  hot.accept({said(0, " one", 2), -1, 0, 0.8}, 3000);
  EXPECT_EQ(unconditioned.prompt().tokens.size(), 1u);
  EXPECT_EQ(hot.prompt().tokens.size(), 1u);
}

TEST_F(WindowPolicy, PromptsKeepTheLast223TokensAndLeaveRoom) {
  const std::vector<text::TokenId> long_text(400, 262);
  const WindowPrompt prompt = window_prompt(*english, {}, "en", long_text, kTextContext);
  EXPECT_EQ(prompt.tokens.size(), 1u + 223 + 1);
  EXPECT_EQ(prompt.max_sampled, 224);
}

TEST_F(WindowPolicy, SuppressedTokensFollowTheOption) {
  TranscribeOptions options;
  const auto usual = suppressed_tokens(*english, options);
  EXPECT_TRUE(std::binary_search(usual.begin(), usual.end(), english->special().sot));
  EXPECT_TRUE(std::binary_search(usual.begin(), usual.end(), english->encode(" [")[0]));
  options.suppress_tokens = "";
  EXPECT_TRUE(suppressed_tokens(*english, options).empty());
  options.suppress_tokens = "262, 5";
  const auto chosen = suppressed_tokens(*english, options);
  EXPECT_TRUE(std::binary_search(chosen.begin(), chosen.end(), 5));
  EXPECT_FALSE(std::binary_search(chosen.begin(), chosen.end(), english->encode(" [")[0]));
}

TEST_F(WindowPolicy, OptionsOutsideTheirRangeAreRefusedByName) {
  const auto refused = [&](const char* name, TranscribeOptions options) {
    try {
      check_options(options, *english, kTextContext);
    } catch (const Error& error) {
      return error.code() == ErrorCode::invalid_argument && std::string(error.what()).find(name) == 0;
    }
    return false;
  };
  TranscribeOptions options;
  options.language = "klingon";
  EXPECT_TRUE(refused("language", options));
  options.language = "German";  // known, but not to an English-only model
  EXPECT_TRUE(refused("language", options));
  options = {};
  options.task = Task::translate;
  EXPECT_TRUE(refused("task", options));
  options = {};
  options.max_new_tokens = 225;
  EXPECT_TRUE(refused("max_new_tokens", options));
  for (const char* bad : {"x", "1,,2", "99999", "-2", "1;2"}) {
    options = {};
    options.suppress_tokens = bad;
    EXPECT_TRUE(refused("suppress_tokens", options)) << bad;
  }
  options = {};
  options.language = "English";
  check_options(options, *english, kTextContext);
  EXPECT_EQ(options.language, "en");
}

}  // namespace
}  // namespace wtrt::whisper
