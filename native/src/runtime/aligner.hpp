// The align act: forces texts through the decoder and reads what word times are made from.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/whisper.hpp"
#include "whisper/alignment.hpp"

namespace wtrt::runtime {

class Aligner {
 public:
  // For up to `tokens` tokens at a time; `rows`: those whose logits the decoder's workspace holds.
  Aligner(const models::Whisper& model, ops::Ops& ops, int32_t tokens, int32_t rows);
  static int64_t bytes(const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows);
  int64_t bytes() const { return work_.memory->bytes(); }

  struct Text {
    int32_t row;  // has its window's cross-KV slot, and pages for all tokens
    std::span<const int32_t> tokens;
  };
  // All texts in one pass; `first_special`: the end token, below which tokens are text. Waits for the results.
  std::vector<whisper::AlignmentScores> run(models::DecoderWork& decoder, const ops::StepState& state,
                                            models::Whisper::Caches caches, std::span<const Text> texts,
                                            int32_t first_special);

 private:
  void read_probabilities(models::DecoderWork& decoder, std::span<const Text> texts, int32_t first_special,
                          std::vector<whisper::AlignmentScores>& results);

  const models::Whisper& model_;
  ops::Ops& ops_;
  models::AlignWork work_;
  int32_t heads_ = 0;
};

}  // namespace wtrt::runtime
