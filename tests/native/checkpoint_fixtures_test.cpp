// The real checkpoints and fixtures of the shared folder.
#include <cmath>
#include <ctime>

#include "checkpoint/checkpoint.hpp"
#include "shared_data.hpp"
#include "synthetic_checkpoint.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WTRT_TEST_ASAN 1
#endif
#endif

namespace wtrt::checkpoint {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(WTRT_TEST_ASAN) || !defined(NDEBUG)
constexpr bool kInstrumented = true;
#else
constexpr bool kInstrumented = false;
#endif

namespace fs = std::filesystem;

using test::expect_error;

fs::path model(const char* name) { return test::shared() / "models" / name; }

void expect_finite(const Checkpoint& checkpoint) {
  for (const auto& [name, tensor] : checkpoint.tensors()) EXPECT_NO_THROW(check_finite(tensor, name));
}

TEST(Fixtures, TinyEn) {
  WTRT_NEEDS_SHARED("models/whisper-tiny.en");
  const auto checkpoint = Checkpoint::open(model("whisper-tiny.en"));
  const WhisperConfig& config = checkpoint->whisper();
  EXPECT_EQ(config.width, 384);
  EXPECT_EQ(config.encoder_heads, 6);
  EXPECT_EQ(config.encoder_ffn, 1536);
  EXPECT_EQ(config.n_audio_ctx, 1500);
  EXPECT_EQ(config.n_text_ctx, 448);
  EXPECT_EQ(config.vocab_size, 51864);
  EXPECT_FALSE(config.multilingual);
  EXPECT_EQ(config.alignment_heads.size(), 8u);
  EXPECT_EQ(config.alignment_heads[2], (std::pair<int, int>(2, 5)));
  EXPECT_EQ(config.suppress_tokens.front(), 1);
  EXPECT_EQ(config.suppress_tokens.back(), 50361);
  EXPECT_EQ(checkpoint->elements(), 37'760'256);
  EXPECT_EQ(checkpoint->stored_bytes(), 2 * checkpoint->elements());
  EXPECT_EQ(checkpoint->find("encoder.conv1.weight")->dtype, DType::f16);
  expect_finite(*checkpoint);
}

TEST(Fixtures, Base) {
  WTRT_NEEDS_SHARED("models/whisper-base");
  const auto checkpoint = Checkpoint::open(model("whisper-base"));
  EXPECT_TRUE(checkpoint->whisper().multilingual);
  EXPECT_EQ(checkpoint->whisper().encoder_layers, 6);
  EXPECT_EQ(checkpoint->elements(), 72'593'920);
  EXPECT_EQ(checkpoint->find("encoder.conv1.weight")->dtype, DType::bf16);
  expect_finite(*checkpoint);
}

TEST(Fixtures, TinyEnHasTheSinusoidsOfWhisper) {
  WTRT_NEEDS_SHARED("models/whisper-tiny.en");
  const auto checkpoint = Checkpoint::open(model("whisper-tiny.en"));
  // Known values at known places: the offsets are right.
  const int64_t shape[] = {1500, 384};
  const TensorView& positions = checkpoint->tensor("encoder.embed_positions.weight", shape);
  std::vector<float> row(384);
  for (const int place : {0, 7, 1499}) {
    read_f32(positions, place * 384, row);
    EXPECT_NEAR(row[0], std::sin(place), 1e-3);
    EXPECT_NEAR(row[192], std::cos(place), 1e-3);
  }
}

TEST(Fixtures, Nano) {
  WTRT_NEEDS_SHARED("models/fixtures/whisper-nano/hf");
  const auto checkpoint = Checkpoint::open(model("fixtures/whisper-nano/hf"));
  EXPECT_EQ(checkpoint->whisper().width, 64);
  EXPECT_EQ(checkpoint->whisper().encoder_heads, 1);
  EXPECT_EQ(checkpoint->elements(), 3'705'152);
  expect_finite(*checkpoint);
}

TEST(Fixtures, NanoV3IsReadFromItsShards) {
  WTRT_NEEDS_SHARED("models/fixtures/whisper-nano-v3");
  const auto checkpoint = Checkpoint::open(model("fixtures/whisper-nano-v3"));
  const WhisperConfig& config = checkpoint->whisper();
  EXPECT_EQ(config.n_mels, 128);
  EXPECT_EQ(config.encoder_layers, 3);
  EXPECT_EQ(config.decoder_layers, 1);
  EXPECT_EQ(config.vocab_size, 51866);
  EXPECT_TRUE(config.alignment_heads.empty());
  EXPECT_EQ(checkpoint->stored_bytes(), 7'395'456);  // as its index says
  expect_finite(*checkpoint);
}

TEST(Fixtures, OtherFamiliesAndFormatsAreNamed) {
  WTRT_NEEDS_SHARED("models/fixtures/bart");
  for (const char* family : {"bart", "gpt2", "marian", "mbart", "mt5"}) {
    SCOPED_TRACE(family);
    expect_error(ErrorCode::unsupported, {"config.json", "model_type", family},
                 [&] { Checkpoint::open(model("fixtures") / family); });
  }
  expect_error(ErrorCode::invalid_checkpoint, {"config.json", "model_type"},
               [] { Checkpoint::open(model("fixtures/whisper-nano/ct2-int8")); });
  expect_error(ErrorCode::unsupported, {"nano.pt", "file"},
               [] { Checkpoint::open(model("fixtures/whisper-nano/openai/nano.pt")); });
  expect_error(ErrorCode::not_found, {"config.json"}, [] { Checkpoint::open(model("silero-vad")); });
}

// Cut and corrupted copies of a real file: an error or a sound checkpoint, never a crash.
TEST(Fixtures, DamagedCopiesOfNano) {
  WTRT_NEEDS_SHARED("models/fixtures/whisper-nano/hf");
  const test::TemporaryFolder folder;
  const std::string config = test::read_file(model("fixtures/whisper-nano/hf/config.json"));
  const std::string bytes = test::read_file(model("fixtures/whisper-nano/hf/model.safetensors"));
  test::write_file(folder.path() / "config.json", config);
  const fs::path weights = folder.path() / "model.safetensors";
  test::write_file(weights, bytes);
  EXPECT_NO_THROW(Checkpoint::open(folder.path()));
  for (const size_t length :
       {size_t{0}, size_t{7}, size_t{8}, size_t{100}, size_t{9712}, size_t{100'000}, bytes.size() - 1}) {
    fs::resize_file(weights, length);
    expect_error(ErrorCode::invalid_checkpoint, {"model.safetensors"}, [&] { Checkpoint::open(folder.path()); });
    test::write_file(weights, bytes);
  }
  uint32_t state = 1;
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::fstream file(weights, std::ios::in | std::ios::out | std::ios::binary);
    state = state * 1664525u + 1013904223u;
    const size_t place = (state >> 8) % 9712;  // header and its length
    file.seekp(static_cast<std::streamoff>(place)).put(static_cast<char>(bytes[place] ^ (1 << (state >> 29))));
    file.close();
    try {
      Checkpoint::open(folder.path());
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::invalid_checkpoint || error.code() == ErrorCode::unsupported)
          << error.what();
      ++refused;
    }
    std::fstream(weights, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(place))
        .put(bytes[place]);
  }
  EXPECT_GT(refused, 290);
}

TEST(Fixtures, OpeningIsFast) {
  WTRT_NEEDS_SHARED("models/whisper-base");
  double best = 1e9;
  for (int run = 0; run < 10; ++run) {
    const std::clock_t begin = std::clock();  // processor time: other tests run beside this one
    const auto checkpoint = Checkpoint::open(model("whisper-base"));
    best = std::min(best, 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  std::printf("opened 245 tensors in %.2f ms\n", best);
  EXPECT_LT(best, kInstrumented ? 20.0 : 2.0);
}

}  // namespace
}  // namespace wtrt::checkpoint
