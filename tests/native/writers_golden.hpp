// Results of openai/whisper and the files its writers made of them.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "output/writers.hpp"

namespace wtrt::test {

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline output::Transcript read_result(const nlohmann::json& result) {
  output::Transcript transcript{result.at("text"), result.at("language"), {}, {}};
  for (const nlohmann::json& s : result.at("segments")) {
    output::Segment segment;
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
    for (const nlohmann::json& w : s.value("words", nlohmann::json::array()))
      segment.words.push_back({w.at("word"), w.at("start"), w.at("end"), w.at("probability")});
    transcript.segments.push_back(std::move(segment));
  }
  return transcript;
}

}  // namespace wtrt::test
