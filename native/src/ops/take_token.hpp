// A row takes its next token; the same on host and device.
#pragma once

#include <cstdint>

#include "ops/host_device.hpp"
#include "ops/step_state.hpp"

namespace wtrt::ops {

WTRT_HOST_DEVICE inline void take_token(const StepState& state, int32_t row_index, int32_t token, double logprob,
                                        int32_t advance) {
  RowState& row = state.rows[row_index];
  if (row.sampled < state.history_capacity) {
    state.history[static_cast<int64_t>(row_index) * state.history_capacity + row.sampled] = token;
  }
  row.token = token;
  row.length += advance;
  row.sum_logprob += logprob;
  row.sampled += 1;
  const bool full = row.sampled >= row.max_sampled || row.sampled >= state.history_capacity;
  if (full || token == state.policies[row.policy].eot) row.finished = 1;
}

}  // namespace wtrt::ops
