#include "models/whisper.hpp"

#include <array>
#include <string>

#include "common/thread_pool.hpp"

namespace wtrt::models {
namespace {

using checkpoint::Checkpoint;
using checkpoint::TensorView;
using ops::Activation;
using ops::HostTensor;
using ops::LinearPart;
using ops::LinearUse;
using ops::Tensor;

// Fetches tensors by name with their expected shape and hands them to the device.
class Loader {
 public:
  Loader(ops::Ops& ops, const Checkpoint& checkpoint) : ops_(ops), checkpoint_(checkpoint) {}

  HostTensor matrix(const std::string& name, int64_t rows, int64_t cols) const {
    const std::array<int64_t, 2> shape{rows, cols};
    const TensorView& view = checkpoint_.tensor(name, shape);
    HostTensor tensor{view.data.data(), view.dtype, rows, cols, nullptr};
    if (view.dtype == DType::i8) {
      const std::array<int64_t, 1> scales{rows};
      tensor.scale = reinterpret_cast<const float*>(checkpoint_.tensor(name + "_scale", scales).data.data());
    } else {
      check(view, name);
    }
    return tensor;
  }
  HostTensor vector(const std::string& name, int64_t size) const {
    const std::array<int64_t, 1> shape{size};
    const TensorView& view = checkpoint_.tensor(name, shape);
    check(view, name);
    return {view.data.data(), view.dtype, 1, size, nullptr};
  }
  LinearPart part(const std::string& name, int64_t outputs, int64_t inputs) const {
    const bool has_bias = checkpoint_.find(name + ".bias") != nullptr;  // Whisper's key projections have none
    return {matrix(name + ".weight", outputs, inputs), has_bias ? vector(name + ".bias", outputs) : HostTensor{}};
  }
  std::unique_ptr<ops::Linear> linear(const std::vector<LinearPart>& parts, LinearUse use) const {
    return ops_.make_linear(parts, use);
  }
  std::unique_ptr<ops::LayerNorm> norm(const std::string& name, int64_t width) const {
    return ops_.make_norm(vector(name + ".weight", width), vector(name + ".bias", width));
  }
  std::unique_ptr<ops::Conv1d> conv(const std::string& name, int64_t outputs, int64_t inputs, int32_t stride) const {
    const std::array<int64_t, 3> shape{outputs, inputs, 3};
    const TensorView& view = checkpoint_.tensor(name + ".weight", shape);
    check(view, name + ".weight");
    return ops_.make_conv1d({view.data.data(), view.dtype, outputs, inputs * 3, nullptr},
                            vector(name + ".bias", outputs), stride);
  }

 private:
  static void check(const TensorView& view, const std::string& name) {
    checkpoint::check_finite(view, name, &ThreadPool::instance());
  }

  ops::Ops& ops_;
  const Checkpoint& checkpoint_;
};

Tensor view(const Tensor& memory, int64_t rows, int64_t cols) { return {memory.data, memory.dtype, rows, cols}; }

}  // namespace

Whisper::Whisper(ops::Ops& ops, const Checkpoint& checkpoint)
    : config_(checkpoint.whisper()), alignment_heads_(alignment_heads(config_)) {
  const Loader load(ops, checkpoint);
  const int64_t width = config_.width;
  conv1_ = load.conv("encoder.conv1", width, config_.n_mels, 1);
  conv2_ = load.conv("encoder.conv2", width, width, 2);
  encoder_positions_ = ops.upload_f32(load.matrix("encoder.embed_positions.weight", config_.n_audio_ctx, width));
  encoder_norm_ = load.norm("encoder.layer_norm", width);
  for (int32_t i = 0; i < config_.encoder_layers; ++i) {
    const std::string at = "encoder.layers." + std::to_string(i) + ".";
    EncoderLayer layer;
    layer.attention_norm = load.norm(at + "self_attn_layer_norm", width);
    layer.qkv =
        load.linear({load.part(at + "self_attn.q_proj", width, width), load.part(at + "self_attn.k_proj", width, width),
                     load.part(at + "self_attn.v_proj", width, width)},
                    LinearUse::window);
    layer.out = load.linear({load.part(at + "self_attn.out_proj", width, width)}, LinearUse::window);
    layer.ffn_norm = load.norm(at + "final_layer_norm", width);
    layer.fc1 = load.linear({load.part(at + "fc1", config_.encoder_ffn, width)}, LinearUse::window);
    layer.fc2 = load.linear({load.part(at + "fc2", width, config_.encoder_ffn)}, LinearUse::window);
    encoder_.push_back(std::move(layer));
  }

  embedding_ =
      load.linear({{load.matrix("decoder.embed_tokens.weight", config_.vocab_size, width), {}}}, LinearUse::token);
  decoder_positions_ = ops.upload_f32(load.matrix("decoder.embed_positions.weight", config_.n_text_ctx, width));
  decoder_norm_ = load.norm("decoder.layer_norm", width);
  for (int32_t i = 0; i < config_.decoder_layers; ++i) {
    const std::string at = "decoder.layers." + std::to_string(i) + ".";
    DecoderLayer layer;
    layer.self_norm = load.norm(at + "self_attn_layer_norm", width);
    layer.qkv =
        load.linear({load.part(at + "self_attn.q_proj", width, width), load.part(at + "self_attn.k_proj", width, width),
                     load.part(at + "self_attn.v_proj", width, width)},
                    LinearUse::token);
    layer.self_out = load.linear({load.part(at + "self_attn.out_proj", width, width)}, LinearUse::token);
    layer.cross_norm = load.norm(at + "encoder_attn_layer_norm", width);
    layer.cross_q = load.linear({load.part(at + "encoder_attn.q_proj", width, width)}, LinearUse::token);
    layer.cross_kv = load.linear(
        {load.part(at + "encoder_attn.k_proj", width, width), load.part(at + "encoder_attn.v_proj", width, width)},
        LinearUse::window);
    layer.cross_out = load.linear({load.part(at + "encoder_attn.out_proj", width, width)}, LinearUse::token);
    layer.ffn_norm = load.norm(at + "final_layer_norm", width);
    layer.fc1 = load.linear({load.part(at + "fc1", config_.decoder_ffn, width)}, LinearUse::token);
    layer.fc2 = load.linear({load.part(at + "fc2", width, config_.decoder_ffn)}, LinearUse::token);
    decoder_.push_back(std::move(layer));
  }
}

int64_t Whisper::weight_bytes() const {
  int64_t sum = conv1_->bytes() + conv2_->bytes() + encoder_positions_->bytes() + decoder_positions_->bytes() +
                encoder_norm_->bytes() + decoder_norm_->bytes() + embedding_->bytes();
  for (const EncoderLayer& layer : encoder_) {
    sum += layer.attention_norm->bytes() + layer.ffn_norm->bytes();
    for (const auto* linear : {&layer.qkv, &layer.out, &layer.fc1, &layer.fc2}) sum += (*linear)->bytes();
  }
  for (const DecoderLayer& layer : decoder_) {
    sum += layer.self_norm->bytes() + layer.cross_norm->bytes() + layer.ffn_norm->bytes();
    for (const auto* linear :
         {&layer.qkv, &layer.self_out, &layer.cross_q, &layer.cross_kv, &layer.cross_out, &layer.fc1, &layer.fc2}) {
      sum += (*linear)->bytes();
    }
  }
  return sum;
}

ops::AttentionShape Whisper::decoder_attention() const {
  return {config_.decoder_layers, config_.decoder_heads, config_.width / config_.decoder_heads};
}

bool Whisper::encode(ops::Ops& ops, EncoderWork& work, Windows windows, const KeepGoing& keep_going) const {
  const int64_t width = config_.width, positions = windows.rows();
  {
    const ops::Run run(ops, "convolution");
    const Tensor mel = view(work.mel, static_cast<int64_t>(windows.count) * config_.n_mels, 2LL * windows.positions);
    const Tensor table{encoder_positions_->data(), DType::f32, windows.positions, width};
    ops.convolve(*conv1_, *conv2_, mel, table, work.wide, work.hidden.slice(0, positions), windows.count);
  }
  for (int32_t i = 0; i < config_.encoder_layers; ++i) {
    if (keep_going && !keep_going(i)) return false;
    encoder_layer(ops, encoder_[static_cast<size_t>(i)], work, windows);
  }
  {
    const ops::Run run(ops, "encoder norm");
    ops.norm(*encoder_norm_, work.hidden.slice(0, positions), work.normed.slice(0, positions));
  }
  return !keep_going || keep_going(config_.encoder_layers);
}

void Whisper::encoder_layer(ops::Ops& ops, const EncoderLayer& layer, EncoderWork& work, Windows windows) const {
  const int64_t positions = windows.rows();
  const Tensor hidden = work.hidden.slice(0, positions), normed = work.normed.slice(0, positions);
  const Tensor qkv = view(work.wide, positions, 3LL * config_.width),
               ffn = view(work.wide, positions, config_.encoder_ffn);
  const ops::Run run(ops, "encoder layer");
  ops.norm_linear(*layer.attention_norm, *layer.qkv, hidden, normed, Activation::none, qkv);
  ops.attention(qkv, normed, windows.count, config_.encoder_heads);
  ops.linear(*layer.out, normed, Activation::none, &hidden, hidden);
  ops.norm_linear(*layer.ffn_norm, *layer.fc1, hidden, normed, Activation::gelu, ffn);
  ops.linear(*layer.fc2, ffn, Activation::none, &hidden, hidden);
}

bool Whisper::project_cross_kv(ops::Ops& ops, EncoderWork& work, int32_t positions, ops::CrossKv& cache,
                               std::span<const int32_t> slots, const KeepGoing& keep_going) const {
  const int64_t rows = Windows{static_cast<int32_t>(slots.size()), positions}.rows();
  const Tensor normed = work.normed.slice(0, rows), kv = view(work.wide, rows, 2LL * config_.width);
  for (int32_t i = 0; i < config_.decoder_layers; ++i) {
    if (keep_going && !keep_going(i)) return false;
    const ops::Run run(ops, "cross-KV");
    ops.project_cross_kv(*decoder_[static_cast<size_t>(i)].cross_kv, normed, cache, i, kv, slots);
  }
  return true;
}

void Whisper::decode(ops::Ops& ops, DecoderWork& work, int32_t count, const ops::StepState& state, Caches caches,
                     const std::function<void(int32_t)>& after_layer) const {
  const Tensor positions{decoder_positions_->data(), DType::f32, config_.n_text_ctx, config_.width};
  ops.embed(*embedding_, positions, state, work.tokens, count, work.hidden.slice(0, count));
  for (int32_t i = 0; i < config_.decoder_layers; ++i) {
    decoder_layer(ops, decoder_[static_cast<size_t>(i)], i, work, count, state, caches);
    if (after_layer) after_layer(i);
  }
  ops.norm(*decoder_norm_, work.hidden.slice(0, count), work.normed.slice(0, count));
}

void Whisper::decoder_layer(ops::Ops& ops, const DecoderLayer& layer, int32_t index, DecoderWork& work, int32_t count,
                            const ops::StepState& state, Caches caches, AlignWork* align) const {
  const Tensor hidden = work.hidden.slice(0, count), normed = work.normed.slice(0, count);
  const Tensor qkv = view(work.wide, count, 3LL * config_.width), q = view(work.wide, count, config_.width);
  const Tensor ffn = view(work.wide, count, config_.decoder_ffn);
  ops.norm_linear(*layer.self_norm, *layer.qkv, hidden, normed, Activation::none, qkv);
  ops.self_attention(caches.self, index, qkv, state, work.tokens, count, normed);
  ops.linear(*layer.self_out, normed, Activation::none, &hidden, hidden);
  ops.norm_linear(*layer.cross_norm, *layer.cross_q, hidden, normed, Activation::none, q);
  ops.cross_attention(caches.cross, index, q, state, work.tokens, count, normed);
  const std::vector<int32_t>& heads = alignment_heads_[static_cast<size_t>(index)];
  if (align != nullptr && !heads.empty()) {
    const Tensor scores = align->scores.slice(0, static_cast<int64_t>(heads.size()) * count);
    ops.alignment_scores(caches.cross, index, heads, q, state, work.tokens, count, scores);
  }
  ops.linear(*layer.cross_out, normed, Activation::none, &hidden, hidden);
  ops.norm_linear(*layer.ffn_norm, *layer.fc1, hidden, normed, Activation::gelu, ffn);
  ops.linear(*layer.fc2, ffn, Activation::none, &hidden, hidden);
}

void Whisper::logits(ops::Ops& ops, DecoderWork& work, int32_t count) const {
  const Tensor picked = work.picked.slice(0, count);
  ops.gather(work.normed, work.picks, count, picked);
  ops.linear(*embedding_, picked, Activation::none, nullptr, work.logits.slice(0, count));
}

void Whisper::align(ops::Ops& ops, DecoderWork& work, AlignWork& align, int32_t count, const ops::StepState& state,
                    Caches caches, const Scored& scored) const {
  const Tensor positions{decoder_positions_->data(), DType::f32, config_.n_text_ctx, config_.width};
  {
    const ops::Run run(ops, "align embed");
    ops.embed(*embedding_, positions, state, work.tokens, count, work.hidden.slice(0, count));
  }
  for (int32_t i = 0; i < config_.decoder_layers; ++i) {
    const auto index = static_cast<size_t>(i);
    {
      const ops::Run run(ops, "align layer");
      decoder_layer(ops, decoder_[index], i, work, count, state, caches, &align);
    }
    if (!alignment_heads_[index].empty()) scored(alignment_heads_[index]);
  }
  const ops::Run run(ops, "align norm");
  ops.norm(*decoder_norm_, work.hidden.slice(0, count), work.normed.slice(0, count));
}

void Whisper::probabilities(ops::Ops& ops, DecoderWork& work, AlignWork& align, int32_t count, int32_t limit) const {
  logits(ops, work, count);
  ops.token_probabilities(work.logits.slice(0, count), limit, align.targets, count, align.probabilities);
}

}  // namespace wtrt::models
