// What an engine takes, worked out before anything is allocated.
#pragma once

#include <cstdint>

#include "models/whisper.hpp"

namespace wtrt::runtime {

struct EngineOptions {
  int32_t max_batch = 16;
  int32_t max_queued_jobs = 1024;
  int64_t memory_limit = -1;  // bytes beside the weights; -1: none
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

// Lowers max_batch until the plan fits the cap. Throws out_of_memory if one row does not, invalid_argument on options out of range.
MemoryPlan plan_memory(const models::Whisper& model, const ops::Ops& ops, const EngineOptions& options);

}  // namespace wtrt::runtime
