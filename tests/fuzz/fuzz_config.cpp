// Any bytes as each of a model's JSON files: a typed error, or a config whose sizes can be computed with.
#include <cstdlib>
#include <functional>
#include <string_view>

#include "checkpoint/json.hpp"
#include "checkpoint/whisper_config.hpp"
#include "checkpoint/whisper_tensors.hpp"
#include "common/error.hpp"

namespace {

using namespace wtrt;

bool accepted(const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_checkpoint && error.code() != ErrorCode::unsupported) std::abort();
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  nlohmann::json parsed;
  if (!accepted([&] { parsed = checkpoint::parse_json(text, "input"); })) return 0;
  checkpoint::WhisperConfig config;
  if (accepted([&] { config = checkpoint::read_config(parsed, "input"); })) {
    if (config.width % config.encoder_heads != 0 || config.width % config.decoder_heads != 0) std::abort();
    for (const auto& tensor : checkpoint::required_tensors(config)) {
      for (const int64_t extent : tensor.shape) {
        if (extent <= 0) std::abort();
      }
    }
  } else {
    config = {.n_mels = 80, .decoder_layers = 4, .decoder_heads = 6, .vocab_size = 51864};
  }
  accepted([&] { checkpoint::read_quantization(parsed.is_object() ? parsed : nlohmann::json::object(), "input"); });
  accepted([&] { checkpoint::read_generation_config(parsed, "input", config); });
  for (const auto& [layer, head] : config.alignment_heads) {
    if (layer < 0 || layer >= config.decoder_layers || head < 0 || head >= config.decoder_heads) std::abort();
  }
  accepted([&] { checkpoint::check_preprocessor_config(parsed, "input", config); });
  return 0;
}
