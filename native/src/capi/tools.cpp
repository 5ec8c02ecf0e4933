// Version, log, quantize, doctor, normalisers.
#include <cstdlib>

#include "audio/pcm_source.hpp"
#include "backends/cpu/cpu_backend.hpp"
#include "backends/module.hpp"
#include "capi/boundary.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/quantize.hpp"
#include "common/log.hpp"
#include "nlohmann/json.hpp"
#include "text/normalizer.hpp"

using namespace wtrt;
using namespace wtrt::capi;

#if defined(__clang__)
#define WTRT_COMPILER "clang " __clang_version__
#else
#define WTRT_COMPILER "gcc " __VERSION__
#endif

namespace {

nlohmann::ordered_json describe_cuda() {
  const backends::Module& module = backends::cuda_module();
  nlohmann::ordered_json found{{"found", false}};
  std::string reason = module.reason;
  if (module.backend != nullptr) {
    found["module"] = module.path;
    for (const ops::DeviceInfo& device : module.backend->devices(reason)) {
      nlohmann::ordered_json gpu{{"index", device.index},
                                 {"name", device.name},
                                 {"architecture", device.architecture},
                                 {"memory_bytes", device.memory_bytes},
                                 {"free_bytes", device.free_bytes}};
      if (!device.refusal.empty()) gpu["reason"] = device.refusal;
      if (device.refusal.empty()) found["found"] = true;
      found["devices"].push_back(std::move(gpu));
    }
  }
  if (!reason.empty()) found["reason"] = reason;
  return found;
}

}  // namespace

extern "C" {

uint32_t wtrt_abi_version(void) { return WTRT_ABI_MAJOR * 65536u + WTRT_ABI_MINOR; }

const char* wtrt_build_info(void) {
  return "{\"version\": \"" WTRT_VERSION "\", \"compiler\": \"" WTRT_COMPILER "\", \"onednn\": " WTRT_HAS_ONEDNN
         ", \"libsndfile\": " WTRT_HAS_SNDFILE ", \"soxr\": " WTRT_HAS_SOXR ", \"cuda\": " WTRT_HAS_CUDA "}";
}

wtrt_error* wtrt_set_log_sink(wtrt_log_sink sink, void* context, int32_t level) {
  return guard([&] {
    in_range("level", level, WTRT_LOG_DEBUG, WTRT_LOG_ERROR);
    LogSink call;
    if (sink != nullptr) {
      call = [sink, context](LogLevel at, std::string_view line) {
        const std::string text(line);  // zero-terminated for C
        sink(context, static_cast<int32_t>(at), text.c_str(), static_cast<int64_t>(text.size()));
      };
    }
    set_log_sink(std::move(call), static_cast<LogLevel>(level));
  });
}

wtrt_error* wtrt_quantize(const char* model, int64_t model_size, const char* output, int64_t output_size,
                          int32_t weights) {
  return guard([&] {
    const std::string_view from = text_argument(model, model_size, "model"),
                           to = text_argument(output, output_size, "output");
    if (from.empty() || to.empty()) refuse("model and output must not be empty");
    if (weights != WTRT_COMPUTE_INT8)
      refuse("weights: " + std::to_string(weights) + " cannot be written; use WTRT_COMPUTE_INT8");
    checkpoint::quantize(checkpoint::find_model(from), to, "int8", {});
  });
}

wtrt_error* wtrt_doctor(wtrt_text** report) {
  return guard([&] {
    required(report, "report");
    nlohmann::ordered_json found;
    found["library"] = nlohmann::ordered_json::parse(wtrt_build_info());
    found["cpu"] = nlohmann::ordered_json::parse(cpu::describe_cpu());
    found["audio"] = nlohmann::ordered_json::parse(audio::describe_audio_support());
    found["cuda"] = describe_cuda();
    const char* models = std::getenv("WHISPERTRT_MODELS");
    found["models"] = {
        {"WHISPERTRT_MODELS", models != nullptr ? nlohmann::ordered_json(models) : nlohmann::ordered_json()}};
    *report = new wtrt_text{found.dump(2)};
  });
}

wtrt_error* wtrt_normalize(int32_t normalizer, const char* text, int64_t size, wtrt_text** normalized) {
  return guard([&] {
    required(normalized, "normalized");
    in_range("normalizer", normalizer, WTRT_NORMALIZER_ENGLISH, WTRT_NORMALIZER_BASIC);
    const std::string_view from = text_argument(text, size, "text");
    *normalized = new wtrt_text{normalizer == WTRT_NORMALIZER_ENGLISH ? text::normalize_english(from)
                                                                      : text::normalize_basic(from)};
  });
}

}  // extern "C"
