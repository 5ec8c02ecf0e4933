// What the kernels of a beam search leave for each other in PolicyArgs::workspace: one LineScratch for each line of
// logits.
#pragma once

#include "ops/peak.hpp"
#include "policy.hpp"

namespace wtrt::kernels {

constexpr int32_t kMostTops = ops::kMaxBeams + 1;   // candidates of a line
constexpr int32_t kMostForks = ops::kMaxBeams - 1;  // rows of a search that take over another's past

struct TopEntry {
  float logit;
  int32_t token;  // -1: none
};

struct LineScratch {
  ops::Peak peaks[ops::kChunks];
  TopEntry tops[ops::kChunks][kMostTops];
  // Of the search whose first line this is: the pages in use to copy, and how many positions they hold.
  int32_t forks, fork_positions;
  ops::PageCopy copies[kMostForks];
};

}  // namespace wtrt::kernels
