#include "backends/cpu/vector_kernels.hpp"

namespace wtrt::cpu {

const VectorKernels& vector_kernels(Isa isa) {
#if defined(WTRT_X86)
  if (isa >= Isa::avx512) return vector_kernels_avx512();
  if (isa == Isa::avx2) return vector_kernels_avx2();
#endif
  (void)isa;
  return vector_kernels_portable();
}

const EncoderKernels* encoder_kernels_bf16(Isa isa) {
#if defined(WTRT_X86)
  if (has_bf16(isa)) return &encoder_kernels_avx512_bf16();
#endif
  (void)isa;
  return nullptr;
}

}  // namespace wtrt::cpu
