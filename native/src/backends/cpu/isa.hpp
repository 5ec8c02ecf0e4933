// What the CPU can do, beyond the level: asked once.
#pragma once

#include "backends/cpu/cpu_backend.hpp"

namespace wtrt::cpu {

struct CpuFeatures {
  bool avx2_fma_f16c = false;
  bool avx512 = false;  // F, BW, DQ, VL and VNNI, and an operating system that saves their registers
  bool avx512_bf16 = false;
  bool full_rate_bf16 =
      false;         // VDPBF16PS runs as often as a multiply-add of floats: AMD; Intel takes four times as long
  bool amx = false;  // tiles with int8 and bf16, and the operating system's leave to use them
};

const CpuFeatures& cpu_features();

// Whether this level multiplies bf16 on this CPU.
bool has_bf16(Isa isa);

const char* name_of(Isa isa);

}  // namespace wtrt::cpu
