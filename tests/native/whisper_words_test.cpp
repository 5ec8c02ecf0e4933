// Words, their borders and what they say about made-up text, against hand-worked examples of openai/whisper's rules.
#include <gtest/gtest.h>

#include "shared_data.hpp"
#include "whisper/hallucinations.hpp"
#include "whisper/words.hpp"

namespace wtrt::whisper {
namespace {

std::vector<WordTiming> timings(std::initializer_list<const char*> words) {
  std::vector<WordTiming> result;
  double at = 0;
  for (const char* const word : words) {
    result.push_back({word, {static_cast<text::TokenId>(result.size())}, at, at + 0.2, 0.9});
    at += 0.2;
  }
  return result;
}

std::vector<std::string> merged(std::vector<WordTiming> words) {
  const TranscribeOptions options;
  merge_punctuations(words, options.prepend_punctuations, options.append_punctuations);
  std::vector<std::string> texts;
  size_t tokens = 0;
  for (const WordTiming& word : words) {
    texts.push_back(word.word);
    tokens += word.tokens.size();
  }
  EXPECT_EQ(tokens, words.size());  // none is lost
  return texts;
}

using Texts = std::vector<std::string>;

TEST(MergePunctuations, JoinsToTheWordBehindAndToTheWordBefore) {
  EXPECT_EQ(merged(timings({" Yes", ",", " \"", "no", ".", "\""})), (Texts{" Yes,", "", "", " \"no.\"", "", ""}));
  EXPECT_EQ(merged(timings({" (", " [", "a", ")", " b"})), (Texts{"", "", " ( [a)", "", " b"}));
  EXPECT_EQ(merged(timings({"我", "、", "你", "。"})), (Texts{"我、", "", "你。", ""}));
  EXPECT_EQ(merged(timings({" a", " ,"})), (Texts{" a", " ,"}));  // with a blank before it: a word of its own
  EXPECT_EQ(merged(timings({" a", " -"})), (Texts{" a", " -"}));  // nothing behind it
  EXPECT_EQ(merged(timings({" a"})), Texts{" a"});
  EXPECT_EQ(merged({}), Texts{});
}

TEST(WordLengths, AreTheMedianOfWhatTakesTime) {
  auto words = timings({" a", " b", " c", " d"});
  words[3].end = words[3].start;  // takes no time
  words[2].end = words[2].start + 0.6;
  EXPECT_DOUBLE_EQ(word_lengths(words).median, words[0].end - words[0].start);
  words[2].end = words[2].start + 3, words[1].end = words[1].start + 3;
  EXPECT_DOUBLE_EQ(word_lengths(words).median, 0.7);
  EXPECT_DOUBLE_EQ(word_lengths(words).longest, 1.4);
  EXPECT_EQ(word_lengths({}).median, 0);
}

class Words : public testing::Test {
 protected:
  std::shared_ptr<const text::Tokenizer> english =
      text::Tokenizer::load(test::repository() / "models" / "whisper-tiny.en-int8", 51864);

  output::Segment segment(const std::string& text, double start, double end) const {
    output::Segment made;
    made.start = start;
    made.end = end;
    made.text = text;
    made.tokens = english->encode(text);
    made.tokens.insert(made.tokens.begin(), english->special().timestamp_begin);
    made.tokens.push_back(english->special().timestamp_begin + 50);
    return made;
  }
  // One word per token, `length` seconds each.
  std::vector<WordTiming> evenly(const std::string& text, double length) const {
    std::vector<WordTiming> words;
    for (const text::TokenId id : english->encode(text)) {
      const double start = length * static_cast<double>(words.size());
      words.push_back({english->decode(std::vector{id}), {id}, start, start + length, 0.5});
    }
    return words;
  }
};

TEST_F(Words, AreDealtToTheirSegmentsAndSetTheirBorders) {
  std::vector<output::Segment> segments = {segment(" one two,", 10, 11), segment(" three", 11, 12)};
  for (auto& s : segments) s.seek = 1000;
  add_words(segments, evenly(" one two, three", 0.25), {}, *english, 10);
  ASSERT_EQ(segments[0].words.size(), 2u);
  ASSERT_EQ(segments[1].words.size(), 1u);
  EXPECT_EQ(segments[0].words[1].text, " two,");
  EXPECT_DOUBLE_EQ(segments[0].words[1].end, 10.5);  // without the comma's time
  EXPECT_DOUBLE_EQ(segments[0].start, 10.0);
  EXPECT_DOUBLE_EQ(segments[0].end, 10.5);
  EXPECT_DOUBLE_EQ(segments[1].start, 10.75);
  EXPECT_TRUE(segments[1].has_words);
}

TEST_F(Words, AtASentencesEndAreCutToTwiceTheUsual) {
  auto words = evenly(" one two. three", 0.25);
  ASSERT_EQ(words.size(), 4u);
  words[2].end = 3;  // the full stop
  words[3].start = 3, words[3].end = 5;
  std::vector<output::Segment> segments = {segment(" one two. three", 0, 5)};
  add_words(segments, words, {}, *english, 0);
  // Lengths 0.25, 0.25, 2.5, 2: the median is 1.125, of which 0.7 counts.
  EXPECT_DOUBLE_EQ(segments[0].words[2].start, 3.6);
  EXPECT_DOUBLE_EQ(segments[0].words[2].end, 5);
}

TEST_F(Words, AfterAPauseAreCutToTwiceTheUsual) {
  auto words = evenly(" one two three four five", 0.25);
  for (size_t i = 1; i < words.size(); ++i) words[i].start += 7.75, words[i].end += 7.75;
  words[0].end = 8;
  std::vector<output::Segment> segments = {segment(" one two three four five", 7.4, 9.25)};
  add_words(segments, words, {}, *english, 0);
  EXPECT_DOUBLE_EQ(segments[0].words[0].start, 7.5);  // 8 - 2 · 0.25
  EXPECT_DOUBLE_EQ(segments[0].start, 7.5);
  // The second word is as long: both are cut.
  words[1].start = 4, words[1].end = 8.25, words[0].end = 4;
  segments = {segment(" one two three four five", 7.4, 9.25)};
  add_words(segments, words, {}, *english, 0);
  EXPECT_DOUBLE_EQ(segments[0].words[1].start, 7.75);
  EXPECT_DOUBLE_EQ(segments[0].words[0].end, 7.75);
  EXPECT_DOUBLE_EQ(segments[0].words[0].start, 7.25);
}

TEST_F(Words, YieldToTheSegmentsTimesWhereTheyReachFarBeyond) {
  auto words = evenly(" one two three four", 0.5);
  words[0].start = 0, words[0].end = 4;
  for (size_t i = 1; i < 4; ++i) words[i].start += 3.5, words[i].end += 3.5;
  words[3].end = 9;
  std::vector<output::Segment> segments = {segment(" one two three four", 3, 6)};
  add_words(segments, words, {}, *english, 3.9);  // no pause before it
  EXPECT_DOUBLE_EQ(segments[0].words[0].start, 3);
  EXPECT_DOUBLE_EQ(segments[0].words[3].end, 6);
  EXPECT_DOUBLE_EQ(segments[0].start, 3);
  EXPECT_DOUBLE_EQ(segments[0].end, 6);
}

TEST_F(Words, ThePromptIsTheTextWithoutTimes) {
  const std::vector<output::Segment> segments = {segment(" one", 0, 1), segment(" two", 1, 2)};
  const AlignmentPrompt prompt = alignment_prompt(*english, Task::transcribe, "en", segments);
  const auto& special = english->special();
  std::vector<text::TokenId> want = {special.sot, special.no_timestamps};
  for (const text::TokenId id : english->encode(" one two")) want.push_back(id);
  want.push_back(special.eot);
  EXPECT_EQ(prompt.tokens, want);
  EXPECT_EQ(prompt.text_begin, 2);
}

TEST_F(Words, AreTimedByTheAttentionOfTheTokenBefore) {
  const std::vector<output::Segment> segments = {segment(" one two", 0, 1)};
  const AlignmentPrompt prompt = alignment_prompt(*english, Task::transcribe, "en", segments);
  ASSERT_EQ(prompt.tokens.size(), 5u);
  AlignmentScores scores{1, 5, 60, std::vector<float>(300, 0.0f), {0, 0, 0.25f, 0.5f, 0}};
  const auto looks_at = [&](size_t token, size_t from, size_t to) {
    for (size_t c = from; c < to; ++c) scores.scores[token * 60 + c] = 10;
  };
  looks_at(1, 0, 20);   // <|notimestamps|>, hence " one"
  looks_at(2, 20, 35);  // " one", hence " two"
  looks_at(3, 35, 50);  // " two", hence the end
  const auto words = time_words(prompt, scores, *english, "en", 100);
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0].word, " one");
  EXPECT_NEAR(words[0].end, 0.4, 0.021);
  EXPECT_NEAR(words[1].end, 0.7, 0.021);
  EXPECT_DOUBLE_EQ(words[1].probability, 0.5);
  EXPECT_TRUE(time_words(prompt, scores, *english, "en", 1).empty());  // less than one position
  EXPECT_TRUE(time_words(alignment_prompt(*english, Task::transcribe, "en", {}), scores, *english, "en", 100).empty());
}

// ---- made-up text ----

output::Segment spoken(double start, double end, int words, double probability) {
  output::Segment segment;
  segment.start = start;
  segment.end = end;
  const double length = (end - start) / words;
  for (int i = 0; i < words; ++i)
    segment.words.push_back({" w", start + i * length, start + (i + 1) * length, probability});
  return segment;
}

constexpr WindowSpan kWindow{1000, 3000, 20000};  // 10 s to 40 s of 200 s

TEST(Hallucinations, AreShownByTheirWords) {
  EXPECT_FALSE(is_anomaly(spoken(0, 2, 4, 0.9)));
  EXPECT_TRUE(is_anomaly(spoken(0, 2, 4, 0.1)));    // improbable
  EXPECT_TRUE(is_anomaly(spoken(0, 0.2, 8, 0.9)));  // eight of 0.025 s: 8 · 0.108 · 15
  EXPECT_TRUE(is_anomaly(spoken(0, 6, 1, 0.9)));    // one of 6 s
  EXPECT_FALSE(is_anomaly(output::Segment{}));
  auto nine = spoken(0, 9, 9, 0.9);
  nine.words.back().probability = 0, nine.words.back().end += 50;
  EXPECT_FALSE(is_anomaly(nine));  // only eight words are looked at
}

TEST(SeekByWords, FollowsTheLastWordUnlessTheWindowIsClosed) {
  std::vector<output::Segment> segments = {spoken(12, 14.26, 4, 0.9)};
  EXPECT_EQ(seek_by_words(segments, kWindow, 1500, false, {}, 0).seek, 1426);
  EXPECT_EQ(seek_by_words(segments, kWindow, 4000, true, {}, 0).seek, 4000);
  std::vector<output::Segment> none;
  EXPECT_EQ(seek_by_words(none, kWindow, 1500, false, {}, 0).seek, 1500);
  segments = {spoken(9, 10, 4, 0.9)};  // ends where the window begins
  EXPECT_EQ(seek_by_words(segments, kWindow, 1500, false, {}, 0).seek, 1500);
}

TEST(SeekByWords, ALittleSilenceAtTheEndIsLeft) {
  std::vector<output::Segment> segments = {spoken(12, 38.5, 60, 0.9)};
  EXPECT_EQ(seek_by_words(segments, kWindow, 1500, false, 2.0, 10).seek, 4000);  // 1.5 s: the window is done
  EXPECT_EQ(seek_by_words(segments, kWindow, 1500, false, 1.0, 10).seek, 3850);
}

TEST(SeekByWords, SilenceBeforeMadeUpTextIsSkippedAndTheWindowDecodedAgain) {
  std::vector<output::Segment> segments = {spoken(15, 16, 4, 0.1)};
  const NextSeek next = seek_by_words(segments, kWindow, 4000, true, 2.0, 10);
  EXPECT_TRUE(next.skipped);
  EXPECT_EQ(next.seek, 1500);
}

TEST(SeekByWords, MadeUpTextBetweenSilencesIsDropped) {
  std::vector<output::Segment> segments = {spoken(10, 12, 6, 0.9), spoken(20, 21, 4, 0.1), spoken(30, 32, 6, 0.9)};
  NextSeek next = seek_by_words(segments, kWindow, 4000, true, 2.0, 10);
  EXPECT_FALSE(next.skipped);
  EXPECT_EQ(next.seek, 2000);
  EXPECT_EQ(segments.size(), 1u);
  // Near the end of the recording nothing more is expected.
  segments = {spoken(10, 12, 6, 0.9), spoken(20, 21, 4, 0.1)};
  EXPECT_EQ(seek_by_words(segments, {1000, 1200, 2200}, 2200, true, 2.0, 10).seek, 2200);
  // Not silent enough before it.
  segments = {spoken(10, 18.5, 30, 0.9), spoken(20, 21, 4, 0.1), spoken(30, 32, 6, 0.9)};
  EXPECT_EQ(seek_by_words(segments, kWindow, 4000, true, 2.0, 10).seek, 4000);
  EXPECT_EQ(segments.size(), 3u);
}

}  // namespace
}  // namespace wtrt::whisper
