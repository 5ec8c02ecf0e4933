// Random weights of a Whisper's shape, for measuring without a download.
#include <array>
#include <random>
#include <string>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/whisper_tensors.hpp"
#include "common/error.hpp"

namespace wtrt::checkpoint {
namespace {

struct Size {
  std::string_view name;
  int width, heads, encoder_layers, decoder_layers, mels, vocabulary;
};

constexpr std::array<Size, 8> kSizes{{{"tiny", 384, 6, 4, 4, 80, 51865},
                                      {"base", 512, 8, 6, 6, 80, 51865},
                                      {"small", 768, 12, 12, 12, 80, 51865},
                                      {"medium", 1024, 16, 24, 24, 80, 51865},
                                      {"large-v1", 1280, 20, 32, 32, 80, 51865},
                                      {"large-v2", 1280, 20, 32, 32, 80, 51865},
                                      {"large-v3", 1280, 20, 32, 32, 128, 51866},
                                      {"turbo", 1280, 20, 32, 4, 128, 51866}}};

WhisperConfig config_of(const Size& size) {
  WhisperConfig config;
  config.n_mels = size.mels;
  config.n_audio_ctx = 1500;
  config.n_text_ctx = 448;
  config.width = size.width;
  config.encoder_layers = size.encoder_layers;
  config.decoder_layers = size.decoder_layers;
  config.encoder_heads = config.decoder_heads = size.heads;
  config.encoder_ffn = config.decoder_ffn = 4 * size.width;
  config.vocab_size = size.vocabulary;
  config.multilingual = true;
  return config;
}

int64_t elements_of(const RequiredTensor& tensor) {
  int64_t count = 1;
  for (const int64_t extent : tensor.shape) count *= extent;
  return count;
}

}  // namespace

// All tensors are cut out of one run of random numbers, each from another place.
struct RandomWeights {
  static std::shared_ptr<const Checkpoint> of(const WhisperConfig& config) {
    const auto checkpoint = std::make_shared<Checkpoint>();
    checkpoint->whisper_ = config;
    const auto required = required_tensors(config);
    constexpr int64_t kShift = 64, kShifts = 1021;  // elements
    int64_t most = 0;
    for (const RequiredTensor& tensor : required) most = std::max(most, elements_of(tensor));
    const int64_t count = most + kShift * kShifts;
    auto& memory = checkpoint->copies_.emplace_back(static_cast<size_t>(count) * 2 / sizeof(std::max_align_t) + 1);
    auto* const bits = reinterpret_cast<uint16_t*>(memory.data());
    std::minstd_rand random(1);
    for (int64_t i = 0; i < count; ++i) {  // float16 of both signs, 2^-8 ... 2^-4
      const auto draw = static_cast<uint32_t>(random());
      bits[i] = static_cast<uint16_t>((draw & 0x8000u) | ((7u + (draw >> 16) % 4) << 10) | (draw & 0x3ffu));
    }
    int64_t place = 0;
    for (const RequiredTensor& tensor : required) {
      const auto* from = reinterpret_cast<const std::byte*>(bits + kShift * (place++ % kShifts));
      checkpoint->tensors_.emplace(
          tensor.name, TensorView{DType::f16, tensor.shape, {from, static_cast<size_t>(elements_of(tensor)) * 2}});
    }
    return checkpoint;
  }
};

std::shared_ptr<const Checkpoint> random_checkpoint(std::string_view size) {
  std::string names;
  for (const Size& known : kSizes) {
    if (known.name == size) return RandomWeights::of(config_of(known));
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  throw Error(ErrorCode::not_found,
              "there are no random weights of size '" + std::string(size) + "'; sizes are " + names);
}

}  // namespace wtrt::checkpoint
