// Where the arrays of the step state lie in their one block of device memory.
#pragma once

#include <cstdint>

#include "checkpoint/checkpoint.hpp"
#include "ops/step_state.hpp"

namespace wtrt::runtime {

constexpr int32_t kPageTokens = 32;  // positions per page of the self-attention KV cache

struct StateLayout {
  StateLayout(int32_t rows, const checkpoint::WhisperConfig& config)
      : pages_per_row((config.n_text_ctx + kPageTokens - 1) / kPageTokens),
        history_capacity(config.n_text_ctx),
        suppress_words((config.vocab_size + 31) / 32) {
    policies = aligned(rows * static_cast<int64_t>(sizeof(ops::RowState)));
    history = policies + aligned(rows * static_cast<int64_t>(sizeof(ops::TokenPolicy)));
    pages = history + aligned(rows * static_cast<int64_t>(history_capacity) * 4);
    masks = pages + aligned(rows * static_cast<int64_t>(pages_per_row) * 4);
    beams = masks + aligned(rows * static_cast<int64_t>(suppress_words) * 4);
    best_history = beams + aligned(rows * static_cast<int64_t>(sizeof(ops::BeamState)));
    bytes = best_history + aligned(rows * static_cast<int64_t>(history_capacity) * 4);
  }

  int32_t pages_per_row, history_capacity, suppress_words;
  int64_t policies, history, pages, masks, beams, best_history;  // byte offsets; the rows come first
  int64_t bytes;

 private:
  static constexpr int64_t aligned(int64_t size) { return (size + 63) / 64 * 64; }
};

}  // namespace wtrt::runtime
