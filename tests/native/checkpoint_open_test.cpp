// Checkpoint::open over small directories: what is accepted, and what each defect is called.
#include <cmath>
#include <limits>

#include "checkpoint/checkpoint.hpp"
#include "common/thread_pool.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::checkpoint {
namespace {

namespace fs = std::filesystem;

using nlohmann::json;
using test::expect_error;
using test::write_file;
using test::write_model;

class CheckpointOpen : public testing::Test {
 protected:
  const test::TemporaryFolder folder_;
  const std::filesystem::path& path_ = folder_.path();
  json config_ = test::synthetic_config();
  test::SyntheticTensors tensors_ = test::synthetic_tensors();

  std::shared_ptr<const Checkpoint> open() {
    write_model(path_, config_, tensors_);
    return Checkpoint::open(path_);
  }
  void expect_invalid(const std::vector<std::string>& parts) {
    expect_error(ErrorCode::invalid_checkpoint, parts, [&] { open(); });
  }
  void quantized() {
    config_["quantization"] = {{"weights", "int8"}};
    for (const auto& tensor : required_tensors(test::synthetic_sizes())) {
      if (!tensor.linear) continue;
      const auto rows = static_cast<size_t>(tensor.shape[0]);
      const std::string name = "model." + tensor.name;
      tensors_[name] = {"I8", tensor.shape, std::string(rows * static_cast<size_t>(tensor.shape[1]), '\x05')};
      tensors_[name + "_scale"] = {"F32", {tensor.shape[0]}, test::bytes_of(std::vector<float>(rows, 0.25f))};
    }
  }
};

TEST_F(CheckpointOpen, ReadsConfigAndTensors) {
  const auto checkpoint = open();
  EXPECT_EQ(checkpoint->whisper().encoder_layers, 2);
  EXPECT_EQ(checkpoint->whisper().decoder_layers, 1);
  EXPECT_EQ(checkpoint->whisper().decoder_ffn, 24);
  EXPECT_FALSE(checkpoint->whisper().multilingual);
  EXPECT_FALSE(checkpoint->quantization());
  const int64_t shape[] = {24, 8};
  const TensorView& fc1 = checkpoint->tensor("decoder.layers.0.fc1.weight", shape);
  std::vector<float> read(24 * 8);
  read_f32(fc1, 0, read);
  EXPECT_EQ(read, test::synthetic_weights("decoder.layers.0.fc1.weight", read.size()));
  EXPECT_EQ(checkpoint->find("model.decoder.layers.0.fc1.weight"), nullptr);
  EXPECT_EQ(checkpoint->find("decoder.layers.1.fc1.weight"), nullptr);
}

TEST_F(CheckpointOpen, TiesTheLogitsMatrix) {
  const auto tied = open();
  EXPECT_EQ(tied->find("proj_out.weight")->data.data(), tied->find("decoder.embed_tokens.weight")->data.data());
  const int64_t bytes = tied->stored_bytes(), elements = tied->elements();
  EXPECT_EQ(bytes, 4 * elements);
  tensors_["proj_out.weight"] = {"F32", {40, 8}, std::string(40 * 8 * 4, '\0')};
  const auto apart = open();
  EXPECT_NE(apart->find("proj_out.weight")->data.data(), apart->find("decoder.embed_tokens.weight")->data.data());
  EXPECT_EQ(apart->elements(), elements + 40 * 8);
  tensors_["proj_out.weight"] = {"F32", {8, 40}, std::string(40 * 8 * 4, '\0')};
  expect_invalid({"'proj_out.weight'", "[8, 40]", "[40, 8]"});
}

TEST_F(CheckpointOpen, AlignsWhatTheFileDoesNot) {
  tensors_["a"] = {"I8", {1}, "x"};  // first by name: all that follows lies at odd places
  const auto checkpoint = open();
  for (const auto& [name, tensor] : checkpoint->tensors()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data.data()) % size_of(tensor.dtype), 0u) << name;
  }
  std::vector<float> read(8);
  read_f32(*checkpoint->find("encoder.layer_norm.bias"), 0, read);
  EXPECT_EQ(read, test::synthetic_weights("encoder.layer_norm.bias", 8));
}

TEST_F(CheckpointOpen, NamesEachMissingTensor) {
  const auto all = tensors_;
  for (const auto& [name, tensor] : all) {
    tensors_ = all;
    tensors_.erase(name);
    expect_invalid({"'" + name.substr(6) + "'", "missing", path_.string()});
  }
}

TEST_F(CheckpointOpen, NamesEachWrongShapeAndType) {
  const auto all = tensors_;
  for (const auto& [name, tensor] : all) {
    tensors_ = all;
    tensors_[name].shape.push_back(1);
    expect_invalid({"'" + name.substr(6) + "'", "has shape", "expected ["});
    tensors_ = all;
    tensors_[name].dtype = "I32";
    expect_invalid({"'" + name.substr(6) + "'", "dtype I32", "F32, F16 or BF16"});
  }
}

TEST_F(CheckpointOpen, RefusesAShapeTransposed) {
  tensors_["model.decoder.layers.0.fc1.weight"].shape = {8, 24};
  expect_invalid({"'decoder.layers.0.fc1.weight' has shape [8, 24]; expected [24, 8]"});
}

TEST_F(CheckpointOpen, RefusesOneNameTwice) {
  tensors_["encoder.conv1.bias"] = tensors_["model.encoder.conv1.bias"];
  expect_invalid({"'encoder.conv1.bias'", "twice"});
}

TEST_F(CheckpointOpen, ChecksTheShapeAskedFor) {
  const auto checkpoint = open();
  const int64_t wrong[] = {8, 8};
  expect_error(ErrorCode::invalid_checkpoint, {"'encoder.conv1.bias'", "[8]", "[8, 8]"},
               [&] { checkpoint->tensor("encoder.conv1.bias", wrong); });
  expect_error(ErrorCode::invalid_checkpoint, {"'nothing'", "missing"}, [&] { checkpoint->tensor("nothing", wrong); });
}

TEST_F(CheckpointOpen, ReadsTheQuantizedForm) {
  quantized();
  const auto checkpoint = open();
  EXPECT_EQ(checkpoint->quantization()->weights, "int8");
  EXPECT_EQ(checkpoint->find("proj_out.weight")->dtype, DType::i8);
  EXPECT_EQ(checkpoint->find("proj_out.weight_scale")->data.data(),
            checkpoint->find("decoder.embed_tokens.weight_scale")->data.data());
}

TEST_F(CheckpointOpen, RefusesWrongQuantizedForms) {
  quantized();
  const auto all = tensors_;
  const std::string name = "model.decoder.layers.0.fc2.weight";
  tensors_.erase(name + "_scale");
  expect_invalid({"'decoder.layers.0.fc2.weight_scale'", "missing"});
  tensors_ = all;
  tensors_[name + "_scale"] = {"F32", {9}, test::bytes_of(std::vector<float>(9))};
  expect_invalid({"weight_scale", "[9]", "[8]"});
  tensors_[name + "_scale"] = {"F16", {8}, std::string(16, '\0')};
  expect_invalid({"weight_scale", "F16", "expected F32"});
  for (const float wrong : {std::nanf(""), std::numeric_limits<float>::infinity(), -0.5f}) {
    tensors_[name + "_scale"] = {"F32", {8}, test::bytes_of({1, 1, 1, wrong, 1, 1, 1, 1})};
    expect_invalid({"weight_scale", "element 3"});
  }
  tensors_ = all;
  tensors_[name] = test::synthetic_tensors()[name];
  expect_invalid({"'decoder.layers.0.fc2.weight'", "dtype F32", "I8"});
  tensors_ = all;
  tensors_["proj_out.weight"] = all.at("model.decoder.embed_tokens.weight");
  expect_invalid({"'proj_out.weight_scale'", "missing"});
  tensors_ = all;
  config_.erase("quantization");
  expect_invalid({"dtype I8", "F32, F16 or BF16"});
}

TEST_F(CheckpointOpen, NamesWhatADirectoryLacks) {
  expect_error(ErrorCode::not_found, {"nowhere"}, [&] { Checkpoint::open(path_ / "nowhere"); });
  expect_error(ErrorCode::not_found, {"config.json"}, [&] { Checkpoint::open(path_); });
  write_file(path_ / "config.json", config_.dump());
  expect_error(ErrorCode::not_found, {"model.safetensors"}, [&] { Checkpoint::open(path_); });
  expect_error(ErrorCode::unsupported, {"is a file"}, [&] { Checkpoint::open(path_ / "config.json"); });
  write_file(path_ / "pytorch_model.bin", "x");
  expect_error(ErrorCode::unsupported, {"pytorch_model.bin", "model.safetensors"}, [&] { Checkpoint::open(path_); });
  write_file(path_ / "model.safetensors", "");
  expect_error(ErrorCode::invalid_checkpoint, {"model.safetensors", "0 bytes"}, [&] { Checkpoint::open(path_); });
}

TEST_F(CheckpointOpen, NamesTheJsonFileThatIsWrong) {
  open();
  for (const char* name : {"generation_config.json", "preprocessor_config.json", "config.json"}) {
    write_file(path_ / name, std::string(1 << 20, '['));
    expect_error(ErrorCode::invalid_checkpoint, {name, "nested"}, [&] { Checkpoint::open(path_); });
    write_file(path_ / name, "");
    expect_error(ErrorCode::invalid_checkpoint, {name, "JSON"}, [&] { Checkpoint::open(path_); });
    fs::remove(path_ / name);
  }
}

TEST_F(CheckpointOpen, ClaimsBeyondTheFileCostNothing) {
  for (const char* field :
       {"encoder_layers", "decoder_layers", "vocab_size", "max_source_positions", "encoder_ffn_dim"}) {
    config_ = test::synthetic_config();
    config_[field] = 250;
    expect_invalid({"tensor"});
  }
}

class CheckpointShards : public CheckpointOpen {
 protected:
  json index_ = {{"weight_map", json::object()}};

  // Encoder in one file, decoder in the other.
  void SetUp() override {
    write_file(path_ / "config.json", config_.dump());
    test::SyntheticTensors parts[2];
    for (const auto& [name, tensor] : tensors_) {
      const int part = name.starts_with("model.encoder") ? 0 : 1;
      parts[part][name] = tensor;
      index_["weight_map"][name] = file(part);
    }
    for (int part = 0; part < 2; ++part) write_file(path_ / file(part), test::safetensors_bytes(parts[part]));
  }
  static std::string file(int part) { return "model-0000" + std::to_string(part + 1) + "-of-00002.safetensors"; }
  std::shared_ptr<const Checkpoint> open_index() {
    write_file(path_ / "model.safetensors.index.json", index_.dump());
    return Checkpoint::open(path_);
  }
  void expect_bad_index(const std::vector<std::string>& parts) {
    expect_error(ErrorCode::invalid_checkpoint, parts, [&] { open_index(); });
  }
};

TEST_F(CheckpointShards, AreReadAsOne) {
  const auto sharded = open_index();
  const auto whole = open();
  EXPECT_EQ(sharded->tensors().size(), whole->tensors().size());
  EXPECT_EQ(sharded->stored_bytes(), whole->stored_bytes());
  for (const auto& [name, tensor] : whole->tensors()) {
    ASSERT_NE(sharded->find(name), nullptr) << name;
    EXPECT_TRUE(std::ranges::equal(sharded->find(name)->data, tensor.data)) << name;
  }
}

TEST_F(CheckpointShards, RefuseNamesOutsideTheDirectory) {
  for (const char* name : {"../model.safetensors", "/etc/x.safetensors", "a/b.safetensors", "..", ".safetensors", "",
                           "model.bin", "a\\b.safetensors"}) {
    index_["weight_map"]["model.encoder.conv1.bias"] = name;
    expect_bad_index({"model.safetensors.index.json", "weight_map", "plain"});
  }
  index_["weight_map"]["model.encoder.conv1.bias"] = std::string("a\0.safetensors", 14);
  expect_bad_index({"plain"});
  index_["weight_map"]["model.encoder.conv1.bias"] = std::string(300, 'a') + ".safetensors";
  expect_bad_index({"plain"});
}

TEST_F(CheckpointShards, RefuseAnIndexThatLies) {
  index_["weight_map"]["model.encoder.conv1.bias"] = file(1);
  expect_bad_index({"'model.encoder.conv1.bias'", "is not in", file(1)});
  index_["weight_map"]["model.encoder.conv1.bias"] = 1;
  expect_bad_index({"no file name"});
  index_["weight_map"].erase("model.encoder.conv1.bias");
  expect_bad_index({"'encoder.conv1.bias'", "missing"});
  index_["weight_map"]["model.encoder.conv1.bias"] = "absent.safetensors";
  expect_error(ErrorCode::not_found, {"absent.safetensors"}, [&] { open_index(); });
  index_ = {{"weight_map", json::array()}};
  expect_bad_index({"weight_map"});
  index_ = json::array();
  expect_bad_index({"weight_map"});
}

TensorView view_of(DType type, const std::string& bytes) {
  return {type, {static_cast<int64_t>(bytes.size() / size_of(type))}, std::as_bytes(std::span(bytes))};
}

TEST(CheckFinite, FindsEachKindOfBadWeight) {
  const auto expect_bad = [](DType type, const std::string& bytes, const std::string& part) {
    expect_error(ErrorCode::invalid_checkpoint, {"'w'", part}, [&] { check_finite(view_of(type, bytes), "w"); });
  };
  for (const size_t place : {size_t{0}, size_t{4095}, size_t{4096}, size_t{9999}}) {
    std::vector<float> values(10'000, 3.0e38f);
    EXPECT_NO_THROW(check_finite(view_of(DType::f32, test::bytes_of(values)), "w"));
    for (const float wrong : {std::nanf(""), -std::nanf(""), std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity()}) {
      values[place] = wrong;
      expect_bad(DType::f32, test::bytes_of(values), "element " + std::to_string(place) + ";");
    }
  }
  EXPECT_NO_THROW(check_finite(view_of(DType::f16, std::string("\xff\x7b\xff\xfb\x01\x00", 6)), "w"));
  expect_bad(DType::f16, std::string("\x00\x3c\x00\x7c", 4), "element 1");
  expect_bad(DType::f16, std::string("\x01\xfc", 2), "element 0");
  EXPECT_NO_THROW(check_finite(view_of(DType::bf16, std::string("\x7f\x7f\x7f\xff", 4)), "w"));
  expect_bad(DType::bf16, std::string("\x80\x3f\x80\x7f", 4), "element 1");
  expect_bad(DType::bf16, std::string("\xc0\xff", 2), "NaN");
  EXPECT_NO_THROW(check_finite(view_of(DType::i8, "\x81\x7f"), "w"));
  expect_bad(DType::i8, "\x7f\x80", "-128");
}

TEST(CheckFinite, LooksAtTheWholeOfLargeTensors) {
  // More than four pieces of a MiB, which the threads of a pool share; the last one is not full.
  const auto pieces = [](size_t of) { return (5 * (size_t{1} << 20) + 4096) / of; };
  const auto expect_first = [](DType type, const std::string& bytes, size_t place) {
    for (ThreadPool* const pool : {static_cast<ThreadPool*>(nullptr), &ThreadPool::instance()}) {
      expect_error(ErrorCode::invalid_checkpoint, {"'w'", "element " + std::to_string(place) + ";"},
                   [&] { check_finite(view_of(type, bytes), "w", pool); });
    }
  };
  std::vector<float> values(pieces(sizeof(float)), 1.0f);
  EXPECT_NO_THROW(check_finite(view_of(DType::f32, test::bytes_of(values)), "w", &ThreadPool::instance()));
  for (const size_t place : {values.size() - 1, values.size() - 2000, size_t{3} << 18, size_t{5}}) {
    values[place] = std::nanf("");  // the first of all that are wrong is named
    expect_first(DType::f32, test::bytes_of(values), place);
  }
  std::string bytes(pieces(1), '\x05');
  bytes[bytes.size() - 7] = '\x80';
  expect_first(DType::i8, bytes, bytes.size() - 7);
}

TEST(ReadF32, ConvertsEveryHalfAndBfloatExactly) {
  std::string bytes;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    bytes += static_cast<char>(bits & 0xff);
    bytes += static_cast<char>(bits >> 8);
  }
  std::vector<float> half(65536), brain(65536);
  read_f32(view_of(DType::f16, bytes), 0, half);
  read_f32(view_of(DType::bf16, bytes), 0, brain);
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    ASSERT_EQ(std::bit_cast<uint32_t>(half[bits]), std::bit_cast<uint32_t>(f16_to_f32(static_cast<uint16_t>(bits))))
        << bits;
    ASSERT_EQ(std::bit_cast<uint32_t>(brain[bits]), bits << 16);
  }
}

TEST(ReadF32, StaysInside) {
  const std::string bytes = test::bytes_of({1, 2, 3, 4});
  std::vector<float> out(2);
  read_f32(view_of(DType::f32, bytes), 2, out);
  EXPECT_EQ(out, (std::vector<float>{3, 4}));
  for (const int64_t first : {int64_t{3}, int64_t{-1}, std::numeric_limits<int64_t>::max()}) {
    expect_error(ErrorCode::invalid_argument, {"outside"}, [&] { read_f32(view_of(DType::f32, bytes), first, out); });
  }
  expect_error(ErrorCode::invalid_argument, {"F32, F16 and BF16"},
               [&] { read_f32(view_of(DType::i8, bytes), 0, out); });
}

}  // namespace
}  // namespace wtrt::checkpoint
