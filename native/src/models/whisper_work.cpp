// Layout of Whisper's activations in one piece of device memory each.
#include <algorithm>

#include "models/whisper.hpp"

namespace wtrt::models {
namespace {

constexpr int32_t kMelFrames = 3000;
constexpr int64_t kAlignment = 64;

// Hands out aligned pieces of a block; with no block it only counts.
class Carver {
 public:
  explicit Carver(std::byte* base) : base_(base) {}

  ops::Tensor tensor(int64_t rows, int64_t cols, DType type = DType::f32) {
    return {piece(rows * cols * static_cast<int64_t>(size_of(type))), type, rows, cols};
  }
  void* piece(int64_t bytes) {
    void* at = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return at;
  }
  int64_t used() const { return used_; }

 private:
  std::byte* base_;
  int64_t used_ = 0;
};

void carve(Carver& carver, const checkpoint::WhisperConfig& config, int32_t batch, DType type, EncoderWork* work) {
  const int64_t positions = static_cast<int64_t>(batch) * config.n_audio_ctx;
  const int64_t convolution =
      2LL * (config.n_audio_ctx + 1) * (config.width + (config.n_mels + 7) / 8 * 8);  // of a window
  const int64_t widest = std::max<int64_t>(
      {config.encoder_ffn, 3LL * config.width, (convolution + config.n_audio_ctx - 1) / config.n_audio_ctx});
  const auto mel = carver.tensor(static_cast<int64_t>(batch) * config.n_mels, kMelFrames);
  const auto wide = carver.tensor(positions, widest, type);
  const auto hidden = carver.tensor(positions, config.width, type);
  const auto normed = carver.tensor(positions, config.width, type);
  if (work == nullptr) return;
  work->mel = mel;
  work->wide = wide;
  work->hidden = hidden;
  work->normed = normed;
}

void carve(Carver& carver, const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows, DType type,
           DecoderWork* work) {
  const int64_t widest = std::max<int64_t>(config.decoder_ffn, 3LL * config.width);
  auto* slots = static_cast<ops::TokenSlot*>(carver.piece(tokens * static_cast<int64_t>(sizeof(ops::TokenSlot))));
  auto* picks = static_cast<int32_t*>(carver.piece(rows * 4LL));
  auto* owners = static_cast<int32_t*>(carver.piece(rows * 4LL));
  auto* searches = static_cast<ops::BeamLines*>(carver.piece(rows * static_cast<int64_t>(sizeof(ops::BeamLines))));
  const auto hidden = carver.tensor(tokens, config.width, type);
  const auto normed = carver.tensor(tokens, config.width, type);
  const auto wide = carver.tensor(tokens, widest, type);
  const auto picked = carver.tensor(rows, config.width, type);
  const auto logits = carver.tensor(rows, config.vocab_size);
  if (work == nullptr) return;
  work->tokens = slots;
  work->picks = picks;
  work->rows = owners;
  work->searches = searches;
  work->hidden = hidden;
  work->normed = normed;
  work->wide = wide;
  work->picked = picked;
  work->logits = logits;
}

void carve(Carver& carver, const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows, AlignWork* work) {
  size_t most = 0;
  for (const auto& heads : alignment_heads(config)) most = std::max(most, heads.size());
  const auto scores = carver.tensor(static_cast<int64_t>(most) * tokens, config.n_audio_ctx);
  auto* targets = static_cast<int32_t*>(carver.piece(rows * 4LL));
  auto* probabilities = static_cast<float*>(carver.piece(rows * 4LL));
  if (work == nullptr) return;
  work->scores = scores;
  work->targets = targets;
  work->probabilities = probabilities;
}

}  // namespace

int64_t EncoderWork::bytes(const checkpoint::WhisperConfig& config, int32_t batch, DType type) {
  Carver counter(nullptr);
  carve(counter, config, batch, type, nullptr);
  return counter.used();
}

EncoderWork::EncoderWork(ops::Ops& ops, const checkpoint::WhisperConfig& config, int32_t batch)
    : memory(ops.allocate(bytes(config, batch, ops.activation_type()))) {
  Carver carver(static_cast<std::byte*>(memory->data()));
  carve(carver, config, batch, ops.activation_type(), this);
}

int64_t DecoderWork::bytes(const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows, DType type) {
  Carver counter(nullptr);
  carve(counter, config, tokens, rows, type, nullptr);
  return counter.used();
}

DecoderWork::DecoderWork(ops::Ops& ops, const checkpoint::WhisperConfig& config, int32_t token_count, int32_t row_count)
    : memory(ops.allocate(bytes(config, token_count, row_count, ops.activation_type()))) {
  Carver carver(static_cast<std::byte*>(memory->data()));
  carve(carver, config, token_count, row_count, ops.activation_type(), this);
}

int64_t AlignWork::bytes(const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows) {
  Carver counter(nullptr);
  carve(counter, config, tokens, rows, nullptr);
  return counter.used();
}

AlignWork::AlignWork(ops::Ops& ops, const checkpoint::WhisperConfig& config, int32_t token_count, int32_t row_count)
    : memory(ops.allocate(bytes(config, token_count, row_count))) {
  Carver carver(static_cast<std::byte*>(memory->data()));
  carve(carver, config, token_count, row_count, this);
}

std::vector<std::vector<int32_t>> alignment_heads(const checkpoint::WhisperConfig& config) {
  std::vector<std::vector<int32_t>> heads(static_cast<size_t>(config.decoder_layers));
  for (const auto& [layer, head] : config.alignment_heads) heads[static_cast<size_t>(layer)].push_back(head);
  if (config.alignment_heads.empty()) {
    for (size_t layer = heads.size() / 2; layer < heads.size(); ++layer) {
      for (int32_t head = 0; head < config.decoder_heads; ++head) heads[layer].push_back(head);
    }
  }
  for (auto& of_layer : heads) {
    std::sort(of_layer.begin(), of_layer.end());
    of_layer.erase(std::unique(of_layer.begin(), of_layer.end()), of_layer.end());
  }
  return heads;
}

}  // namespace wtrt::models
