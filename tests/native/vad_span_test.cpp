// The span logic on made-up probabilities: each rule alone, and the streaming form against its own promises.
#include <gtest/gtest.h>

#include <random>

#include "common/error.hpp"
#include "vad/chunks.hpp"
#include "vad/span_finder.hpp"

namespace wtrt::vad {
namespace {

constexpr int64_t kFrame = kFrameSamples;
using Spans = std::vector<SpeechSpan>;

// "3-2+": frames of silence (-, 0.1), of speech (+, 0.9) and of something between (~, 0.4).
std::vector<float> frames(const std::string& text) {
  std::vector<float> out;
  size_t count = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      count = count * 10 + static_cast<size_t>(c - '0');
    } else {
      out.insert(out.end(), count, c == '+' ? 0.9f : c == '~' ? 0.4f : 0.1f);
      count = 0;
    }
  }
  return out;
}

Spans find(const VadOptions& options, std::span<const float> probabilities, int64_t samples = -1) {
  SpanFinder finder(options);
  for (const float probability : probabilities) finder.add(probability);
  finder.finish(samples < 0 ? static_cast<int64_t>(probabilities.size()) * kFrame : samples);
  Spans spans;
  while (const auto span = finder.next()) spans.push_back(*span);
  return spans;
}

VadOptions bare() {
  VadOptions options;
  options.min_silence_duration_ms = 96;  // three frames
  options.speech_pad_ms = 0;
  return options;
}

TEST(SpanFinder, SpeechIsFromThresholdToLongSilence) {
  EXPECT_EQ(find(bare(), frames("5-10+20-")), (Spans{{5 * kFrame, 15 * kFrame}}));
  EXPECT_EQ(find(bare(), frames("20-")), Spans{});
  EXPECT_EQ(find(bare(), {}), Spans{});
  EXPECT_EQ(find(bare(), frames("5-10+3-10+20-")), (Spans{{5 * kFrame, 28 * kFrame}}))
      << "a short silence ends nothing";
  EXPECT_EQ(find(bare(), frames("5-10+4-10+20-")), (Spans{{5 * kFrame, 15 * kFrame}, {19 * kFrame, 29 * kFrame}}));
}

TEST(SpanFinder, BetweenTheThresholdsItGoesOnAsItWas) {
  EXPECT_EQ(find(bare(), frames("5-10+30~20-")), (Spans{{5 * kFrame, 45 * kFrame}}));
  EXPECT_EQ(find(bare(), frames("5-10~20-")), Spans{});
  VadOptions options = bare();
  options.neg_threshold = 0.45;
  EXPECT_EQ(find(options, frames("5-10+30~20-")), (Spans{{5 * kFrame, 15 * kFrame}}));
}

TEST(SpanFinder, SpeechUpToTheEndEndsThere) {
  EXPECT_EQ(find(bare(), frames("5-10+"), 15 * kFrame - 100), (Spans{{5 * kFrame, 15 * kFrame - 100}}));
  EXPECT_EQ(find(bare(), frames("5-10+2-"), 17 * kFrame), (Spans{{5 * kFrame, 17 * kFrame}}))
      << "with a silence too short to end it";
}

TEST(SpanFinder, ShortSpeechIsDropped) {
  VadOptions options = bare();
  options.min_speech_duration_ms = 64;
  EXPECT_EQ(find(options, frames("5-2+20-")), Spans{}) << "not longer than 64 ms";
  EXPECT_EQ(find(options, frames("5-3+20-")), (Spans{{5 * kFrame, 8 * kFrame}}));
  EXPECT_EQ(find(options, frames("5-2+"), 7 * kFrame), Spans{});
}

TEST(SpanFinder, PaddingIsSharedWhereSpansAreClose) {
  VadOptions options = bare();
  options.speech_pad_ms = 100;  // 1600 samples
  EXPECT_EQ(find(options, frames("2-10+4-10+20-")), (Spans{{0, 14 * kFrame}, {14 * kFrame, 26 * kFrame + 1600}}));
  EXPECT_EQ(find(options, frames("9-10+9-10+2-"), 40 * kFrame),
            (Spans{{9 * kFrame - 1600, 19 * kFrame + 1600}, {28 * kFrame - 1600, 40 * kFrame}}));
}

TEST(SpanFinder, LongSpeechIsCutAtAPauseOrWhereItIsTooLong) {
  VadOptions options = bare();
  options.min_silence_duration_ms = 2000;
  options.max_speech_duration_s = 33 * 0.032;  // 32 frames, and one for the frame itself
  EXPECT_EQ(find(options, frames("100+")),
            (Spans{{0, 33 * kFrame}, {34 * kFrame, 67 * kFrame}, {68 * kFrame, 100 * kFrame}}));
  EXPECT_EQ(find(options, frames("20+5-20+")), (Spans{{0, 20 * kFrame}, {25 * kFrame, 45 * kFrame}})) << "at the pause";
  EXPECT_EQ(find(options, frames("20+4-20+")), (Spans{{0, 33 * kFrame}, {34 * kFrame, 44 * kFrame}}))
      << "the pause is too short";
}

TEST(SpanFinder, OptionsOutsideTheirRangeAreRefused) {
  const auto refused = [](auto change) {
    VadOptions options;
    change(options);
    EXPECT_THROW(SpanFinder{options}, Error);
  };
  refused([](VadOptions& o) { o.threshold = 1.1; });
  refused([](VadOptions& o) { o.threshold = std::nan(""); });
  refused([](VadOptions& o) { o.neg_threshold = -0.1; });
  refused([](VadOptions& o) { o.min_speech_duration_ms = -1; });
  refused([](VadOptions& o) { o.min_silence_duration_ms = 4'000'000; });
  refused([](VadOptions& o) { o.speech_pad_ms = -1; });
  refused([](VadOptions& o) { o.max_speech_duration_s = 0; });
}

// Whatever is said of a span before it is settled must turn out true.
TEST(SpanFinder, WhatIsSaidEarlyHolds) {
  std::mt19937 random(1);
  const auto any = [&](int least, int most) { return std::uniform_int_distribution(least, most)(random); };
  for (int round = 0; round < 2000; ++round) {
    VadOptions options;
    options.threshold = any(3, 8) / 10.0;
    options.min_speech_duration_ms = any(0, 3) == 0 ? any(0, 400) : 0;
    options.min_silence_duration_ms = any(0, 600);
    options.speech_pad_ms = any(0, 2) == 0 ? 0 : any(0, 400);
    if (any(0, 1) == 0) options.max_speech_duration_s = any(10, 40) / 10.0;
    std::vector<float> probabilities;
    while (probabilities.size() < 300)
      probabilities.insert(probabilities.end(), static_cast<size_t>(any(1, 30)), static_cast<float>(any(0, 10)) / 10);
    const int64_t samples = static_cast<int64_t>(probabilities.size()) * kFrame - any(0, kFrameSamples - 1);
    const Spans spans = find(options, probabilities, samples);

    SpanFinder finder(options);
    size_t settled = 0;
    for (const float probability : probabilities) {
      finder.add(probability);
      while (const auto span = finder.next()) ASSERT_EQ(*span, spans.at(settled++)) << "round " << round;
      if (const auto open = finder.open()) {
        ASSERT_LT(settled, spans.size());
        ASSERT_EQ(open->start, spans[settled].start);
        ASSERT_LE(std::min(open->end, samples), spans[settled].end);
      }
      if (settled < spans.size()) {
        ASSERT_LE(finder.searched(), spans[settled].start);
      }
    }
    finder.finish(samples);
    while (const auto span = finder.next()) ASSERT_EQ(*span, spans.at(settled++));
    ASSERT_EQ(settled, spans.size());
    for (size_t i = 0; i < spans.size(); ++i) {
      ASSERT_LT(spans[i].start, spans[i].end);
      ASSERT_LE(i == 0 ? 0 : spans[i - 1].end, spans[i].start);
      ASSERT_LE(spans[i].end, samples);
    }
  }
}

TEST(Chunks, AreFilledInOrderAndNoLongerThanAllowed) {
  const Spans spans = {{0, 40}, {50, 90}, {90, 120}, {200, 430}, {430, 440}};
  const auto chunks = merge_spans(spans, 100);
  std::vector<Spans> found;
  for (const SpeechChunk& chunk : chunks) {
    int64_t samples = 0;
    for (const SpeechSpan& span : chunk.spans) samples += span.end - span.start;
    EXPECT_EQ(samples, chunk.samples);
    EXPECT_LE(samples, 100);
    found.push_back(chunk.spans);
  }
  EXPECT_EQ(found, (std::vector<Spans>{
                       {{0, 40}, {50, 90}}, {{90, 120}}, {{200, 300}}, {{300, 400}}, {{400, 430}, {430, 440}}}));
  EXPECT_TRUE(merge_spans({}, 100).empty());
}

TEST(Chunks, RefuseWhatIsOutOfOrder) {
  EXPECT_THROW(merge_spans(Spans{{10, 20}, {15, 30}}, 100), Error);
  EXPECT_THROW(merge_spans(Spans{{20, 10}}, 100), Error);
  EXPECT_THROW(merge_spans(Spans{{0, 10}}, 0), Error);
}

}  // namespace
}  // namespace wtrt::vad
