// The inner loops for AVX-512.
#include "backends/cpu/decoder_float.hpp"
#include "backends/cpu/decoder_int8.hpp"
#include "backends/cpu/encoder_tile.hpp"
#include "backends/cpu/row_kernels.hpp"

namespace wtrt::cpu {

const VectorKernels& vector_kernels_avx512() {
  static constexpr VectorKernels kTable = {&norm_row,
                                           Encoder<MathF32, 12, 2>::table(),
                                           Decoder<FloatCache<ElementF32>>::table(),
                                           Decoder<FloatCache<ElementBf16>>::table(),
                                           Decoder<Int8Cache>::table(),
                                           &largest,
                                           &sum_exp};
  return kTable;
}

}  // namespace wtrt::cpu
