#include "runtime/memory_plan.hpp"

#include <algorithm>
#include <cmath>
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
  plan.workspace = models::EncoderWork::bytes(config, plan.encoder_batch, ops.activation_type()) +
                   models::DecoderWork::bytes(config, plan.prefill_tokens, plan.logit_rows, ops.activation_type()) +
                   Aligner::bytes(config, plan.prefill_tokens, plan.logit_rows) + state.bytes;
  return plan;
}

void check_fraction(const char* name, double value) {
  if (value > 0 && value <= 1) return;
  throw Error(ErrorCode::invalid_argument,
              std::string(name) + ": " + std::to_string(value) + " is not above 0 and at most 1");
}

}  // namespace

std::string MemoryCaps::broken_by(const MemoryPlan& plan) const {
  const auto breaks = [](int64_t bytes, int64_t cap) { return cap >= 0 && bytes > cap; };
  const auto say = [](const char* what, int64_t bytes, int64_t cap) {
    return std::string(what) + " take " + std::to_string(bytes) + " bytes and may take " + std::to_string(cap);
  };
  if (breaks(plan.beside_weights(), beside_weights))
    return say("memory_limit: what an engine needs beside the weights would", plan.beside_weights(), beside_weights);
  if (breaks(plan.self_kv + plan.cross_kv, kv))
    return say("kv_cache_free_gpu_memory_fraction: KV caches would", plan.self_kv + plan.cross_kv, kv);
  if (breaks(plan.cross_kv, cross_kv))
    return say("cross_kv_cache_fraction: the cross-attention KV cache would", plan.cross_kv, cross_kv);
  if (breaks(plan.self_kv, self_kv))
    return say("cross_kv_cache_fraction: the self-attention KV cache would", plan.self_kv, self_kv);
  return {};
}

MemoryCaps memory_caps(const EngineOptions& options, int64_t available) {
  constexpr int64_t kSpared = int64_t{256} << 20;  // for kernels' own small needs
  check_fraction("kv_cache_free_gpu_memory_fraction", options.kv_fraction);
  const bool split = !std::isnan(options.cross_kv_fraction);
  if (split) check_fraction("cross_kv_cache_fraction", options.cross_kv_fraction);
  MemoryCaps caps;
  caps.beside_weights = options.memory_limit;
  if (available < 0) return caps;
  const int64_t free = std::max<int64_t>(available - kSpared, 0);
  caps.beside_weights = options.memory_limit < 0 ? free : std::min(options.memory_limit, free);
  caps.kv = static_cast<int64_t>(options.kv_fraction * static_cast<double>(free));
  if (split) {
    caps.cross_kv = static_cast<int64_t>(options.cross_kv_fraction * static_cast<double>(caps.kv));
    caps.self_kv = caps.kv - caps.cross_kv;
  }
  return caps;
}

MemoryPlan plan_memory(const models::Whisper& model, const ops::Ops& ops, const EngineOptions& options) {
  check("max_batch", options.max_batch, 1, 256);
  check("max_queued_jobs", options.max_queued_jobs, 1, 1000000);
  const MemoryCaps caps = memory_caps(options, ops.available_bytes());
  int32_t batch = options.max_batch;
  MemoryPlan plan = plan_for(model, ops, batch);
  const std::string broken = caps.broken_by(plan);
  while (batch > 1 && !caps.broken_by(plan).empty()) plan = plan_for(model, ops, --batch);
  const std::string still = caps.broken_by(plan);
  if (!still.empty()) throw Error(ErrorCode::out_of_memory, still + ", with one row");
  if (batch < options.max_batch) {
    log(LogLevel::warning,
        "max_batch lowered from " + std::to_string(options.max_batch) + " to " + std::to_string(batch) + "; " + broken);
  }
  return plan;
}

}  // namespace wtrt::runtime
