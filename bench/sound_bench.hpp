// What the benches that hear sound share: the sound, how long of it, and the clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

inline std::vector<float> noise(size_t count) {
  std::vector<float> samples(count);
  uint32_t state = 1;
  for (float& sample : samples) {
    state = state * 1664525u + 1013904223u;
    sample = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-33f;
  }
  return samples;
}

// The least of five.
inline double seconds_of(auto act) {
  double best = 1e30;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    act();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = took.count() < best ? took.count() : best;
  }
  return best;
}

// Seconds of sound to measure with: the first argument, or `otherwise`; 0, and a complaint, if it is out of range.
inline double sound_length(int argc, char** argv, double otherwise) {
  const double length = argc > 1 ? std::atof(argv[1]) : otherwise;
  if (length >= 1.0 && length <= 36000.0) return length;
  std::fprintf(stderr, "seconds of audio: 1 to 36000\n");
  return 0;
}
