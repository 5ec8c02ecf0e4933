// The repository's own model and clip, and what a job reports.
#pragma once

#include <gtest/gtest.h>

#include "runtime/engine.hpp"
#include "shared_data.hpp"

namespace wtrt::runtime {

using namespace std::chrono_literals;

inline std::shared_ptr<const Model> demo_model() {
  static const auto model = Model::load((test::repository() / "models" / "whisper-tiny.en-int8").string(), {});
  return model;
}

inline std::vector<float> demo_samples() {
  static const std::vector<float> samples = [] {
    const auto source = audio::open_file(test::repository() / "samples" / "reader.flac");
    std::vector<float> all(60 * audio::kSampleRate);
    size_t size = 0;
    for (size_t got; (got = source->read(std::span(all).subspan(size))) > 0;) size += got;
    all.resize(size);
    return all;
  }();
  return samples;
}

inline AudioInput sound(std::vector<float> samples) {
  AudioInput input;
  input.kind = AudioKind::samples;
  input.samples = std::move(samples);
  return input;
}

// The clip `times` over, so that a job has several windows.
inline std::vector<float> repeated(int times) {
  std::vector<float> all;
  for (int i = 0; i < times; ++i) {
    const auto once = demo_samples();
    all.insert(all.end(), once.begin(), once.end());
  }
  return all;
}

inline JobOptions greedy() {
  JobOptions options;
  options.transcribe.temperatures = {0.0};
  return options;
}

struct Outcome {
  std::vector<int32_t> tokens;
  bool finished = false, cancelled = false;
  ErrorCode error{};
};

// Reads events until the job with `tag` has ended.
inline Outcome wait_for(EventQueue& queue, uint64_t tag) {
  Outcome outcome;
  while (auto event = queue.next(60s)) {
    if (event->tag != tag) continue;
    if (event->kind == EventKind::segment) {
      outcome.tokens.insert(outcome.tokens.end(), event->segment.tokens.begin(), event->segment.tokens.end());
    } else if (event->kind == EventKind::finished) {
      outcome.finished = true;
      outcome.cancelled = event->cancelled;
      return outcome;
    } else if (event->kind == EventKind::failed) {
      outcome.error = event->error;
      return outcome;
    }
  }
  ADD_FAILURE() << "no end of job " << tag << " within a minute";
  return outcome;
}

template <typename Act>
ErrorCode code_of(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode{};
}

}  // namespace wtrt::runtime
