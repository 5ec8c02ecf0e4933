// A model ready for use: its weights on one device, its tokenizer, and what was chosen for it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "backends/cpu/cpu_backend.hpp"
#include "models/whisper.hpp"
#include "text/tokenizer.hpp"

namespace wtrt::runtime {

class Model {
 public:
  // `name_or_path` as checkpoint::find_model takes it.
  static std::shared_ptr<const Model> load(std::string_view name_or_path, const cpu::CpuOptions& options);

  const models::Whisper& whisper() const { return *whisper_; }
  const checkpoint::WhisperConfig& config() const { return whisper_->config(); }
  const std::shared_ptr<const text::Tokenizer>& tokenizer() const { return tokenizer_; }
  const cpu::CpuSetup& setup() const { return setup_; }
  int64_t parameters() const { return parameters_; }
  double load_seconds() const { return load_seconds_; }

  // A stream of ops of the model's device; each engine and session has its own.
  std::unique_ptr<ops::Ops> make_ops() const { return cpu::make_cpu_ops(setup_); }

 private:
  Model() = default;
  cpu::CpuSetup setup_{};
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::unique_ptr<models::Whisper> whisper_;
  int64_t parameters_ = 0;
  double load_seconds_ = 0;
};

}  // namespace wtrt::runtime
