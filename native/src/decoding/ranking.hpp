// Which of a window's hypotheses is kept, once its rows have finished (openai/whisper's finalize and rank).
#pragma once

#include <cstdint>
#include <span>

#include "ops/step_state.hpp"

namespace wtrt::decoding {

struct Choice {
  int32_t row;     // index into the rows; -1: the search's best hypothesis that ended
  int32_t length;  // tokens, the end token not counted
  double sum_logprob;
};

// Of rows that were sampled independently; the first of equals.
Choice best_draw(std::span<const ops::RowState> rows, int32_t eot, double length_penalty);

// Of a search's ended hypotheses, and of its rows where fewer have ended than there are beams.
Choice best_of_search(const ops::BeamState& search, std::span<const ops::RowState> rows);

}  // namespace wtrt::decoding
