// Whisper's graph, written once over the ops. Weights are immutable and shared; activations belong to the caller.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "ops/ops.hpp"

namespace wtrt::models {

// Windows that are encoded together: `count` of them, each over `positions` of the encoder, two mel frames apiece. Fewer
// than the model has make a short window: its positional table is cut.
struct Windows {
  int32_t count, positions;
  int64_t rows() const { return static_cast<int64_t>(count) * positions; }
};

// Activations of the encoder and the cross-KV phase for up to `batch` windows of full length. The mel is f32, the rest of
// the device's type of activations.
struct EncoderWork {
  EncoderWork(ops::Ops& ops, const checkpoint::WhisperConfig& config, int32_t batch);
  static int64_t bytes(const checkpoint::WhisperConfig& config, int32_t batch, DType type);  // type: of activations

  std::unique_ptr<ops::Buffer> memory;
  ops::Tensor mel;     // [batch * mels, 3000]: input; short windows stand in it as [count * mels, 2 * positions]
  ops::Tensor wide;    // [batch * 1500, 4 * width or more]: convolution, qkv, feed-forward, cross-KV
  ops::Tensor hidden;  // [batch * 1500, width]: the residual stream
  ops::Tensor normed;  // [batch * 1500, width]: after encode(): the encoder's output
};

// Activations of the decoder for up to `tokens` tokens and `rows` rows of logits, which are f32.
struct DecoderWork {
  DecoderWork(ops::Ops& ops, const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows);
  static int64_t bytes(const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows, DType type);

  std::unique_ptr<ops::Buffer> memory;
  ops::TokenSlot* tokens;      // device memory [tokens]
  int32_t* picks;              // device memory [rows]: which tokens' logits are wanted
  int32_t* rows;               // device memory [rows]: whose they are
  ops::BeamLines* searches;    // device memory [rows]
  ops::Tensor hidden, normed;  // [tokens, width]
  ops::Tensor wide;            // [tokens, 4 * width]
  ops::Tensor picked;          // [rows, width]
  ops::Tensor logits;          // [rows, vocabulary]
};

// What aligning takes beside DecoderWork.
struct AlignWork {
  AlignWork(ops::Ops& ops, const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows);
  static int64_t bytes(const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows);

  std::unique_ptr<ops::Buffer> memory;
  ops::Tensor scores;    // [most alignment heads of a layer * tokens, positions]
  int32_t* targets;      // device memory [rows]: tokens whose probabilities are wanted
  float* probabilities;  // device memory [rows]
};

// The decoder's heads that follow the sound, for each layer: the checkpoint's list, or else all heads of the upper half
// of the layers.
std::vector<std::vector<int32_t>> alignment_heads(const checkpoint::WhisperConfig& config);

class Whisper {
 public:
  // Packs every weight for the device. Throws invalid_checkpoint, out_of_memory.
  Whisper(ops::Ops& ops, const checkpoint::Checkpoint& checkpoint);

  const checkpoint::WhisperConfig& config() const { return config_; }
  int64_t weight_bytes() const;
  ops::AttentionShape decoder_attention() const;

  // Asked between layers (with the number of layers done); false ends the act early.
  using KeepGoing = std::function<bool(int32_t layers_done)>;

  // work.mel → work.normed [windows.rows(), width]. False if it was ended early.
  bool encode(ops::Ops& ops, EncoderWork& work, Windows windows, const KeepGoing& keep_going) const;
  // work.normed of windows of `positions` → slot slots[b] of the cache, all decoder layers.
  bool project_cross_kv(ops::Ops& ops, EncoderWork& work, int32_t positions, ops::CrossKv& cache,
                        std::span<const int32_t> slots, const KeepGoing& keep_going) const;

  struct Caches {
    ops::PagedKv& self;
    const ops::CrossKv& cross;
  };
  // Runs work.tokens [count] through the decoder → work.normed [count, width]. Inside one run of ops.
  void decode(ops::Ops& ops, DecoderWork& work, int32_t count, const ops::StepState& state, Caches caches,
              const std::function<void(int32_t)>& after_layer = {}) const;
  // work.normed rows work.picks [count] → work.logits [count, vocabulary]. Inside the same run.
  void logits(ops::Ops& ops, DecoderWork& work, int32_t count) const;

  // decode() that stops after each layer with alignment heads, outside any run: `scored` may read its scores,
  // [heads * count, positions] of align.scores.
  using Scored = std::function<void(std::span<const int32_t> heads)>;
  void align(ops::Ops& ops, DecoderWork& work, AlignWork& align, int32_t count, const ops::StepState& state,
             Caches caches, const Scored& scored) const;
  // Of align.targets [count] among the tokens below `limit`, after work.normed rows work.picks [count] →
  // align.probabilities. Inside one run.
  void probabilities(ops::Ops& ops, DecoderWork& work, AlignWork& align, int32_t count, int32_t limit) const;

 private:
  struct EncoderLayer {
    std::unique_ptr<ops::LayerNorm> attention_norm, ffn_norm;
    std::unique_ptr<ops::Linear> qkv, out, fc1, fc2;
  };
  struct DecoderLayer {
    std::unique_ptr<ops::LayerNorm> self_norm, cross_norm, ffn_norm;
    std::unique_ptr<ops::Linear> qkv, self_out, cross_q, cross_kv, cross_out, fc1, fc2;
  };
  void encoder_layer(ops::Ops& ops, const EncoderLayer& layer, EncoderWork& work, Windows windows) const;
  // Writes the scores of alignment heads too where `align` is given.
  void decoder_layer(ops::Ops& ops, const DecoderLayer& layer, int32_t index, DecoderWork& work, int32_t count,
                     const ops::StepState& state, Caches caches, AlignWork* align = nullptr) const;

  checkpoint::WhisperConfig config_;
  std::unique_ptr<ops::Conv1d> conv1_, conv2_;
  std::unique_ptr<ops::Buffer> encoder_positions_, decoder_positions_;
  std::unique_ptr<ops::LayerNorm> encoder_norm_, decoder_norm_;
  std::unique_ptr<ops::Linear> embedding_;  // the logits matrix is the token embedding
  std::vector<EncoderLayer> encoder_;
  std::vector<DecoderLayer> decoder_;
  std::vector<std::vector<int32_t>> alignment_heads_;  // of each layer
};

}  // namespace wtrt::models
