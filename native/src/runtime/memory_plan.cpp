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
  plan.workspace = models::EncoderWork::bytes(config, plan.encoder_batch) +
                   models::DecoderWork::bytes(config, plan.prefill_tokens, plan.logit_rows) +
                   Aligner::bytes(config, plan.prefill_tokens, plan.logit_rows) + state.bytes;
  return plan;
}

}  // namespace

MemoryPlan plan_memory(const models::Whisper& model, const ops::Ops& ops, const EngineOptions& options) {
  check("max_batch", options.max_batch, 1, 256);
  check("max_queued_jobs", options.max_queued_jobs, 1, 1000000);
  if (options.memory_limit < 0) return plan_for(model, ops, options.max_batch);
  int32_t batch = options.max_batch;
  MemoryPlan plan = plan_for(model, ops, batch);
  while (batch > 1 && plan.beside_weights() > options.memory_limit) plan = plan_for(model, ops, --batch);
  if (plan.beside_weights() > options.memory_limit) {
    throw Error(ErrorCode::out_of_memory, "memory_limit: " + std::to_string(options.memory_limit) +
                                              " bytes do not hold one row; the least is " + std::to_string(plan.beside_weights()));
  }
  if (batch < options.max_batch) {
    log(LogLevel::warning, "max_batch lowered from " + std::to_string(options.max_batch) + " to " + std::to_string(batch) +
                               " to stay within memory_limit = " + std::to_string(options.memory_limit) + " bytes");
  }
  return plan;
}

}  // namespace wtrt::runtime
