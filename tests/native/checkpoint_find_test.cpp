// find_model: names, aliases, $WHISPERTRT_MODELS and the Hugging Face cache.
#include <cstdlib>

#include "checkpoint/checkpoint.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::checkpoint {
namespace {

namespace fs = std::filesystem;

using test::expect_error;
using test::write_file;

class FindModel : public testing::Test {
 protected:
  static constexpr const char* kVariables[] = {"WHISPERTRT_MODELS", "HF_HUB_CACHE", "HF_HOME", "HOME"};
  const test::TemporaryFolder folder_;
  const fs::path root_ = folder_.path();
  std::map<std::string, std::string> before_;

  void SetUp() override {
    for (const char* name : kVariables) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      ::unsetenv(name);
    }
    set("HOME", root_ / "home");
  }
  void TearDown() override {
    for (const char* name : kVariables) {
      before_.contains(name) ? ::setenv(name, before_[name].c_str(), 1) : ::unsetenv(name);
    }
  }
  static void set(const char* name, const fs::path& value) { ::setenv(name, value.c_str(), 1); }
  fs::path model(const fs::path& relative) const {
    write_file(root_ / relative / "config.json", "{}");
    return root_ / relative;
  }
};

TEST_F(FindModel, TakesAPathAsItIs) {
  const fs::path path = model("some where/größe");
  EXPECT_EQ(find_model(path.string()), path);
}

TEST_F(FindModel, LooksInTheListOfFolders) {
  const fs::path tiny = model("b/whisper-tiny.en"), base = model("a/base");
  ::setenv("WHISPERTRT_MODELS", ((root_ / "a").string() + "::" + (root_ / "b").string() + ":").c_str(), 1);
  EXPECT_EQ(find_model("tiny.en"), tiny);
  EXPECT_EQ(find_model("whisper-tiny.en"), tiny);
  EXPECT_EQ(find_model("openai/whisper-tiny.en"), tiny);
  EXPECT_EQ(find_model("base"), base);
}

TEST_F(FindModel, PrefersTheExactNameToTheQuantized) {
  set("WHISPERTRT_MODELS", root_);
  const fs::path quantized = model("whisper-base-int8");
  EXPECT_EQ(find_model("base"), quantized);
  EXPECT_EQ(find_model("base-int8"), quantized);
  EXPECT_EQ(find_model("whisper-base-int8"), quantized);
  const fs::path exact = model("whisper-base");
  EXPECT_EQ(find_model("base"), exact);
  const fs::path bare = model("base");
  EXPECT_EQ(find_model("base"), bare);
  EXPECT_EQ(find_model("whisper-base"), exact);
}

TEST_F(FindModel, KnowsTheAliases) {
  set("WHISPERTRT_MODELS", root_);
  const fs::path turbo = model("whisper-large-v3-turbo"), large = model("large-v3");
  EXPECT_EQ(find_model("turbo"), turbo);
  EXPECT_EQ(find_model("whisper-turbo"), turbo);
  EXPECT_EQ(find_model("large"), large);
}

TEST_F(FindModel, ReadsTheHuggingFaceCache) {
  const std::string repository = "models--openai--whisper-base";
  const fs::path old = model("hub/" + repository + "/snapshots/0123abc");
  const fs::path main = model("hub/" + repository + "/snapshots/4567def");
  fs::last_write_time(main, fs::last_write_time(old) - std::chrono::hours(1));
  set("HF_HUB_CACHE", root_ / "hub");
  EXPECT_EQ(find_model("base"), old) << "the newest, where there is no refs/main";
  write_file(root_ / "hub" / repository / "refs" / "main", "4567def\n");
  EXPECT_EQ(find_model("base"), main);
  EXPECT_EQ(find_model("openai/whisper-base"), main);
  write_file(root_ / "hub" / repository / "refs" / "main", "../../../..");
  EXPECT_EQ(find_model("base"), old) << "a reference that is no revision";
}

TEST_F(FindModel, FindsTheCacheByEachVariable) {
  const fs::path home = model("home/.cache/huggingface/hub/models--openai--whisper-tiny/snapshots/1");
  EXPECT_EQ(find_model("tiny"), home);
  const fs::path hf = model("hf/hub/models--openai--whisper-tiny/snapshots/2");
  set("HF_HOME", root_ / "hf");
  EXPECT_EQ(find_model("tiny"), hf);
  const fs::path hub = model("cache/models--distil-whisper--distil-large-v3/snapshots/3");
  set("HF_HUB_CACHE", root_ / "cache");
  EXPECT_EQ(find_model("distil-large-v3"), hub);
  EXPECT_EQ(find_model("distil-whisper/distil-large-v3"), hub);
}

TEST_F(FindModel, SaysWhereItLookedAndHowToGetTheModel) {
  set("WHISPERTRT_MODELS", root_ / "models");
  expect_error(ErrorCode::not_found,
               {"'small'", (root_ / "models/small").string(), (root_ / "models/whisper-small").string(),
                "models--openai--whisper-small", "huggingface-cli download openai/whisper-small"},
               [] { find_model("small"); });
  expect_error(ErrorCode::not_found, {"some/where/else"}, [] { find_model("some/where/else"); });
  expect_error(ErrorCode::invalid_argument, {"empty"}, [] { find_model(""); });
  write_file(root_ / "ggml-base.bin", "x");
  expect_error(ErrorCode::unsupported, {"is a file"}, [&] { find_model((root_ / "ggml-base.bin").string()); });
}

TEST_F(FindModel, TakesNamesNotPathsBelowTheFolders) {
  model("outside");
  set("WHISPERTRT_MODELS", root_ / "models");
  fs::create_directories(root_ / "models");
  for (const char* name : {"../outside", "..", ".", "a/../../outside", "x\n"}) {
    expect_error(ErrorCode::not_found, {"was not found"}, [&] { find_model(name); });
  }
}

}  // namespace
}  // namespace wtrt::checkpoint
