// Which tokens a block of the decoder's attention works for.
#pragma once

#include <cstdint>

#include "ops/step_state.hpp"

namespace wtrt::kernels {

struct Tokens {
  ops::StepState state;
  const ops::TokenSlot* slots;
  int32_t count;

  __device__ bool live(int i) const {
    const ops::TokenSlot slot = slots[i];
    return slot.row >= 0 && (slot.position >= 0 || state.rows[slot.row].finished == 0);
  }
  __device__ int position(int i) const {
    const ops::TokenSlot slot = slots[i];
    return slot.position >= 0 ? slot.position : state.rows[slot.row].length;
  }
};

constexpr int kNobody = -1;
constexpr int kMostTogether = 16;  // tokens of one block: the rows of mma.m16n8k16

// Neighbouring tokens that attend to the same keys: `first` … of a run of them that began at `run`. count 0: nothing to do for this block.
struct TokenGroup {
  int run, first, count;
};

// The group that begins at token i, if one does: runs of equal keys are cut every kMostTogether tokens. key(j): kNobody or what token j
// attends to. Called by whole warps.
template <typename Key>
__device__ TokenGroup group_at(int i, int count, const Key& key) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const auto key_of = [&](int j) { return j >= 0 && j < count ? key(j) : kNobody; };
  const auto leading = [](bool same) {  // lanes in order that agree
    const unsigned others = ~__ballot_sync(~0u, same);
    return others == 0 ? 32 : __ffs(static_cast<int>(others)) - 1;
  };
  const int ahead = key_of(i + lane);
  int before = key_of(i - 1 - lane);
  const int mine = __shfl_sync(~0u, ahead, 0);
  if (mine == kNobody) return {i, i, 0};
  int run = i;
  for (;;) {
    const int back = leading(before == mine);
    run -= back;
    if (back < 32) break;
    before = key_of(run - 1 - lane);
  }
  const int together = leading(ahead == mine && lane < kMostTogether);
  return {run, i, (i - run) % kMostTogether == 0 ? together : 0};
}

}  // namespace wtrt::kernels
