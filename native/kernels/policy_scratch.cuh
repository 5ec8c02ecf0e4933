// What the policy's kernels leave for each other in PolicyArgs::workspace: one LineScratch for each line of logits.
#pragma once

#include "ops/peak.hpp"
#include "policy.hpp"

namespace wtrt::kernels {

constexpr int32_t kPolicyThreads = 256;
constexpr int32_t kTextParts = 16;                     // of a line's text, for its largest logit
constexpr int32_t kMostTops = ops::kMaxBeams + 1;      // candidates of a line
constexpr int32_t kMostForks = ops::kMaxBeams - 1;     // rows of a search that take over another's past

struct Draw {
  double value;
  int64_t index;  // -1: none
};

struct TopEntry {
  float logit;
  int32_t token;  // -1: none
};

struct LineScratch {
  uint32_t arrivals;  // blocks that have left their part; 0 between calls
  float texts[kTextParts];
  ops::Peak times;
  ops::Peak peaks[ops::kChunks];
  Draw draws[ops::kChunks];
  TopEntry tops[ops::kChunks][kMostTops];
  // Of the search whose first line this is: the pages in use to copy, and how many positions they hold.
  int32_t forks, fork_positions;
  ops::PageCopy copies[kMostForks];
};

inline LineScratch* scratch_of(const PolicyArgs& args) { return static_cast<LineScratch*>(args.workspace); }

}  // namespace wtrt::kernels
