// A model ready for use: its weights on one device, its tokenizer, and what was chosen for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "models/whisper.hpp"
#include "runtime/device.hpp"
#include "text/tokenizer.hpp"

namespace wtrt::runtime {

class Model {
 public:
  // `name_or_path` as checkpoint::find_model takes it, or "random:large-v2": random weights of that size, to measure with.
  static std::shared_ptr<const Model> load(std::string_view name_or_path, const DeviceOptions& options);

  const models::Whisper& whisper() const { return *whisper_; }
  const checkpoint::WhisperConfig& config() const { return whisper_->config(); }
  // Throws unsupported where the weights are random.
  const std::shared_ptr<const text::Tokenizer>& tokenizer() const;
  bool has_words() const { return tokenizer_ != nullptr; }
  const ChosenDevice& device() const { return device_; }
  // What log-mels are made with, by all jobs.
  const std::shared_ptr<const audio::MelFrames>& mel_frames() const { return mel_frames_; }
  int64_t parameters() const { return parameters_; }
  double load_seconds() const { return load_seconds_; }

  // A stream of ops of the model's device; each engine and session has its own.
  std::unique_ptr<ops::Ops> make_ops() const { return device_.make_ops(); }

 private:
  explicit Model(const DeviceOptions& options) : device_(ChosenDevice::choose(options)) {}
  static std::shared_ptr<const Model> load_random(std::string_view size, const DeviceOptions& options);
  void place(const checkpoint::Checkpoint& checkpoint, std::chrono::steady_clock::time_point begin);

  static constexpr std::string_view kRandom = "random:";
  ChosenDevice device_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::unique_ptr<models::Whisper> whisper_;
  std::shared_ptr<const audio::MelFrames> mel_frames_;
  int64_t parameters_ = 0;
  double load_seconds_ = 0;
};

}  // namespace wtrt::runtime
