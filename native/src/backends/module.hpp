// Finds and opens backends that are libraries of their own, beside this library.
#pragma once

#include <string>

#include "ops/backend.hpp"

namespace wtrt::backends {

struct Module {
  const ops::Backend* backend = nullptr;  // null: see reason
  std::string path;                       // of the file opened
  std::string reason;                     // what was tried and why it cannot be used
};

// libwhispertrt_cuda.so, opened once and kept.
const Module& cuda_module();

// What a module may use of this process.
ops::HostServices host_services();

}  // namespace wtrt::backends
