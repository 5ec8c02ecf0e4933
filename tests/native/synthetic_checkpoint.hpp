// Small checkpoints written by the tests: a whole Whisper directory of a few kilobytes, each part of which a test may
// spoil.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/whisper_tensors.hpp"
#include "common/error.hpp"

namespace wtrt::test {

namespace fs = std::filesystem;

// A folder of its own for each test, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "wtrt-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot create " + pattern);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline void write_file(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  ASSERT_TRUE(out.flush()) << path;
}

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Eight bytes of length, the header as given, the data.
inline std::string safetensors_bytes(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>((static_cast<uint64_t>(header.size()) >> (8 * i)) & 0xff);
  return bytes + header + data;
}

struct SyntheticTensor {
  std::string dtype;
  std::vector<int64_t> shape;
  std::string data;
};

using SyntheticTensors = std::map<std::string, SyntheticTensor>;

inline std::string safetensors_bytes(const SyntheticTensors& tensors) {
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", tensor.dtype},
                    {"shape", tensor.shape},
                    {"data_offsets", {data.size(), data.size() + tensor.data.size()}}};
    data += tensor.data;
  }
  return safetensors_bytes(header.dump(), data);
}

inline nlohmann::json synthetic_config() {
  return {{"model_type", "whisper"},      {"vocab_size", 40},
          {"num_mel_bins", 80},           {"d_model", 8},
          {"encoder_layers", 2},          {"decoder_layers", 1},
          {"encoder_attention_heads", 2}, {"decoder_attention_heads", 2},
          {"encoder_ffn_dim", 16},        {"decoder_ffn_dim", 24},
          {"max_source_positions", 6},    {"max_target_positions", 5}};
}

inline checkpoint::WhisperConfig synthetic_sizes() {
  checkpoint::WhisperConfig config;
  config.n_mels = 80;
  config.n_audio_ctx = 6;
  config.n_text_ctx = 5;
  config.width = 8;
  config.encoder_layers = 2;
  config.decoder_layers = 1;
  config.encoder_heads = config.decoder_heads = 2;
  config.encoder_ffn = 16;
  config.decoder_ffn = 24;
  config.vocab_size = 40;
  return config;
}

inline std::string bytes_of(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// Reproducible weights in (-1, 1), another row for each tensor.
inline std::vector<float> synthetic_weights(const std::string& name, size_t count) {
  uint32_t state = 2166136261u;
  for (const char c : name) state = (state ^ static_cast<uint8_t>(c)) * 16777619u;
  std::vector<float> values(count);
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
  }
  return values;
}

// Every tensor that a model of synthetic_config() needs, F32, with the prefix that Hugging Face writes.
inline SyntheticTensors synthetic_tensors() {
  SyntheticTensors tensors;
  for (const auto& required : checkpoint::required_tensors(synthetic_sizes())) {
    size_t count = 1;
    for (const int64_t extent : required.shape) count *= static_cast<size_t>(extent);
    tensors["model." + required.name] = {"F32", required.shape, bytes_of(synthetic_weights(required.name, count))};
  }
  return tensors;
}

inline void write_model(const fs::path& folder, const nlohmann::json& config = synthetic_config(),
                        const SyntheticTensors& tensors = synthetic_tensors()) {
  write_file(folder / "config.json", config.dump());
  write_file(folder / "model.safetensors", safetensors_bytes(tensors));
}

// Expects a wtrt::Error with this code whose message holds all of `parts`.
template <typename Act>
void expect_error(ErrorCode code, const std::vector<std::string>& parts, Act act) {
  try {
    act();
    FAIL() << "no error; expected one with: " << testing::PrintToString(parts);
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "'" << part << "' is not in: " << error.what();
    }
  }
}

}  // namespace wtrt::test
