#include "checkpoint/whisper_tensors.hpp"

namespace wtrt::checkpoint {
namespace {

class List {
 public:
  explicit List(int64_t width) : width_(width) {}

  void linear(const std::string& name, int64_t outputs, int64_t inputs, bool bias) {
    tensors_.push_back({name + ".weight", {outputs, inputs}, true});
    if (bias) tensors_.push_back({name + ".bias", {outputs}, false});
  }

  void norm(const std::string& name) {
    tensors_.push_back({name + ".weight", {width_}, false});
    tensors_.push_back({name + ".bias", {width_}, false});
  }

  void conv(const std::string& name, int64_t inputs) {
    tensors_.push_back({name + ".weight", {width_, inputs, 3}, false});
    tensors_.push_back({name + ".bias", {width_}, false});
  }

  void table(const std::string& name, int64_t rows, bool is_linear) {
    tensors_.push_back({name, {rows, width_}, is_linear});
  }

  // Whisper's keys have no bias: it would cancel in the softmax.
  void attention(const std::string& name) {
    linear(name + ".q_proj", width_, width_, true);
    linear(name + ".k_proj", width_, width_, false);
    linear(name + ".v_proj", width_, width_, true);
    linear(name + ".out_proj", width_, width_, true);
    norm(name + "_layer_norm");
  }

  void feed_forward(const std::string& layer, int64_t inner) {
    linear(layer + "fc1", inner, width_, true);
    linear(layer + "fc2", width_, inner, true);
    norm(layer + "final_layer_norm");
  }

  std::vector<RequiredTensor> take() { return std::move(tensors_); }

 private:
  int64_t width_;
  std::vector<RequiredTensor> tensors_;
};

}  // namespace

std::vector<RequiredTensor> required_tensors(const WhisperConfig& config) {
  List list(config.width);
  list.conv("encoder.conv1", config.n_mels);
  list.conv("encoder.conv2", config.width);
  list.table("encoder.embed_positions.weight", config.n_audio_ctx, false);
  for (int i = 0; i < config.encoder_layers; ++i) {
    const std::string layer = "encoder.layers." + std::to_string(i) + ".";
    list.attention(layer + "self_attn");
    list.feed_forward(layer, config.encoder_ffn);
  }
  list.norm("encoder.layer_norm");
  list.table(std::string(kEmbedTokens), config.vocab_size, true);
  list.table("decoder.embed_positions.weight", config.n_text_ctx, false);
  for (int i = 0; i < config.decoder_layers; ++i) {
    const std::string layer = "decoder.layers." + std::to_string(i) + ".";
    list.attention(layer + "self_attn");
    list.attention(layer + "encoder_attn");
    list.feed_forward(layer, config.decoder_ffn);
  }
  list.norm("decoder.layer_norm");
  return list.take();
}

}  // namespace wtrt::checkpoint
