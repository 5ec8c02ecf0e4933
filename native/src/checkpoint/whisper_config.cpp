#include "checkpoint/whisper_config.hpp"

#include "checkpoint/json.hpp"
#include "common/error.hpp"
#include "common/log.hpp"

namespace wtrt::checkpoint {
namespace {

using nlohmann::json;

// Bounds far above any Whisper; they keep every product of two sizes within 64 bits and hostile files from large loops.
constexpr int kMaxContext = 65'536, kMaxWidth = 16'384, kMaxLayers = 256, kMaxFfn = 131'072, kMaxVocabulary = 1'000'000;
constexpr int kMaxHeadSize = 256;
constexpr int kMultilingualVocabulary = 51'865;
constexpr size_t kMaxAlignmentHeads = 65'536;

[[noreturn]] void bad(const std::string& what, const std::string& reason) {
  throw Error(ErrorCode::invalid_checkpoint, what + ": " + reason);
}

// A value out of a file, shortened: it may be anything, of any size.
std::string shown(const json& value) {
  if (value.is_structured()) return value.is_array() ? "an array" : "an object";
  return value.is_string() ? in_quotes(value.get_ref<const std::string&>()) : value.dump();
}

const json& object(const json& value, const std::string& what) {
  if (!value.is_object()) bad(what, "is not a JSON object but " + shown(value));
  return value;
}

// Absent and null are the same in these files.
const json* optional_field(const json& config, const char* key) {
  const auto found = config.find(key);
  return found == config.end() || found->is_null() ? nullptr : &*found;
}

bool in_range(const json& value, int64_t least, int64_t most) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    return number <= static_cast<uint64_t>(most) && static_cast<int64_t>(number) >= least;
  }
  return value.is_number_integer() && value.get<int64_t>() >= least && value.get<int64_t>() <= most;
}

int size_field(const json& config, const char* key, int most, const std::string& what) {
  const json* value = optional_field(config, key);
  if (value == nullptr) bad(what, std::string(key) + " is missing");
  if (!in_range(*value, 1, most)) {
    bad(what,
        std::string(key) + " is " + shown(*value) + "; it must be a whole number from 1 to " + std::to_string(most));
  }
  return value->get<int>();
}

void check_family(const json& config, const std::string& what) {
  const json* type = optional_field(config, "model_type");
  if (type == nullptr || !type->is_string())
    bad(what, "model_type is missing; this is not a Hugging Face model directory");
  const auto& name = type->get_ref<const std::string&>();
  if (name != "whisper")
    throw Error(ErrorCode::unsupported, what + ": model_type is " + in_quotes(name) + "; only 'whisper' can be opened");
}

void check_variant(const json& config, const std::string& what) {
  if (const json* activation = optional_field(config, "activation_function");
      activation != nullptr && *activation != "gelu") {
    throw Error(ErrorCode::unsupported,
                what + ": activation_function is " + shown(*activation) + "; only 'gelu' is implemented");
  }
  if (const json* scale = optional_field(config, "scale_embedding"); scale != nullptr && *scale != false) {
    throw Error(ErrorCode::unsupported, what + ": scale_embedding is " + shown(*scale) + "; only false is implemented");
  }
}

void check_heads(int width, int heads, const char* key, const std::string& what) {
  if (width % heads != 0) {
    bad(what, "d_model " + std::to_string(width) + " is not a multiple of " + key + " " + std::to_string(heads));
  }
  if (width / heads > kMaxHeadSize) {
    bad(what, "d_model " + std::to_string(width) + " over " + key + " " + std::to_string(heads) + " gives heads of " +
                  std::to_string(width / heads) + "; at most " + std::to_string(kMaxHeadSize) + " are allowed");
  }
}

void read_suppress_tokens(const json& list, const std::string& what, WhisperConfig& config) {
  if (!list.is_array() || list.size() > static_cast<size_t>(config.vocab_size)) {
    bad(what, "suppress_tokens is " + shown(list) + "; it must be an array of at most vocab_size token ids");
  }
  std::vector<int32_t> tokens;
  for (const json& token : list) {
    if (!in_range(token, -1, config.vocab_size - 1)) {
      bad(what, "suppress_tokens holds " + shown(token) + "; the vocabulary is 0 to " +
                    std::to_string(config.vocab_size - 1));
    }
    if (const int id = token.get<int>(); id >= 0) tokens.push_back(id);  // -1 stands for the tokenizer's own list
  }
  config.suppress_tokens = std::move(tokens);
}

void read_alignment_heads(const json& list, const std::string& what, WhisperConfig& config) {
  if (!list.is_array() || list.size() > kMaxAlignmentHeads)
    bad(what, "alignment_heads is not an array of [layer, head] pairs");
  std::vector<std::pair<int, int>> heads;
  bool foreign = false;
  for (const json& pair : list) {
    if (!pair.is_array() || pair.size() != 2 || !in_range(pair[0], 0, INT32_MAX) || !in_range(pair[1], 0, INT32_MAX)) {
      bad(what, "alignment_heads holds something else than [layer, head] pairs of whole numbers");
    }
    heads.emplace_back(pair[0].get<int>(), pair[1].get<int>());
    foreign = foreign || heads.back().first >= config.decoder_layers || heads.back().second >= config.decoder_heads;
  }
  if (foreign) {
    log(LogLevel::warning, what + ": alignment_heads name heads that this model does not have; the list is ignored");
    heads.clear();
  }
  config.alignment_heads = std::move(heads);
}

}  // namespace

WhisperConfig read_config(const json& config, const std::string& what) {
  object(config, what);
  check_family(config, what);
  check_variant(config, what);
  WhisperConfig read;
  read.n_mels = size_field(config, "num_mel_bins", 1024, what);
  read.n_audio_ctx = size_field(config, "max_source_positions", kMaxContext, what);
  read.n_text_ctx = size_field(config, "max_target_positions", kMaxContext, what);
  read.width = size_field(config, "d_model", kMaxWidth, what);
  read.encoder_layers = size_field(config, "encoder_layers", kMaxLayers, what);
  read.encoder_heads = size_field(config, "encoder_attention_heads", kMaxWidth, what);
  read.encoder_ffn = size_field(config, "encoder_ffn_dim", kMaxFfn, what);
  read.decoder_layers = size_field(config, "decoder_layers", kMaxLayers, what);
  read.decoder_heads = size_field(config, "decoder_attention_heads", kMaxWidth, what);
  read.decoder_ffn = size_field(config, "decoder_ffn_dim", kMaxFfn, what);
  read.vocab_size = size_field(config, "vocab_size", kMaxVocabulary, what);
  read.multilingual = read.vocab_size >= kMultilingualVocabulary;
  check_heads(read.width, read.encoder_heads, "encoder_attention_heads", what);
  check_heads(read.width, read.decoder_heads, "decoder_attention_heads", what);
  if (read.n_mels != 80 && read.n_mels != 128) {
    throw Error(ErrorCode::unsupported,
                what + ": num_mel_bins is " + std::to_string(read.n_mels) + "; 80 and 128 are implemented");
  }
  if (const json* tokens = optional_field(config, "suppress_tokens")) read_suppress_tokens(*tokens, what, read);
  return read;
}

std::optional<Quantization> read_quantization(const json& config, const std::string& what) {
  const json* section = optional_field(config, "quantization");
  if (section == nullptr) return std::nullopt;
  if (!section->is_object()) bad(what, "quantization is not an object");
  const json* weights = optional_field(*section, "weights");
  if (weights == nullptr || !weights->is_string()) bad(what, "quantization.weights is missing");
  if (*weights != "int8") {
    throw Error(ErrorCode::unsupported,
                what + ": quantization.weights is " + shown(*weights) + "; this version reads 'int8'");
  }
  return Quantization{"int8"};
}

void read_generation_config(const json& generation, const std::string& what, WhisperConfig& config) {
  object(generation, what);
  if (const json* tokens = optional_field(generation, "suppress_tokens")) read_suppress_tokens(*tokens, what, config);
  if (const json* heads = optional_field(generation, "alignment_heads")) read_alignment_heads(*heads, what, config);
}

void check_preprocessor_config(const json& preprocessor, const std::string& what, const WhisperConfig& config) {
  object(preprocessor, what);
  const auto expect = [&](const char* key, int expected) {
    const json* value = optional_field(preprocessor, key);
    if (value != nullptr && !in_range(*value, expected, expected)) {
      bad(what, std::string(key) + " is " + shown(*value) + "; the model takes " + std::to_string(expected));
    }
  };
  expect("feature_size", config.n_mels);
  expect("sampling_rate", 16'000);
  expect("hop_length", 160);
  expect("n_fft", 400);
}

}  // namespace wtrt::checkpoint
