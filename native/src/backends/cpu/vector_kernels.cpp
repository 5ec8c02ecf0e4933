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

const EncoderKernels& encoder_kernels(Isa isa, ops::ComputeType compute_type, int64_t head_size) {
#if defined(WTRT_X86)
  if (compute_type == ops::ComputeType::i8 && isa == Isa::amx && head_size % 64 == 0) return encoder_kernels_amx();
  if (compute_type == ops::ComputeType::i8 && isa >= Isa::avx512) return encoder_kernels_avx512_vnni();
  if (compute_type != ops::ComputeType::f32 && has_bf16(isa) && cpu_features().full_rate_bf16) {
    return encoder_kernels_avx512_bf16();
  }
#endif
  (void)compute_type;
  (void)head_size;
  return vector_kernels(isa).encoder;
}

}  // namespace wtrt::cpu
