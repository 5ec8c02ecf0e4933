// Random weights of a Whisper's shape.
#include <cmath>

#include "checkpoint/checkpoint.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::checkpoint {
namespace {

TEST(RandomCheckpoint, HasEveryTensorOfItsSize) {
  const auto tiny = random_checkpoint("tiny");
  const WhisperConfig& config = tiny->whisper();
  EXPECT_EQ(config.width, 384);
  EXPECT_EQ(config.encoder_layers, 4);
  EXPECT_EQ(config.n_mels, 80);
  EXPECT_EQ(config.vocab_size, 51865);
  EXPECT_TRUE(config.multilingual);
  for (const RequiredTensor& required : required_tensors(config)) {
    const TensorView& tensor = tiny->tensor(required.name, required.shape);
    EXPECT_EQ(tensor.dtype, DType::f16) << required.name;
    EXPECT_NO_THROW(check_finite(tensor, required.name));
  }
  EXPECT_EQ(tiny->elements(), 37'760'640);  // as Hugging Face counts them
  EXPECT_FALSE(tiny->quantization());
}

TEST(RandomCheckpoint, HasSmallNumbersOfBothSigns) {
  const auto tiny = random_checkpoint("tiny");
  std::vector<float> values(1000);
  read_f32(*tiny->find("encoder.layers.0.fc1.weight"), 0, values);
  int negative = 0;
  for (const float value : values) {
    EXPECT_GE(std::abs(value), 0x1p-8f);
    EXPECT_LT(std::abs(value), 0x1p-4f);
    negative += value < 0 ? 1 : 0;
  }
  EXPECT_GT(negative, 400);
  EXPECT_LT(negative, 600);
}

TEST(RandomCheckpoint, IsTheSameEachTimeAndNoTwoTensorsAreAlike) {
  const auto one = random_checkpoint("tiny"), two = random_checkpoint("tiny");
  const auto bytes_of = [](const Checkpoint& checkpoint, const char* name) { return checkpoint.find(name)->data; };
  const char* const first = "encoder.layers.0.fc1.weight";
  const char* const second = "encoder.layers.1.fc1.weight";
  EXPECT_TRUE(std::ranges::equal(bytes_of(*one, first), bytes_of(*two, first)));
  EXPECT_FALSE(std::ranges::equal(bytes_of(*one, first), bytes_of(*one, second)));
}

TEST(RandomCheckpoint, NamesItsSizes) {
  test::expect_error(ErrorCode::not_found, {"'huge'", "tiny", "large-v2", "turbo"}, [] { random_checkpoint("huge"); });
  test::expect_error(ErrorCode::not_found, {"''"}, [] { random_checkpoint(""); });
}

}  // namespace
}  // namespace wtrt::checkpoint
