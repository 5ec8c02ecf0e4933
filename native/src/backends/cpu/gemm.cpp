#include "backends/cpu/gemm.hpp"

#include "backends/cpu/gemm_tables.hpp"
#include "backends/cpu/isa.hpp"

namespace wtrt::cpu {

#if defined(WTRT_X86)

namespace {

Kernels avx512_table() {
  Kernels kernels = kernels_avx512;
  if (has_bf16(Isa::avx512)) kernels.product[static_cast<int>(Element::bf16)] = product_bf16_avx512;
  return kernels;
}

Kernels amx_table() {
  Kernels kernels = avx512_table();
  kernels.product[static_cast<int>(Element::i8)] = product_i8_amx;
  return kernels;
}

Kernels amx_window_table() {
  Kernels kernels = amx_table();
  kernels.product[static_cast<int>(Element::bf16)] = product_bf16_amx;
  return kernels;
}

}  // namespace

const Kernels& kernels_for(Isa isa) {
  static const Kernels avx512 = avx512_table(), amx = amx_table();
  if (isa >= Isa::avx512) return isa == Isa::amx ? amx : avx512;
  return isa == Isa::avx2 ? kernels_avx2 : kernels_portable;
}

const Kernels& window_kernels_for(Isa isa) {
  static const Kernels amx = amx_window_table();
  return isa == Isa::amx ? amx : kernels_for(isa);
}

#else

const Kernels& kernels_for(Isa) { return kernels_portable; }
const Kernels& window_kernels_for(Isa) { return kernels_portable; }

#endif

}  // namespace wtrt::cpu
