// The CPU backend: always present, inside the library.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ops/ops.hpp"

namespace wtrt::cpu {

enum class Isa : int32_t { portable = 0, avx2 = 1, avx512 = 2, amx = 3 };

// What the CPU has: the widest level of ours, and what it is made of (for `doctor`).
Isa widest_isa();
std::string describe_cpu();  // JSON object: model name, features found, widest level, oneDNN version or null

struct CpuOptions {
  std::optional<Isa> isa;                        // none: the widest; one the CPU lacks: Error{unsupported}
  std::optional<ops::ComputeType> compute_type;  // none: the fastest; one this level cannot do: Error{unsupported}
  int32_t threads = 0;  // of the process-wide pool; 0: one per available core. Set by the first caller;
                        // another number later: Error{invalid_argument}
};

struct CpuSetup {  // what was chosen
  Isa isa;
  ops::ComputeType compute_type;
  int32_t threads;
};

CpuSetup resolve(const CpuOptions& options);
std::unique_ptr<ops::Ops> make_cpu_ops(const CpuSetup& setup);

}  // namespace wtrt::cpu
