// A checkpoint as the models see it: a neutral config and named tensors, whatever the files were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/dtype.hpp"
#include "common/mapped_file.hpp"

namespace wtrt {
class ThreadPool;
}

namespace wtrt::checkpoint {

// One stored tensor; data lives in the memory-mapped file (or, where the file has it misaligned, in a copy), aligned to
// its element type. Row-major.
struct TensorView {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;

  int64_t elements() const {
    int64_t n = 1;
    for (const int64_t extent : shape) n *= extent;
    return n;
  }
};

// config.json + generation_config.json + preprocessor_config.json of a Whisper model. Absent lists are empty.
struct WhisperConfig {
  int n_mels = 0;                       // 80 or 128
  int n_audio_ctx = 0, n_text_ctx = 0;  // 1500, 448
  int width = 0;                        // d_model
  int encoder_layers = 0, encoder_heads = 0, encoder_ffn = 0;
  int decoder_layers = 0, decoder_heads = 0, decoder_ffn = 0;
  int vocab_size = 0;
  bool multilingual = false;                         // vocab_size ≥ 51865
  std::vector<int32_t> suppress_tokens;              // generation_config; informative
  std::vector<std::pair<int, int>> alignment_heads;  // (layer, head) of the decoder
};

// The `quantization` section of our own form; none for ordinary checkpoints.
struct Quantization {
  std::string weights;  // "int8": linear weights stored as I8 [N, K] beside "<name>_scale" F32 [N]
};

class Checkpoint {
 public:
  // Opens a Hugging Face directory (or our quantized form of one). Every header, offset, name, shape and dtype is
  // checked before use. Throws not_found, io, invalid_checkpoint (names file and field) or unsupported (another model
  // family).
  static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const { return directory_; }
  const WhisperConfig& whisper() const { return whisper_; }
  const std::optional<Quantization>& quantization() const { return quantization_; }

  // Names as Hugging Face has them without the "model." prefix: "encoder.layers.0.self_attn.q_proj.weight", ….
  // "proj_out.weight" (and its scale) is always there: the same view as "decoder.embed_tokens.weight" where the file
  // ties them. tensor() throws invalid_checkpoint when the name is missing or `shape` differs from what is stored.
  const TensorView& tensor(std::string_view name, std::span<const int64_t> shape) const;
  const TensorView* find(std::string_view name) const;  // nullptr if absent
  int64_t stored_bytes() const;                         // of all tensors, tied ones once
  int64_t elements() const;                             // of all tensors, tied ones once
  const std::unordered_map<std::string, TensorView>& tensors() const { return tensors_; }

 private:
  friend struct Loader;  // the reader of Hugging Face directories fills these
  friend struct RandomWeights;
  std::filesystem::path directory_;
  WhisperConfig whisper_;
  std::optional<Quantization> quantization_;
  std::vector<std::shared_ptr<const MappedFile>> files_;  // what the views point into
  std::vector<std::vector<std::max_align_t>> copies_;     // of tensors that a file holds misaligned
  std::unordered_map<std::string, TensorView> tensors_;
};

// Throws invalid_checkpoint, naming the tensor and the place, where a float is NaN or infinite or an int8 weight is
// -128 (which the symmetric form never holds). Reads all of the tensor: to be called where it is read anyway. `pool`
// helps with large ones.
void check_finite(const TensorView& tensor, std::string_view name, ThreadPool* pool = nullptr);

// Elements [first, first + out.size()) of an f32, f16 or bf16 tensor as f32, exact. Throws invalid_argument for other
// types or past the end.
void read_f32(const TensorView& tensor, int64_t first, std::span<float> out);

// "whisper-tiny.en", "tiny.en", "openai/whisper-tiny.en" or a directory → the directory that holds the checkpoint.
// Looks in the path itself, $WHISPERTRT_MODELS, the Hugging Face cache ($HF_HUB_CACHE, $HF_HOME/hub,
// ~/.cache/huggingface/hub). Throws not_found with every place that was tried and the command that would get the model.
std::filesystem::path find_model(std::string_view name_or_path);

// Random float16 weights of "tiny" … "large-v2", "turbo", for measuring: without files and without a tokenizer.
std::shared_ptr<const Checkpoint> random_checkpoint(std::string_view size);

}  // namespace wtrt::checkpoint
