// What an engine takes, worked out before anything is allocated.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "models/whisper.hpp"

namespace wtrt::runtime {

struct EngineOptions {
  int32_t max_batch = 16;
  int32_t max_queued_jobs = 1024;
  int64_t memory_limit = -1;  // bytes beside the weights; -1: none
  // Of a GPU's free memory, what KV caches may take; and of that, what the cross-attention's may (NaN: as they need).
  double kv_fraction = 0.9, cross_kv_fraction = std::numeric_limits<double>::quiet_NaN();
};

struct MemoryPlan {
  int32_t max_batch = 0;       // rows and windows in flight
  int32_t encoder_batch = 0;   // windows per encoder pass
  int32_t prefill_tokens = 0;  // tokens per prefill or align pass
  int32_t logit_rows = 0;      // tokens whose logits are made at a time
  int32_t pages = 0;
  int64_t weights = 0, self_kv = 0, cross_kv = 0, workspace = 0;  // bytes

  int64_t beside_weights() const { return self_kv + cross_kv + workspace; }
};

// Most bytes that parts of a plan may take; -1: no matter.
struct MemoryCaps {
  int64_t beside_weights = -1, kv = -1, self_kv = -1, cross_kv = -1;

  // The name of the first cap that the plan breaks with what it has to break; empty: it keeps all.
  std::string broken_by(const MemoryPlan& plan) const;
};

// `available`: bytes that the device has left; -1: not known.
MemoryCaps memory_caps(const EngineOptions& options, int64_t available);

// Lowers max_batch until the plan keeps all caps. Throws out_of_memory if one row does not, invalid_argument on options
// out of range.
MemoryPlan plan_memory(const models::Whisper& model, const ops::Ops& ops, const EngineOptions& options);

}  // namespace wtrt::runtime
