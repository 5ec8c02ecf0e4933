// Which tokens a block of the decoder's attention works for.
#pragma once

#include <cstdint>

#include "ops/step_state.hpp"

namespace wtrt::kernels {

// A token where it runs. row -1: nobody's, or of a row that has finished.
struct LiveToken {
  int row, position, cross_slot;
  bool step;  // not of a prompt
};

struct Tokens {
  ops::StepState state;
  const ops::TokenSlot* slots;
  int32_t count;

  // Of any i. All loads of a row at once: their latency is on the way to every key.
  __device__ LiveToken at(int i) const {
    const ops::TokenSlot slot = slots[min(max(i, 0), count - 1)];
    const ops::RowState& row = state.rows[max(slot.row, 0)];
    const int length = row.length, finished = row.finished, cross_slot = row.cross_slot;
    const bool step = slot.position < 0, live = i >= 0 && i < count && slot.row >= 0 && !(step && finished != 0);
    return {live ? slot.row : -1, step ? length : slot.position, cross_slot, step};
  }
};

constexpr int kNobody = -1;
constexpr int kMostTogether = 16;  // tokens of one block: the rows of mma.m16n8k16

// Neighbouring tokens that attend to the same keys: `first` … of a run of them that began at `run`. count 0: nothing to
// do for this block.
struct TokenGroup {
  int run, first, count;
  LiveToken token;  // the first one
};

// The group that begins at token i, if one does: runs of equal keys are cut every kMostTogether tokens. key(j, token):
// what a live token attends to, not negative. Called by whole warps.
template <typename Key>
__device__ TokenGroup group_at(const Tokens& tokens, int i, const Key& key) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const auto leading = [](bool same) {  // lanes in order that agree
    const unsigned others = ~__ballot_sync(~0u, same);
    return others == 0 ? 32 : __ffs(static_cast<int>(others)) - 1;
  };
  const LiveToken own = tokens.at(i), ahead = tokens.at(i + lane);
  LiveToken before = tokens.at(i - 1 - lane);
  const auto key_of = [&](int j, const LiveToken& token) { return token.row < 0 ? kNobody : key(j, token); };
  const int mine = key_of(i, own);
  if (mine == kNobody) return {i, i, 0, own};
  int run = i;
  for (;;) {
    const int back = leading(key_of(run - 1 - lane, before) == mine);
    run -= back;
    if (back < 32) break;
    before = tokens.at(run - 1 - lane);
  }
  const int together = leading(key_of(i + lane, ahead) == mine && lane < kMostTogether);
  return {run, i, (i - run) % kMostTogether == 0 ? together : 0, own};
}

}  // namespace wtrt::kernels
