#include "backends/cpu/gemm.hpp"

#include "backends/cpu/gemm_tables.hpp"
#include "backends/cpu/isa.hpp"

namespace wtrt::cpu {

#if defined(WTRT_X86)

const Kernels& kernels_for(Isa isa) {
  static const Kernels avx512 = [] {
    Kernels kernels = kernels_avx512;
    if (has_bf16(Isa::avx512)) kernels.product[static_cast<int>(Element::bf16)] = product_bf16_avx512;
    return kernels;
  }();
  if (isa >= Isa::avx512) return avx512;
  return isa == Isa::avx2 ? kernels_avx2 : kernels_portable;
}

#else

const Kernels& kernels_for(Isa) { return kernels_portable; }

#endif

}  // namespace wtrt::cpu
