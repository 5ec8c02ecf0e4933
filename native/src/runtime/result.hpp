// What a job made.
#pragma once

#include <vector>

#include "output/writers.hpp"

namespace wtrt::runtime {

struct Result {
  output::Transcript transcript;
  double duration_seconds = 0;
  double speech_seconds = 0;  // of it that were transcribed
  // [languages], when the language was first detected; empty: it was given
  std::vector<float> language_probabilities = {};
};

}  // namespace wtrt::runtime
