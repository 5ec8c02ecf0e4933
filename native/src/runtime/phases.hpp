// How long each act of the device takes on a model, beside what arithmetic allows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/model.hpp"

namespace wtrt::runtime {

struct PhaseQuestion {
  std::vector<int32_t> batches{1, 8, 32};  // windows, and rows of a step
  int32_t beams = 5;
  int32_t cached_tokens = 100;  // in the self-attention KV cache when steps are timed
  int32_t window_tokens = 100;  // decoded for each of the whole windows
  int32_t repetitions = 15;
  double tera_flops = 0, tera_bytes = 0;  // the device's, per second; 0: no floors
};

struct Phase {
  std::string name;
  int32_t batch;
  double milliseconds;        // median
  double floor_milliseconds;  // 0: not known
};

std::vector<Phase> measure_phases(const std::shared_ptr<const Model>& model, const PhaseQuestion& question);

}  // namespace wtrt::runtime
