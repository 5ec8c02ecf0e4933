// Transcripts as openai/whisper's writers put them into files.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/error.hpp"
#include "output/formats.hpp"
#include "output/writers.hpp"
#include "shared_data.hpp"
#include "writers_golden.hpp"

namespace {

using nlohmann::json;
using wtrt::test::contents;
using wtrt::test::read_result;
using namespace wtrt::output;

struct Case {
  const char* name;
  WordLayout layout;
};

TEST(WritersGolden, EveryFile) {
  WTRT_NEEDS_SHARED("golden/writers/0-result.json");
  const auto folder = wtrt::test::shared() / "golden/writers";
  const Case cases[] = {{"words", {}},
                        {"highlight", {{}, {}, {}, true}},
                        {"width20", {20, {}, {}, false}},
                        {"width32x2", {32, 2, {}, false}},
                        {"wpl3", {{}, {}, 3, false}}};
  for (const std::string number : {"0", "1", "2"}) {
    const auto expected = [&](const std::string& rest) { return contents(folder / (number + "-" + rest)); };
    const Transcript with_words = read_result(json::parse(expected("result.json")));
    for (const Case& c : cases) {
      EXPECT_EQ(write(with_words, Format::srt, {c.layout}), expected(std::string(c.name) + ".srt")) << number << c.name;
      EXPECT_EQ(write(with_words, Format::vtt, {c.layout}), expected(std::string(c.name) + ".vtt")) << number << c.name;
    }
    Transcript plain = with_words;
    for (Segment& segment : plain.segments) segment.has_words = false;
    EXPECT_EQ(write(plain, Format::txt), expected("plain.txt"));
    EXPECT_EQ(write(plain, Format::tsv), expected("plain.tsv"));
    EXPECT_EQ(write(plain, Format::srt), expected("plain.srt"));
    EXPECT_EQ(write(plain, Format::vtt), expected("plain.vtt"));
  }
}

TEST(WritersGolden, JsonHoldsTheSameKeysAndValues) {
  WTRT_NEEDS_SHARED("golden/writers/0-result.json");
  for (const char* name : {"0-result.json", "1-result.json"}) {
    const json expected = json::parse(contents(wtrt::test::shared() / "golden/writers" / name));
    EXPECT_EQ(json::parse(write(read_result(expected), Format::json)), expected) << name;
  }
}

Transcript small_transcript() {
  Transcript transcript{" a --> b\tc é", "en", {}, {}};
  Segment first;
  first.start = 0.0, first.end = 1.5, first.text = " a --> b\tc";
  first.tokens = {50363, 257};
  first.avg_logprob = -0.25, first.compression_ratio = 0.5, first.no_speech_prob = 1e-05;
  Segment second = first;
  second.id = 1, second.seek = 3000, second.start = 3599.9995, second.end = 3661.0625;
  second.text = "\u00a0é\"\\\n💩\u007f ";
  second.tokens = {};
  second.avg_logprob = std::nan("");
  transcript.segments = {first, second};
  return transcript;
}

TEST(Writers, Text) { EXPECT_EQ(write(small_transcript(), Format::txt), "a --> b\tc\né\"\\\n💩\u007f\n"); }

TEST(Writers, Tsv) {
  EXPECT_EQ(write(small_transcript(), Format::tsv),
            "start\tend\ttext\n0\t1500\ta --> b c\n3600000\t3661062\té\"\\\n💩\u007f\n");
}

TEST(Writers, Srt) {
  EXPECT_EQ(write(small_transcript(), Format::srt),
            "1\n00:00:00,000 --> 00:00:01,500\na -> b\tc\n\n2\n01:00:00,000 --> 01:01:01,062\né\"\\\n💩\u007f\n\n");
}

TEST(Writers, Vtt) {
  EXPECT_EQ(write(small_transcript(), Format::vtt),
            "WEBVTT\n\n00:00.000 --> 00:01.500\na -> b\tc\n\n01:00:00.000 --> 01:01:01.062\né\"\\\n💩\u007f\n\n");
}

TEST(Writers, JsonAsPythonDumpsIt) {
  Transcript transcript = small_transcript();
  transcript.segments[0].has_words = true;
  transcript.segments[0].words = {{" a", 0.0, 0.78, 0.9}, {" b", 0.78, 1.5, 1.0}};
  EXPECT_EQ(
      write(transcript, Format::json),
      "{\"text\": \" a --> b\\tc \\u00e9\", \"segments\": [{\"id\": 0, \"seek\": 0, \"start\": 0.0, \"end\": 1.5, "
      "\"text\": \" a --> b\\tc\", \"tokens\": [50363, 257], \"temperature\": 0.0, \"avg_logprob\": -0.25, "
      "\"compression_ratio\": 0.5, \"no_speech_prob\": 1e-05, \"words\": [{\"word\": \" a\", \"start\": 0.0, "
      "\"end\": 0.78, \"probability\": 0.9}, {\"word\": \" b\", \"start\": 0.78, \"end\": 1.5, \"probability\": "
      "1.0}]}, {\"id\": 1, \"seek\": 3000, \"start\": 3599.9995, \"end\": 3661.0625, \"text\": "
      "\"\\u00a0\\u00e9\\\"\\\\\\n\\ud83d\\udca9\\u007f \", \"tokens\": [], \"temperature\": 0.0, \"avg_logprob\": "
      "NaN, \"compression_ratio\": 0.5, \"no_speech_prob\": 1e-05}], \"language\": \"en\"}");
}

TEST(Writers, NoSegments) {
  const Transcript empty{"", "en", {}, {}};
  EXPECT_EQ(write(empty, Format::txt), "");
  EXPECT_EQ(write(empty, Format::srt), "");
  EXPECT_EQ(write(empty, Format::vtt), "WEBVTT\n\n");
  EXPECT_EQ(write(empty, Format::tsv), "start\tend\ttext\n");
  EXPECT_EQ(write(empty, Format::json), "{\"text\": \"\", \"segments\": [], \"language\": \"en\"}");
}

Transcript sung() {
  Transcript transcript;
  Segment first;
  first.text = " Oh, la la", first.start = 0, first.end = 2;
  first.has_words = true;
  first.words = {{" Oh,", 0.5, 0.78, 1}, {" la", 0.78, 1.009, 1}, {" la", 1.2, 1.5, 1}};
  Segment second = first;
  second.text = " é.", second.start = 6000, second.end = 6001;
  second.words = {{" é.", 6000.125, 6000.999, 1}};
  transcript.segments = {first, second};
  return transcript;
}

TEST(Writers, LrcHasALinePerSegment) {
  Transcript transcript = small_transcript();
  transcript.segments[1].text = " two\nlines\r";
  EXPECT_EQ(write(transcript, Format::lrc), "[by:whispertrt]\n[00:00.00]a --> b\tc\n[60:00.00]two lines\n");
  EXPECT_EQ(write({}, Format::lrc), "[by:whispertrt]\n");
}

TEST(Writers, LrcTakesTheTimesOfWords) {
  EXPECT_EQ(write(sung(), Format::lrc), "[by:whispertrt]\n[00:00.50]Oh, la la\n[100:00.12]é.\n");
  EXPECT_EQ(write(sung(), Format::lrc, {{{}, {}, {}, true}}),
            "[by:whispertrt]\n[00:00.50]<00:00.50>Oh, <00:00.78>la <00:01.20>la<00:01.50>\n"
            "[100:00.12]<100:00.12>é.<100:00.99>\n");
}

TEST(Writers, LrcGivesEachLineItsOwnTime) {
  EXPECT_EQ(write(sung(), Format::lrc, {{7, {}, {}, false}}),
            "[by:whispertrt]\n[00:00.50]Oh, la\n[00:01.20]la\n[100:00.12]é.\n");
  EXPECT_EQ(write(sung(), Format::lrc, {{7, 2, {}, false}}), write(sung(), Format::lrc, {{7, {}, {}, false}}));
  EXPECT_EQ(write(sung(), Format::lrc, {{{}, {}, 1, false}}),
            "[by:whispertrt]\n[00:00.50]Oh,\n[00:00.78]la\n[00:01.20]la\n[100:00.12]é.\n");
}

TEST(Writers, JsonTellsTheTraceWhenAsked) {
  Transcript transcript{"", "en", {}, {}};
  EXPECT_EQ(write(transcript, Format::json, {{}, true}),
            "{\"text\": \"\", \"segments\": [], \"language\": \"en\", \"trace\": []}");
  transcript.attempts = {{3000, 0.0, 5, 1, -1.5, 2.5, 0.125, too_repetitive | too_unlikely, {50363, 7}},
                         {3000, 0.2, 1, 5, -0.5, 1.0, 0.125, accepted, {}},
                         {6000, 0.0, 5, 1, -1.25, 0.5, 0.75, too_unlikely | silence | too_short, {}, -1, 256}};
  EXPECT_EQ(write(transcript, Format::json), "{\"text\": \"\", \"segments\": [], \"language\": \"en\"}");
  EXPECT_EQ(
      write(transcript, Format::json, {{}, true}),
      "{\"text\": \"\", \"segments\": [], \"language\": \"en\", \"trace\": [{\"seek\": 3000, \"attempts\": "
      "[{\"temperature\": 0.0, \"beam_size\": 5, \"candidates\": 1, \"tokens\": [50363, 7], \"avg_logprob\": -1.5, "
      "\"compression_ratio\": 2.5, \"no_speech_prob\": 0.125, \"too_repetitive\": true, \"too_unlikely\": true, "
      "\"silence\": false, \"too_short\": false, \"audio_context\": 1500}, {\"temperature\": 0.2, \"beam_size\": 1, "
      "\"candidates\": 5, \"tokens\": [], "
      "\"avg_logprob\": -0.5, "
      "\"compression_ratio\": 1.0, \"no_speech_prob\": 0.125, \"too_repetitive\": false, \"too_unlikely\": false, "
      "\"silence\": false, \"too_short\": false, \"audio_context\": 1500}]}, {\"seek\": 6000, \"attempts\": "
      "[{\"temperature\": 0.0, \"beam_size\": 5, \"candidates\": "
      "1, "
      "\"tokens\": [], \"avg_logprob\": -1.25, \"compression_ratio\": 0.5, \"no_speech_prob\": 0.75, "
      "\"too_repetitive\": false, "
      "\"too_unlikely\": true, \"silence\": true, \"too_short\": true, \"audio_context\": 256}]}]}");
}

TEST(Writers, FloatsAsPythonPrintsThem) {
  EXPECT_EQ(python_float(5), "5.0");
  EXPECT_EQ(python_float(-0.0), "-0.0");
  EXPECT_EQ(python_float(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(python_float(0.0001), "0.0001");
  EXPECT_EQ(python_float(0.00001), "1e-05");
  EXPECT_EQ(python_float(1.5e-300), "1.5e-300");
  EXPECT_EQ(python_float(9999999999999998.0), "9999999999999998.0");
  EXPECT_EQ(python_float(1e16), "1e+16");
  EXPECT_EQ(python_float(-1.25e22), "-1.25e+22");
  EXPECT_EQ(python_float(std::nan("")), "NaN");
  EXPECT_EQ(python_float(-std::numeric_limits<double>::infinity()), "-Infinity");
}

TEST(Writers, RefusesWhatCannotBeWritten) {
  Transcript transcript = small_transcript();
  for (const double time : {-0.5, 1e10, std::nan("")}) {
    transcript.segments[1].end = time;
    for (const Format format : {Format::srt, Format::vtt, Format::tsv})
      EXPECT_THROW(write(transcript, format), wtrt::Error) << time;
  }
  EXPECT_THROW(write(transcript, static_cast<Format>(6)), wtrt::Error);
  EXPECT_THROW(write(small_transcript(), Format::srt, {{0, {}, {}, false}}), wtrt::Error);
}

}  // namespace
