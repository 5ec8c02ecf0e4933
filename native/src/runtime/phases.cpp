#include "runtime/phases.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "audio/log_mel.hpp"
#include "audio/pcm_source.hpp"
#include "runtime/executor.hpp"
#include "runtime/memory_plan.hpp"
#include "runtime/stopwatch.hpp"

namespace wtrt::runtime {
namespace {

double median(int32_t repetitions, const std::function<double()>& milliseconds) {
  std::vector<double> times;
  for (int32_t i = 0; i < repetitions; ++i) times.push_back(milliseconds());
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

constexpr int64_t kWindowSamples = 30 * audio::kSampleRate;
constexpr int64_t kWindowFrames = kWindowSamples / audio::kHopLength;

// Operations and bytes of a window and of a step; V · d of the logits counts as weights.
struct Work {
  const checkpoint::WhisperConfig& config;
  double weight_bytes, element_bytes;  // of a weight and of an element of the caches

  double encode_flops() const {
    const double n = config.n_audio_ctx, d = config.width, layers = config.encoder_layers;
    return 12 * n * d * config.n_mels + 6 * n * d * d + layers * (24 * n * d * d + 4 * n * n * d);
  }
  double mel_bytes() const { return 4.0 * static_cast<double>(kWindowSamples + kWindowFrames * config.n_mels); }
  double cross_flops() const { return 4.0 * config.n_audio_ctx * config.width * config.width * config.decoder_layers; }
  double step_bytes(int32_t rows, int32_t windows, int32_t cached) const {
    const double d = config.width, layers = config.decoder_layers;
    return weight_bytes * (14 * d * d * layers + config.vocab_size * d) +
           element_bytes * layers * (windows * 2.0 * config.n_audio_ctx * d + rows * 2.0 * cached * d);
  }
};

class Timing {
 public:
  Timing(const std::shared_ptr<const Model>& model, const PhaseQuestion& question)
      : question_(question),
        config_(model->config()),
        maker_(model->mel_frames()),
        executor_(model, plan_of(model, question)) {
    const ops::ComputeType type = model->device().compute_type();
    const double element = type == ops::ComputeType::f32 ? 4 : type == ops::ComputeType::i8 ? 1 : 2;
    work_ = std::make_unique<Work>(Work{config_, element, element});
    mel_.resize(static_cast<size_t>(config_.n_mels * kWindowFrames));
    for (size_t i = 0; i < mel_.size(); ++i) mel_[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
  }

  std::vector<Phase> all() {
    std::vector<Phase> phases{{"log-mel", 1, log_mel_time(), byte_floor(work_->mel_bytes())}};
    for (const int32_t batch : question_.batches) {
      phases.push_back({"encode and cross-KV", batch, encode_time(batch), flop_floor(batch)});
    }
    for (const int32_t batch : question_.batches) {
      phases.push_back({"decode step", batch, step_time(batch, 0), byte_floor(batch, batch)});
    }
    phases.push_back({"decode step, " + std::to_string(question_.beams) + " beams of one window", 1,
                      step_time(1, question_.beams), byte_floor(question_.beams, 1)});
    for (const int32_t batch : question_.batches) {
      const double floor = flop_floor(batch) + question_.window_tokens * byte_floor(batch, batch);
      phases.push_back({"whole windows", batch, windows_time(batch), floor});
    }
    return phases;
  }

 private:
  static MemoryPlan plan_of(const std::shared_ptr<const Model>& model, const PhaseQuestion& question) {
    EngineOptions options;
    options.max_batch = std::max(question.beams, *std::max_element(question.batches.begin(), question.batches.end()));
    return plan_memory(model->whisper(), *model->make_ops(), options);
  }

  double flop_floor(int32_t batch) const {
    if (question_.tera_flops <= 0) return 0;
    return batch * (work_->encode_flops() + work_->cross_flops()) / question_.tera_flops / 1e9;
  }
  double byte_floor(double bytes) const { return question_.tera_bytes > 0 ? bytes / question_.tera_bytes / 1e9 : 0; }
  double byte_floor(int32_t rows, int32_t windows) const {
    return byte_floor(work_->step_bytes(rows, windows, question_.cached_tokens));
  }

  // From samples to frames in memory.
  double log_mel_time() {
    std::vector<float> samples(static_cast<size_t>(kWindowSamples));
    for (size_t i = 0; i < samples.size(); ++i)
      samples[i] = static_cast<float>(std::sin(0.02 * static_cast<double>(i)));
    return median(question_.repetitions, [&] {
      const Stopwatch watch;
      audio::log_mel(samples, *maker_, 0);
      return watch.seconds() * 1e3;
    });
  }

  void encode(int32_t batch) {
    for (int32_t first = 0; first < batch; first += executor_.plan().encoder_batch) {
      std::vector<Executor::EncodeItem> items;
      for (int32_t i = first; i < std::min(batch, first + executor_.plan().encoder_batch); ++i)
        items.push_back({mel_.data(), i});
      executor_.encode(items, config_.n_audio_ctx, [] { return true; });
    }
  }

  double encode_time(int32_t batch) {
    return median(question_.repetitions, [&] {
      const Stopwatch watch;
      encode(batch);
      executor_.settle();
      return watch.seconds() * 1e3;
    });
  }

  // Groups of `beams` rows (0: greedy), one for each window, with a prompt of `tokens`.
  std::vector<int32_t> start(int32_t windows, int32_t beams, int32_t tokens) {
    static const std::vector<int32_t> none;
    std::vector<Executor::GroupStart> starts;
    std::vector<int32_t> groups;
    const int32_t rows = std::max(1, beams);
    for (int32_t w = 0; w < windows; ++w) {
      Executor::GroupStart group{.rows = {},
                                 .slot = w,
                                 .tokens = {},
                                 .sot_index = 0,
                                 .max_sampled = config_.n_text_ctx - tokens - 1,
                                 .policy = {},
                                 .suppressed = &none};
      for (int32_t r = 0; r < rows; ++r) group.rows.push_back(w * rows + r);
      for (int32_t t = 0; t < tokens; ++t) group.tokens.push_back((w * 131 + t * 17) % config_.vocab_size);
      group.policy.eot = group.policy.blank = group.policy.no_speech = -1;
      group.policy.timestamp_begin = group.policy.no_timestamps = config_.vocab_size;
      group.policy.max_initial_timestamp = -1;
      group.max_ended = beams;
      groups.push_back(group.rows.front());
      starts.push_back(std::move(group));
    }
    executor_.prefill(starts);
    return groups;
  }

  void steps(const std::vector<int32_t>& groups, int32_t count) {
    for (int32_t i = 0; i < count; ++i) {
      executor_.refresh(false);
      executor_.step(groups);
    }
    executor_.refresh(true);
  }

  double step_time(int32_t windows, int32_t beams) {
    constexpr int32_t kSteps = 20;
    encode(windows);
    return median(question_.repetitions, [&] {
      const auto groups = start(windows, beams, std::max(1, question_.cached_tokens - kSteps / 2));
      steps(groups, 3);  // the first times they are recorded
      const Stopwatch watch;
      steps(groups, kSteps);
      const double seconds = watch.seconds();
      for (const int32_t group : groups) executor_.release(group);
      return seconds * 1e3 / kSteps;
    });
  }

  double windows_time(int32_t batch) {
    return median(3, [&] {
      const Stopwatch watch;
      encode(batch);
      const auto groups = start(batch, 0, 4);
      steps(groups, question_.window_tokens);
      for (const int32_t group : groups) executor_.release(group);
      return watch.seconds() * 1e3;
    });
  }

  PhaseQuestion question_;
  const checkpoint::WhisperConfig& config_;
  std::shared_ptr<const audio::MelFrames> maker_;
  Executor executor_;
  std::unique_ptr<Work> work_;
  std::vector<float> mel_;
};

}  // namespace

std::vector<Phase> measure_phases(const std::shared_ptr<const Model>& model, const PhaseQuestion& question) {
  return Timing(model, question).all();
}

}  // namespace wtrt::runtime
