// The device acts one by one over one window and one row, for research and parity tests.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "runtime/aligner.hpp"
#include "runtime/memory_plan.hpp"
#include "runtime/model.hpp"

namespace wtrt::runtime {

class Session {
 public:
  explicit Session(std::shared_ptr<const Model> model);

  // mel [mels, 3000] → output [audio_context, width] unless null.
  void encode(const float* mel, float* output);
  void project_cross_kv();
  // Starts the row anew. logits [tokens, vocabulary] unless null.
  void prefill(std::span<const int32_t> tokens, float* logits);
  void step(int32_t token, float* logits);
  // Ends the row and forces `tokens` on the window. scores [alignment heads, tokens, positions], probabilities
  // [tokens], unless null.
  void align(std::span<const int32_t> tokens, float* scores, float* probabilities);

  const Model& model() const { return *model_; }

 private:
  void decode(std::span<const int32_t> tokens, float* logits);
  void read_activations(const ops::Tensor& tensor, float* to);  // waits
  void check_tokens(std::span<const int32_t> tokens) const;

  std::shared_ptr<const Model> model_;
  std::unique_ptr<ops::Ops> ops_;
  models::EncoderWork encoder_;
  models::DecoderWork decoder_;
  std::unique_ptr<ops::PagedKv> self_kv_;
  std::unique_ptr<ops::CrossKv> cross_kv_;
  std::unique_ptr<ops::Buffer> row_, pages_;
  std::unique_ptr<Aligner> aligner_;  // made when it is first needed
  ops::StepState state_{};
  int32_t length_ = 0;
  bool encoded_ = false, projected_ = false;
};

}  // namespace wtrt::runtime
