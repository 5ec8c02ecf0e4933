// Write options through the boundary, down to openai/whisper's bytes.
#include <gtest/gtest.h>

#include <memory>

#include "capi/handles.hpp"
#include "shared_data.hpp"
#include "writers_golden.hpp"

namespace {

using nlohmann::json;
using wtrt::test::contents;
using wtrt::test::read_result;

wtrt_result result_of(wtrt::output::Transcript transcript) {
  return wtrt_result(std::make_shared<wtrt::runtime::Result>(wtrt::runtime::Result{std::move(transcript), 0}));
}

wtrt_write_options defaults() {
  wtrt_write_options options;
  wtrt_write_options_init(&options, sizeof options);
  return options;
}

std::string written(const wtrt_result& result, int32_t format, const wtrt_write_options* options) {
  wtrt_text* text = nullptr;
  wtrt_error* error = wtrt_result_write_with_options(&result, format, options, &text);
  if (error != nullptr) {
    const std::string message = wtrt_error_message(error);
    wtrt_error_release(error);
    return "error: " + message;
  }
  const std::string content(wtrt_text_data(text), static_cast<size_t>(wtrt_text_size(text)));
  wtrt_text_release(text);
  return content;
}

TEST(CapiWrite, OptionsMakeOpenAiWhispersFiles) {
  WTRT_NEEDS_SHARED("golden/writers/0-result.json");
  const auto golden = [](const std::string& rest) { return contents(wtrt::test::shared() / "golden/writers" / rest); };
  std::pair<const char*, wtrt_write_options> cases[] = {{"words", defaults()},
                                                        {"highlight", defaults()},
                                                        {"width20", defaults()},
                                                        {"width32x2", defaults()},
                                                        {"wpl3", defaults()}};
  cases[1].second.highlight_words = 1;
  cases[2].second.max_line_width = 20;
  cases[3].second.max_line_width = 32;
  cases[3].second.max_line_count = 2;
  cases[4].second.max_words_per_line = 3;
  for (const std::string number : {"0-", "1-", "2-"}) {
    const wtrt_result result = result_of(read_result(json::parse(golden(number + "result.json"))));
    EXPECT_EQ(written(result, WTRT_FORMAT_SRT, nullptr), golden(number + "words.srt"));
    for (const auto& [name, options] : cases) {
      EXPECT_EQ(written(result, WTRT_FORMAT_SRT, &options), golden(number + name + ".srt")) << number << name;
      EXPECT_EQ(written(result, WTRT_FORMAT_VTT, &options), golden(number + name + ".vtt")) << number << name;
    }
  }
}

TEST(CapiWrite, EveryOptionIsCheckedByName) {
  const wtrt_result result = result_of({"", "en", {}, {}});
  const std::pair<const char*, int32_t wtrt_write_options::*> limits[] = {
      {"max_line_width", &wtrt_write_options::max_line_width},
      {"max_line_count", &wtrt_write_options::max_line_count},
      {"max_words_per_line", &wtrt_write_options::max_words_per_line}};
  for (const auto& [name, limit] : limits) {
    wtrt_write_options options = defaults();
    EXPECT_EQ(options.*limit, WTRT_NONE);
    for (const int32_t wrong : {0, WTRT_AUTO, -3}) {
      options.*limit = wrong;
      EXPECT_EQ(written(result, WTRT_FORMAT_TXT, &options).find("error: " + std::string(name)), 0u) << name << wrong;
    }
  }
  for (const auto& [name, flag] : {std::pair{"highlight_words", &wtrt_write_options::highlight_words},
                                   std::pair{"trace", &wtrt_write_options::trace}}) {
    wtrt_write_options options = defaults();
    EXPECT_EQ(options.*flag, 0);
    options.*flag = 2;
    EXPECT_EQ(written(result, WTRT_FORMAT_TXT, &options).find("error: " + std::string(name)), 0u);
  }
}

TEST(CapiWrite, TraceAndFormats) {
  wtrt::output::Transcript transcript{"", "en", {}, {}};
  transcript.attempts.emplace_back();
  const wtrt_result result = result_of(std::move(transcript));
  wtrt_write_options options = defaults();
  EXPECT_EQ(written(result, WTRT_FORMAT_JSON, &options).find("trace"), std::string::npos);
  options.trace = 1;
  EXPECT_NE(written(result, WTRT_FORMAT_JSON, &options).find("\"trace\": [{\"seek\": 0, "), std::string::npos);
  EXPECT_EQ(written(result, WTRT_FORMAT_LRC, nullptr), "[by:whispertrt]\n");
  EXPECT_EQ(written(result, WTRT_FORMAT_LRC + 1, nullptr).find("error: format"), 0u);
}

}  // namespace
