// The JSON files of a Whisper directory, validated into a WhisperConfig.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.hpp"

namespace wtrt::checkpoint {

// config.json. Throws invalid_checkpoint naming the field, the value and the range; unsupported for another model
// family or a variant of Whisper that is not implemented (activation, mel bins). `what` names the file.
WhisperConfig read_config(const nlohmann::json& config, const std::string& what);

// The `quantization` section of config.json, if there is one.
std::optional<Quantization> read_quantization(const nlohmann::json& config, const std::string& what);

// generation_config.json: alignment_heads and suppress_tokens, each optional. Alignment heads outside the model are
// those of another model (a distilled model keeps its teacher's list): the list is dropped, with a warning.
void read_generation_config(const nlohmann::json& generation, const std::string& what, WhisperConfig& config);

// preprocessor_config.json: its audio parameters, where given, must be those that the model takes.
void check_preprocessor_config(const nlohmann::json& preprocessor, const std::string& what,
                               const WhisperConfig& config);

}  // namespace wtrt::checkpoint
