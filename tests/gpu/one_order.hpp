// What it costs that a row's sums have one order whatever the number of rows: lines that bench/gpu_invariance.py reads.
#pragma once

#include <cstdio>
#include <string>

namespace wtrt::gpu_test {

struct OrderCost {
  const char* phase;  // "step" or "encode"
  const char* op;
  int batch;            // rows of a step, windows of an encoder
  int times;            // that the op comes in the phase
  double chosen;        // us: as the library does it
  double same_order;    // the fastest way found that keeps the order
  double any_order;     // the fastest way found
  std::string fastest;  // which that is
};

inline void print(const OrderCost& cost) {
  std::printf(
      "[ COST ] {\"phase\": \"%s\", \"op\": \"%s\", \"batch\": %d, \"times\": %d, \"chosen\": %.3f, "
      "\"same_order\": %.3f, \"any_order\": %.3f, \"fastest\": \"%s\"}\n",
      cost.phase, cost.op, cost.batch, cost.times, cost.chosen, cost.same_order, cost.any_order, cost.fastest.c_str());
  std::fflush(stdout);
}

}  // namespace wtrt::gpu_test
