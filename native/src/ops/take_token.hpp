// A row takes its next token; the same on host and device.
#pragma once

#include <cstdint>

#include "ops/host_device.hpp"
#include "ops/step_state.hpp"

namespace wtrt::ops {

// `row`: what the row holds until now; eot: its policy's.
WTRT_HOST_DEVICE inline void take_token(const StepState& state, int32_t row_index, RowState row, int32_t eot,
                                        int32_t token, double logprob, int32_t advance) {
  if (row.sampled < state.history_capacity) {
    state.history[static_cast<int64_t>(row_index) * state.history_capacity + row.sampled] = token;
  }
  row.token = token;
  row.length += advance;
  row.sum_logprob += logprob;
  row.sampled += 1;
  if (row.sampled >= row.max_sampled || row.sampled >= state.history_capacity || token == eot) row.finished = 1;
  state.rows[row_index] = row;
}

}  // namespace wtrt::ops
