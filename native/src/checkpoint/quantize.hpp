// Writes our own checkpoint form: an ordinary directory whose linear weights are stored quantized.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

namespace wtrt::checkpoint {

// Reads the checkpoint at `model`, writes `output` (created; must not exist or be empty): config.json with a
// `quantization` section, generation and preprocessor configs, tokenizer files, model.safetensors with the linear
// weights (all projections, fc1, fc2, embed_tokens) as I8 beside F32 scales per output channel; everything else byte
// for byte as it was stored, so that the numbers equal those of quantizing on load. The same input gives the same
// bytes. `weights` is "int8". Writes to a temporary sibling first and renames: never a half directory. `progress` gets
// 0..1. Throws invalid_argument, io, and what Checkpoint::open throws.
void quantize(const std::filesystem::path& model, const std::filesystem::path& output, std::string_view weights,
              const std::function<void(double)>& progress);

}  // namespace wtrt::checkpoint
