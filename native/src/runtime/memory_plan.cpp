#include "runtime/memory_plan.hpp"

#include <algorithm>
#include <string>

#include "common/error.hpp"
#include "common/log.hpp"
#include "runtime/aligner.hpp"
#include "runtime/state_layout.hpp"

namespace wtrt::runtime {
namespace {

constexpr int32_t kLeastLogitRows = 16;  // the token probabilities of an alignment come in pieces of these

void check(const char* name, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return;
  throw Error(ErrorCode::invalid_argument, std::string(name) + ": " + std::to_string(value) + " is outside " +
                                               std::to_string(least) + ".." + std::to_string(most));
}

struct Cap {
  std::string name;
  int64_t bytes;  // -1: none
};

// What was asked for, or what the device has left without kernels' own small needs.
Cap cap_of(const ops::Ops& ops, const EngineOptions& options) {
  constexpr int64_t kSpared = int64_t{256} << 20;
  const int64_t available = ops.available_bytes();
  if (available < 0) return {"memory_limit", options.memory_limit};
  const int64_t free = std::max<int64_t>(available - kSpared, 0);
  if (options.memory_limit >= 0 && options.memory_limit <= free) return {"memory_limit", options.memory_limit};
  return {"the GPU's free memory", free};
}

MemoryPlan plan_for(const models::Whisper& model, const ops::Ops& ops, int32_t batch) {
  const checkpoint::WhisperConfig& config = model.config();
  const auto shape = model.decoder_attention();
  MemoryPlan plan;
  plan.max_batch = batch;
  plan.encoder_batch = std::min(batch, ops.encoder_batch());
  plan.prefill_tokens = std::max(config.n_text_ctx, batch);
  plan.logit_rows = std::max(batch, kLeastLogitRows);
  const StateLayout state(batch, config);
  plan.pages = batch * state.pages_per_row;
  plan.weights = model.weight_bytes();
  plan.self_kv = ops.paged_kv_bytes(shape, plan.pages, kPageTokens);
  plan.cross_kv = ops.cross_kv_bytes(shape, batch, config.n_audio_ctx);
  plan.workspace = models::EncoderWork::bytes(config, plan.encoder_batch, ops.activation_type()) +
                   models::DecoderWork::bytes(config, plan.prefill_tokens, plan.logit_rows, ops.activation_type()) +
                   Aligner::bytes(config, plan.prefill_tokens, plan.logit_rows) + state.bytes;
  return plan;
}

}  // namespace

MemoryPlan plan_memory(const models::Whisper& model, const ops::Ops& ops, const EngineOptions& options) {
  check("max_batch", options.max_batch, 1, 256);
  check("max_queued_jobs", options.max_queued_jobs, 1, 1000000);
  const Cap cap = cap_of(ops, options);
  int32_t batch = options.max_batch;
  MemoryPlan plan = plan_for(model, ops, batch);
  if (cap.bytes < 0) return plan;
  while (batch > 1 && plan.beside_weights() > cap.bytes) plan = plan_for(model, ops, --batch);
  if (plan.beside_weights() > cap.bytes) {
    throw Error(ErrorCode::out_of_memory, cap.name + ": " + std::to_string(cap.bytes) + " bytes do not hold one row; the least is " +
                                              std::to_string(plan.beside_weights()));
  }
  if (batch < options.max_batch) {
    log(LogLevel::warning, "max_batch lowered from " + std::to_string(options.max_batch) + " to " + std::to_string(batch) +
                               " to stay within " + cap.name + " = " + std::to_string(cap.bytes) + " bytes");
  }
  return plan;
}

}  // namespace wtrt::runtime
