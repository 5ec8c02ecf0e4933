// What every launcher is told of the GPU it launches on, and how element types are chosen at run time.
//
// Launchers take plain parameters and a stream, enqueue, and return a status: they never allocate, synchronise or read the environment.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "common/dtype.hpp"

namespace wtrt::kernels {

struct Device {
  int32_t sm;          // compute capability, 10 * major + minor: 80, 86, 89, 90
  int32_t processors;  // multiprocessors
};

}  // namespace wtrt::kernels
