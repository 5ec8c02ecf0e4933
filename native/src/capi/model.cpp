// Models: load, describe, tokenize.
#include <algorithm>

#include "capi/handles.hpp"

using namespace wtrt;
using namespace wtrt::capi;

namespace {

constexpr wtrt_model_options kDefaults = {
    .struct_size = sizeof(wtrt_model_options),
    .device = WTRT_AUTO,
    .device_index = 0,
    .compute_type = WTRT_AUTO,
    .cpu_isa = WTRT_AUTO,
    .cpu_threads = WTRT_AUTO,
};

runtime::DeviceOptions device_options(const wtrt_model_options& options) {
  runtime::DeviceOptions device;
  if (in_range("device", options.device, WTRT_AUTO, WTRT_DEVICE_CUDA) != WTRT_AUTO) {
    device.kind = static_cast<runtime::DeviceKind>(options.device);
  }
  device.index = in_range("device_index", options.device_index, 0, options.device == WTRT_DEVICE_CPU ? 0 : 1023);
  if (in_range("compute_type", options.compute_type, WTRT_AUTO, WTRT_COMPUTE_FLOAT16) != WTRT_AUTO) {
    device.compute_type = static_cast<ops::ComputeType>(options.compute_type);
  }
  if (in_range("cpu_isa", options.cpu_isa, WTRT_AUTO, WTRT_ISA_AMX) != WTRT_AUTO) {
    device.isa = static_cast<cpu::Isa>(options.cpu_isa);
  }
  if (options.cpu_threads != WTRT_AUTO) device.threads = in_range("cpu_threads", options.cpu_threads, 1, 1024);
  return device;
}

std::span<const int32_t> token_argument(const int32_t* tokens, int64_t count) {
  if (count < 0 || (tokens == nullptr && count > 0)) refuse("tokens: NULL or a negative count");
  return {tokens, static_cast<size_t>(count)};
}

}  // namespace

extern "C" {

void wtrt_model_options_init(wtrt_model_options* options, uint32_t struct_size) {
  if (options != nullptr) write_struct(options, struct_size, kDefaults);
}

wtrt_error* wtrt_model_load(const char* name_or_path, int64_t size, const wtrt_model_options* options,
                            wtrt_model** model) {
  return guard([&] {
    required(model, "model");
    const std::string_view name = text_argument(name_or_path, size, "name_or_path");
    if (name.empty()) refuse("name_or_path is empty; give a checkpoint directory or a model's name");
    *model = new wtrt_model(runtime::Model::load(name, device_options(read_options(options, kDefaults, "options"))));
  });
}

void wtrt_model_retain(wtrt_model* model) { retain(model); }
void wtrt_model_release(wtrt_model* model) { release(model); }

wtrt_error* wtrt_model_get_info(const wtrt_model* model, wtrt_model_info* info) {
  return guard([&] {
    const runtime::Model& loaded = *required(model, "model").object;
    const checkpoint::WhisperConfig& config = loaded.config();
    wtrt_model_info value{};
    value.device = static_cast<int32_t>(loaded.device().kind());
    value.compute_type = static_cast<int32_t>(loaded.device().compute_type());
    value.cpu_isa = static_cast<int32_t>(loaded.device().cpu().isa);
    value.cpu_threads = loaded.device().cpu().threads;
    if (loaded.has_words()) {
      value.multilingual = loaded.tokenizer()->multilingual() ? 1 : 0;
      value.languages = value.multilingual != 0 ? loaded.tokenizer()->special().language_count : 1;
    }
    value.mels = config.n_mels;
    value.audio_context = config.n_audio_ctx;
    value.text_context = config.n_text_ctx;
    value.width = config.width;
    value.heads = config.decoder_heads;
    value.encoder_layers = config.encoder_layers;
    value.decoder_layers = config.decoder_layers;
    value.vocabulary = config.vocab_size;
    value.parameters = loaded.parameters();
    value.weight_bytes = loaded.whisper().weight_bytes();
    value.load_seconds = loaded.load_seconds();
    for (const auto& heads : models::alignment_heads(config))
      value.alignment_heads += static_cast<int32_t>(heads.size());
    fill_struct(info, value, "info");
  });
}

wtrt_error* wtrt_model_get_language(const wtrt_model* model, int32_t index, const char** code, const char** name) {
  return guard([&] {
    const text::Tokenizer& tokenizer = *required(model, "model").object->tokenizer();
    const int32_t count = tokenizer.multilingual() ? tokenizer.special().language_count : 1;
    const text::Language& language = text::languages()[static_cast<size_t>(in_range("index", index, 0, count - 1))];
    required(code, "code") = language.code.data();  // literals: zero-terminated
    required(name, "name") = language.name.data();
  });
}

wtrt_error* wtrt_model_tokenize(const wtrt_model* model, const char* text, int64_t size, int32_t* tokens,
                                int64_t capacity, int64_t* count) {
  return guard([&] {
    if (capacity < 0 || (tokens == nullptr && capacity > 0)) refuse("tokens: NULL or a negative capacity");
    const auto ids = required(model, "model").object->tokenizer()->encode(text_argument(text, size, "text"));
    const auto total = static_cast<int64_t>(ids.size());
    required(count, "count") = total;
    std::copy_n(ids.begin(), std::min(total, capacity), tokens);
  });
}

wtrt_error* wtrt_model_detokenize(const wtrt_model* model, const int32_t* tokens, int64_t count, int32_t with_special,
                                  wtrt_text** text) {
  return guard([&] {
    const text::Tokenizer& tokenizer = *required(model, "model").object->tokenizer();
    required(text, "text");
    const auto ids = token_argument(tokens, count);
    in_range("with_special", with_special, 0, 1);
    *text = new wtrt_text{with_special != 0 ? tokenizer.decode_with_timestamps(ids) : tokenizer.decode(ids)};
  });
}

}  // extern "C"
