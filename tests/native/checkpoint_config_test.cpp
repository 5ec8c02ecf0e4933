// config.json, generation_config.json and preprocessor_config.json: every size of Whisper, and values that no Whisper
// has.
#include <limits>

#include "checkpoint/json.hpp"
#include "checkpoint/whisper_config.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::checkpoint {
namespace {

using nlohmann::json;
using test::expect_error;

json config_of(int width, int heads, int encoder_layers, int decoder_layers, int mels, int vocabulary) {
  return {{"model_type", "whisper"},
          {"vocab_size", vocabulary},
          {"num_mel_bins", mels},
          {"d_model", width},
          {"encoder_layers", encoder_layers},
          {"decoder_layers", decoder_layers},
          {"encoder_attention_heads", heads},
          {"decoder_attention_heads", heads},
          {"encoder_ffn_dim", 4 * width},
          {"decoder_ffn_dim", 4 * width},
          {"max_source_positions", 1500},
          {"max_target_positions", 448}};
}

TEST(WhisperConfig, ReadsEverySizeOfWhisper) {
  struct Size {
    const char* name;
    int width, heads, encoder_layers, decoder_layers, mels, vocabulary;
    int64_t parameters;  // as published, from the shapes
  };
  const Size sizes[] = {{"tiny", 384, 6, 4, 4, 80, 51865, 37'760'640},
                        {"tiny.en", 384, 6, 4, 4, 80, 51864, 37'760'256},
                        {"base", 512, 8, 6, 6, 80, 51865, 72'593'920},
                        {"small", 768, 12, 12, 12, 80, 51865, 241'734'912},
                        {"medium", 1024, 16, 24, 24, 80, 51865, 763'857'920},
                        {"large-v2", 1280, 20, 32, 32, 80, 51865, 1'543'304'960},
                        {"large-v3", 1280, 20, 32, 32, 128, 51866, 1'543'490'560},
                        {"large-v3-turbo", 1280, 20, 32, 4, 128, 51866, 808'878'080},
                        {"distil-large-v2", 1280, 20, 32, 2, 80, 51865, 756'220'160}};
  for (const Size& size : sizes) {
    SCOPED_TRACE(size.name);
    const WhisperConfig config = read_config(
        config_of(size.width, size.heads, size.encoder_layers, size.decoder_layers, size.mels, size.vocabulary),
        "config.json");
    EXPECT_EQ(config.encoder_layers, size.encoder_layers);
    EXPECT_EQ(config.decoder_layers, size.decoder_layers);
    EXPECT_EQ(config.multilingual, size.vocabulary != 51864);
    int64_t parameters = 0;
    for (const auto& tensor : required_tensors(config)) {
      parameters += TensorView{DType::f32, tensor.shape, {}}.elements();
    }
    EXPECT_EQ(parameters, size.parameters);
  }
}

TEST(WhisperConfig, RefusesOtherFamilies) {
  json config = test::synthetic_config();
  config["model_type"] = "bart";
  expect_error(ErrorCode::unsupported, {"config.json", "'bart'", "whisper"},
               [&] { read_config(config, "config.json"); });
  config.erase("model_type");
  expect_error(ErrorCode::invalid_checkpoint, {"config.json", "model_type"},
               [&] { read_config(config, "config.json"); });
  expect_error(ErrorCode::invalid_checkpoint, {"config.json", "object"},
               [] { read_config(json::array(), "config.json"); });
}

TEST(WhisperConfig, RefusesSizesOutsideTheirRange) {
  const char* fields[] = {"vocab_size",           "num_mel_bins",           "d_model",
                          "encoder_layers",       "decoder_layers",         "encoder_attention_heads",
                          "encoder_ffn_dim",      "decoder_ffn_dim",        "max_source_positions",
                          "max_target_positions", "decoder_attention_heads"};
  const json wrong[] = {0,
                        -1,
                        2147483648,
                        std::numeric_limits<int64_t>::min(),
                        std::numeric_limits<uint64_t>::max(),
                        1.5,
                        "8",
                        true,
                        json::array(),
                        json::object()};
  for (const char* field : fields) {
    json config = test::synthetic_config();
    config.erase(field);
    expect_error(ErrorCode::invalid_checkpoint, {"config.json", field, "missing"},
                 [&] { read_config(config, "config.json"); });
    config[field] = nullptr;
    expect_error(ErrorCode::invalid_checkpoint, {"config.json", field, "missing"},
                 [&] { read_config(config, "config.json"); });
    for (const json& value : wrong) {
      config[field] = value;
      expect_error(ErrorCode::invalid_checkpoint, {"config.json", field, "from 1 to"},
                   [&] { read_config(config, "config.json"); });
    }
  }
}

TEST(WhisperConfig, RefusesSizesThatDoNotFit) {
  json config = test::synthetic_config();
  config["encoder_attention_heads"] = 3;
  expect_error(ErrorCode::invalid_checkpoint, {"d_model 8", "encoder_attention_heads 3"},
               [&] { read_config(config, "c"); });
  config = test::synthetic_config();
  config["d_model"] = 1024;
  config["decoder_attention_heads"] = 1;
  expect_error(ErrorCode::invalid_checkpoint, {"heads of"}, [&] { read_config(config, "c"); });
  config = test::synthetic_config();
  config["num_mel_bins"] = 81;
  expect_error(ErrorCode::unsupported, {"num_mel_bins is 81", "80 and 128"}, [&] { read_config(config, "c"); });
  config = test::synthetic_config();
  config["activation_function"] = "relu";
  expect_error(ErrorCode::unsupported, {"activation_function", "'relu'"}, [&] { read_config(config, "c"); });
  config = test::synthetic_config();
  config["scale_embedding"] = true;
  expect_error(ErrorCode::unsupported, {"scale_embedding", "true"}, [&] { read_config(config, "c"); });
}

TEST(WhisperConfig, ReadsTheQuantizationSection) {
  json config = test::synthetic_config();
  EXPECT_FALSE(read_quantization(config, "c"));
  config["quantization"] = {{"weights", "int8"}};
  EXPECT_EQ(read_quantization(config, "c")->weights, "int8");
  config["quantization"] = {{"weights", "int3"}};
  expect_error(ErrorCode::unsupported, {"quantization.weights", "'int3'"}, [&] { read_quantization(config, "c"); });
  for (const json& wrong : {json("int8"), json::object(), json{{"weights", 8}}, json::array()}) {
    config["quantization"] = wrong;
    expect_error(ErrorCode::invalid_checkpoint, {"quantization"}, [&] { read_quantization(config, "c"); });
  }
}

TEST(WhisperConfig, ReadsGenerationConfigs) {
  WhisperConfig config = test::synthetic_sizes();
  read_generation_config(json::object(), "g", config);
  EXPECT_TRUE(config.suppress_tokens.empty());
  read_generation_config(json{{"suppress_tokens", nullptr}, {"alignment_heads", nullptr}}, "g", config);
  read_generation_config(json{{"suppress_tokens", {-1, 0, 39}}, {"alignment_heads", {{0, 0}, {0, 1}}}}, "g", config);
  EXPECT_EQ(config.suppress_tokens, (std::vector<int32_t>{0, 39}));
  EXPECT_EQ(config.alignment_heads, (std::vector<std::pair<int, int>>{{0, 0}, {0, 1}}));
  read_generation_config(json{{"alignment_heads", {{0, 0}, {13, 15}}}}, "g", config);
  EXPECT_TRUE(config.alignment_heads.empty()) << "a distilled model keeps its teacher's list: not its own heads";
}

TEST(WhisperConfig, RefusesWrongGenerationConfigs) {
  WhisperConfig config = test::synthetic_sizes();
  for (const json& wrong :
       {json{40}, json{-2}, json{1.5}, json{"1"}, json("1"), json(std::vector<int>(41, 0)), json{{1, 2}}}) {
    expect_error(ErrorCode::invalid_checkpoint, {"g:", "suppress_tokens"}, [&] {
      read_generation_config(json{{"suppress_tokens", wrong}}, "g", config);
    });
  }
  for (const char* wrong : {"[[0]]", "[[0,0,0]]", "[0,0]", "[[-1,0]]", "[[0,\"0\"]]", "[[0,2147483648]]", "7"}) {
    expect_error(ErrorCode::invalid_checkpoint, {"g:", "alignment_heads"}, [&] {
      read_generation_config(json{{"alignment_heads", json::parse(wrong)}}, "g", config);
    });
  }
  expect_error(ErrorCode::invalid_checkpoint, {"g:", "object"}, [&] { read_generation_config(json(3), "g", config); });
}

TEST(WhisperConfig, ChecksPreprocessorConfigs) {
  const WhisperConfig config = test::synthetic_sizes();
  check_preprocessor_config(json::object(), "p", config);
  check_preprocessor_config(json{{"feature_size", 80}, {"sampling_rate", 16000}, {"hop_length", 160}, {"n_fft", 400}},
                            "p", config);
  expect_error(ErrorCode::invalid_checkpoint, {"p:", "feature_size is 128", "80"}, [&] {
    check_preprocessor_config(json{{"feature_size", 128}}, "p", config);
  });
  expect_error(ErrorCode::invalid_checkpoint, {"sampling_rate is 8000", "16000"}, [&] {
    check_preprocessor_config(json{{"sampling_rate", 8000}}, "p", config);
  });
  expect_error(ErrorCode::invalid_checkpoint, {"n_fft"}, [&] {
    check_preprocessor_config(json{{"n_fft", "400"}}, "p", config);
  });
}

TEST(Json, KeepsItsLimits) {
  EXPECT_EQ(parse_json(std::string_view(R"({"a":[1,{"b":null}],"c":"d"})"), "j").dump(),
            R"({"a":[1,{"b":null}],"c":"d"})");
  const auto refuse = [](const std::string& text, const std::string& part) {
    expect_error(ErrorCode::invalid_checkpoint, {"j", part}, [&] { parse_json(std::string_view(text), "j"); });
  };
  refuse("", "not valid");
  refuse("nul", "not valid");
  refuse("{\"a\":1,}", "not valid");
  refuse("[1e999]", "not valid");
  refuse("[NaN]", "not valid");
  refuse(std::string(10'000'000, '['), "nested deeper");
  refuse(R"({"a":1,"b":2,"a":3})", "'a' twice");
  refuse(std::string((16 << 20) + 1, ' '), "at most");
  std::string wide = "[{}";
  for (int i = 0; i < 300'000; ++i) wide += ",{}";
  refuse(wide + "]", "values");
  EXPECT_NO_THROW(parse_json(std::string_view(std::string(32, '[') + std::string(32, ']')), "j"));
  refuse(std::string(33, '[') + std::string(33, ']'), "nested deeper");
}

}  // namespace
}  // namespace wtrt::checkpoint
