// What every launcher is told of the GPU it launches on, and how element types are chosen at run time.
//
// Launchers take plain parameters and a stream, enqueue, and return a status: they never allocate, synchronise or read the environment.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "common/dtype.hpp"

namespace wtrt::kernels {

struct Device {
  // The compute capability that the code which runs there was compiled for, 10 * major + minor: 80, 86, 89, 90. What only
  // later ones have is not in it, whatever the GPU is.
  int32_t sm;
  int32_t processors;    // multiprocessors
  int32_t shared_bytes;  // that a block may ask for
  bool wgmma;            // that code has what sm_90a alone has: wgmma and its copies
};

// The current GPU; waits. cudaErrorNoKernelImageForDevice where nothing was compiled that it could run.
cudaError_t this_device(Device& device);

}  // namespace wtrt::kernels
