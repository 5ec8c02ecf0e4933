// Transcripts as openai/whisper's writers put them into files.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/error.hpp"
#include "output/formats.hpp"
#include "output/writers.hpp"
#include "shared_data.hpp"

namespace {

using nlohmann::json;
using namespace wtrt::output;

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Transcript read_result(const json& result) {
  Transcript transcript{result.at("text"), result.at("language"), {}, {}};
  for (const json& s : result.at("segments")) {
    Segment segment;
    segment.id = s.at("id");
    segment.seek = s.value("seek", 0);
    segment.start = s.at("start");
    segment.end = s.at("end");
    segment.text = s.at("text");
    segment.tokens = s.value("tokens", std::vector<int32_t>{});
    segment.temperature = s.value("temperature", 0.0);
    segment.avg_logprob = s.value("avg_logprob", 0.0);
    segment.compression_ratio = s.value("compression_ratio", 0.0);
    segment.no_speech_prob = s.value("no_speech_prob", 0.0);
    segment.has_words = s.contains("words");
    for (const json& w : s.value("words", json::array()))
      segment.words.push_back({w.at("word"), w.at("start"), w.at("end"), w.at("probability")});
    transcript.segments.push_back(std::move(segment));
  }
  return transcript;
}

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
      EXPECT_EQ(write(with_words, Format::srt, c.layout), expected(std::string(c.name) + ".srt")) << number << c.name;
      EXPECT_EQ(write(with_words, Format::vtt, c.layout), expected(std::string(c.name) + ".vtt")) << number << c.name;
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
  EXPECT_THROW(write(transcript, static_cast<Format>(5)), wtrt::Error);
  EXPECT_THROW(write(small_transcript(), Format::srt, {0, {}, {}, false}), wtrt::Error);
}

}  // namespace
