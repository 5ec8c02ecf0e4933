// quantize(): what it writes is what quantizing on load gives, whole or not at all.
#include <unistd.h>

#include <cmath>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/quantize.hpp"
#include "quant/int8.hpp"
#include "shared_data.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::checkpoint {
namespace {

namespace fs = std::filesystem;

using test::expect_error;
using test::read_file;
using test::write_file;
using test::write_model;

// Linear weights must equal quantize_row_int8 of the original's f32 values; everything else the original's bytes.
void expect_same_as_on_load(const Checkpoint& original, const Checkpoint& quantized) {
  size_t linear = 0;
  for (const auto& required : required_tensors(original.whisper())) {
    SCOPED_TRACE(required.name);
    const TensorView& from = original.tensor(required.name, required.shape);
    const TensorView& to = quantized.tensor(required.name, required.shape);
    if (!required.linear) {
      EXPECT_EQ(to.dtype, from.dtype);
      EXPECT_TRUE(std::ranges::equal(to.data, from.data));
      continue;
    }
    ++linear;
    const auto rows = static_cast<size_t>(required.shape[0]), columns = static_cast<size_t>(required.shape[1]);
    std::vector<float> row(columns);
    std::vector<int8_t> expected(columns);
    const TensorView* scales = quantized.find(required.name + "_scale");
    ASSERT_NE(scales, nullptr);
    for (size_t i = 0; i < rows; ++i) {
      float scale = -1, stored = -2;
      read_f32(from, static_cast<int64_t>(i * columns), row);
      quant::quantize_row_int8(row, expected, scale);
      read_f32(*scales, static_cast<int64_t>(i), std::span(&stored, 1));
      ASSERT_EQ(std::bit_cast<uint32_t>(scale), std::bit_cast<uint32_t>(stored)) << "row " << i;
      ASSERT_EQ(std::memcmp(to.data.data() + i * columns, expected.data(), columns), 0) << "row " << i;
    }
  }
  EXPECT_EQ(linear, 1u + 6u * static_cast<size_t>(original.whisper().encoder_layers) +
                        10u * static_cast<size_t>(original.whisper().decoder_layers));
}

class Quantize : public testing::Test {
 protected:
  const test::TemporaryFolder folder_;
  const fs::path model_ = folder_.path() / "model", out_ = folder_.path() / "out";
  test::SyntheticTensors tensors_ = test::synthetic_tensors();

  void SetUp() override { write_model(model_); }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }
};

TEST_F(Quantize, EqualsQuantizingOnLoad) {
  quantize(model_, out_, "int8", {});
  const auto quantized = Checkpoint::open(out_);
  ASSERT_TRUE(quantized->quantization());
  expect_same_as_on_load(*Checkpoint::open(model_), *quantized);
}

TEST_F(Quantize, WritesTheSameBytesTwice) {
  quantize(model_, out_, "int8", {});
  const fs::path again = folder_.path() / "again";
  quantize(model_, again, "int8", {});
  for (const char* name : {"model.safetensors", "config.json"})
    EXPECT_EQ(read_file(out_ / name), read_file(again / name)) << name;
}

TEST_F(Quantize, CopiesCompanionsVerbatim) {
  write_file(model_ / "tokenizer.json", "{\"a\": \"\xc3\xa4\"}  \n");
  write_file(model_ / "generation_config.json", "{ }");
  write_file(model_ / "unrelated.bin", "x");
  fs::permissions(model_ / "tokenizer.json", fs::perms::owner_read);
  quantize(model_, out_, "int8", {});
  EXPECT_EQ(read_file(out_ / "tokenizer.json"), "{\"a\": \"\xc3\xa4\"}  \n");
  EXPECT_EQ(read_file(out_ / "generation_config.json"), "{ }");
  EXPECT_FALSE(fs::exists(out_ / "unrelated.bin"));
  nlohmann::json config = nlohmann::json::parse(read_file(out_ / "config.json"));
  EXPECT_EQ(config["quantization"]["weights"], "int8");
  config.erase("quantization");
  EXPECT_EQ(config, test::synthetic_config());
}

TEST_F(Quantize, ReportsProgress) {
  std::vector<double> seen;
  quantize(model_, out_, "int8", [&](double part) { seen.push_back(part); });
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_GT(seen.front(), 0);
  EXPECT_DOUBLE_EQ(seen.back(), 1);
}

TEST_F(Quantize, QuantizesALogitsMatrixOfItsOwn) {
  tensors_["proj_out.weight"] = {"F32", {40, 8}, test::bytes_of(test::synthetic_weights("proj_out", 320))};
  write_model(model_, test::synthetic_config(), tensors_);
  quantize(model_, out_, "int8", {});
  const auto quantized = Checkpoint::open(out_);
  EXPECT_NE(quantized->find("proj_out.weight")->data.data(),
            quantized->find("decoder.embed_tokens.weight")->data.data());
  EXPECT_EQ(quantized->find("proj_out.weight")->dtype, DType::i8);
}

TEST_F(Quantize, LeavesNothingBehindWhenItFails) {
  tensors_["model.decoder.layers.0.fc2.weight"].data.replace(400, 4, test::bytes_of({std::nanf("")}));
  write_model(model_, test::synthetic_config(), tensors_);
  expect_error(ErrorCode::invalid_checkpoint, {"'decoder.layers.0.fc2.weight'", "NaN", "element 100;"},
               [&] { quantize(model_, out_, "int8", {}); });
  EXPECT_EQ(entries(), (std::vector<std::string>{"model"}));
  write_model(model_);
  EXPECT_THROW(quantize(model_, out_, "int8",
                        [](double part) {
                          if (part > 0.5) throw std::runtime_error("stop");
                        }),
               std::runtime_error);
  EXPECT_EQ(entries(), (std::vector<std::string>{"model"}));
}

TEST_F(Quantize, RefusesNaNOutsideLinearWeightsToo) {
  tensors_["model.encoder.conv1.bias"].data.replace(0, 4, test::bytes_of({INFINITY}));
  write_model(model_, test::synthetic_config(), tensors_);
  expect_error(ErrorCode::invalid_checkpoint, {"'encoder.conv1.bias'", "element 0;"},
               [&] { quantize(model_, out_, "int8", {}); });
}

TEST_F(Quantize, RefusesWrongArguments) {
  expect_error(ErrorCode::invalid_argument, {"'int5'", "'int8'"}, [&] { quantize(model_, out_, "int5", {}); });
  expect_error(ErrorCode::invalid_argument, {"not an empty folder"}, [&] { quantize(model_, model_, "int8", {}); });
  expect_error(ErrorCode::invalid_argument, {"not an empty folder"},
               [&] { quantize(model_, model_ / "config.json", "int8", {}); });
  expect_error(ErrorCode::invalid_argument, {"no new folder"}, [&] { quantize(model_, "", "int8", {}); });
  expect_error(ErrorCode::not_found, {"absent"}, [&] { quantize(folder_.path() / "absent", out_, "int8", {}); });
  EXPECT_EQ(entries(), (std::vector<std::string>{"model"}));
}

TEST_F(Quantize, TakesAnEmptyFolderAndOneWithASlash) {
  fs::create_directories(out_);
  quantize(model_, out_ / "", "int8", {});
  EXPECT_NO_THROW(Checkpoint::open(out_));
  expect_error(ErrorCode::invalid_argument, {"quantized already"},
               [&] { quantize(out_, folder_.path() / "twice", "int8", {}); });
}

TEST_F(Quantize, SaysWhenItCannotWrite) {
  if (::geteuid() == 0) {
    // The superuser writes everywhere but below a file.
    expect_error(ErrorCode::io, {"config.json"}, [&] { quantize(model_, model_ / "config.json" / "out", "int8", {}); });
    return;
  }
  fs::create_directory(folder_.path() / "closed");
  fs::permissions(folder_.path() / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  expect_error(ErrorCode::io, {"closed"}, [&] { quantize(model_, folder_.path() / "closed" / "out", "int8", {}); });
}

TEST(BundledModel, OpensAndIsSmall) {
  const fs::path path = test::repository() / "models" / "whisper-tiny.en-int8";
  const auto model = Checkpoint::open(path);
  EXPECT_EQ(model->quantization().value().weights, "int8");
  EXPECT_EQ(model->whisper().vocab_size, 51864);
  EXPECT_EQ(model->whisper().alignment_heads.size(), 8u);
  for (const auto& [name, tensor] : model->tensors()) EXPECT_NO_THROW(check_finite(tensor, name));
  uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(path)) bytes += entry.file_size();
  EXPECT_LE(bytes, uintmax_t{40} << 20);
  EXPECT_TRUE(fs::exists(path / "LICENSE"));
}

TEST(BundledModel, IsWhatQuantizeWrites) {
  WTRT_NEEDS_SHARED("models/whisper-tiny.en/model.safetensors");
  const test::TemporaryFolder folder;
  const fs::path bundled = test::repository() / "models" / "whisper-tiny.en-int8",
                 original = test::shared() / "models/whisper-tiny.en";
  quantize(original, folder.path() / "out", "int8", {});
  for (const auto& entry : fs::directory_iterator(folder.path() / "out")) {
    const fs::path name = entry.path().filename();
    EXPECT_TRUE(read_file(entry.path()) == read_file(bundled / name)) << name;
  }
  EXPECT_EQ(read_file(bundled / "tokenizer.json"), read_file(original / "tokenizer.json"));
  expect_same_as_on_load(*Checkpoint::open(original), *Checkpoint::open(bundled));
}

TEST(Quantized, BaseIsWhatQuantizingOnLoadGives) {
  WTRT_NEEDS_SHARED("models/whisper-base/model.safetensors");
  const test::TemporaryFolder folder;
  quantize(test::shared() / "models/whisper-base", folder.path() / "out", "int8", {});
  expect_same_as_on_load(*Checkpoint::open(test::shared() / "models/whisper-base"),
                         *Checkpoint::open(folder.path() / "out"));
}

}  // namespace
}  // namespace wtrt::checkpoint
