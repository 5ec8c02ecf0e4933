// Which tensors a Whisper of a given config has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"

namespace wtrt::checkpoint {

struct RequiredTensor {
  std::string name;  // without the "model." prefix
  std::vector<int64_t> shape;
  bool linear;  // a weight [N, K] of a matrix product (or the token embedding): what quantize() makes int8
};

inline constexpr std::string_view kEmbedTokens = "decoder.embed_tokens.weight";
inline constexpr std::string_view kProjOut = "proj_out.weight";
inline constexpr std::string_view kScaleSuffix = "_scale";

// All but proj_out.weight, which may be tied to the token embedding.
std::vector<RequiredTensor> required_tensors(const WhisperConfig& config);

}  // namespace wtrt::checkpoint
