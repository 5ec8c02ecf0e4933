// The encoder's attention with products of bf16 pairs (VDPBF16PS), sums and softmax in f32.
#include "backends/cpu/encoder_tile.hpp"

namespace wtrt::cpu {
namespace {

struct MathBf16 {
  static constexpr int kDepth = 2;
  using Raw = __m512bh;
  using Step = uint32_t;  // two bf16, the earlier one low
  static WTRT_INLINE Raw as_raw(__m512i bits) {
    Raw raw;
    __builtin_memcpy(&raw, &bits, sizeof raw);
    return raw;
  }
  static WTRT_INLINE Raw load_raw(const Step* p) { return as_raw(_mm512_loadu_si512(p)); }
  static WTRT_INLINE Vec multiply_add(Vec sum, const Step* a, Raw b) {
    return {_mm512_dpbf16_ps(sum.v, as_raw(_mm512_set1_epi32(static_cast<int32_t>(*a))), b)};
  }
  // 2^x to 8e-5 for what is rounded to 4e-3 next: 2^(x - ⌊x⌋) by a cubic, then VSCALEF, which takes the floor by
  // itself.
  static WTRT_INLINE Vec power(Vec x) {
    const Vec f = {_mm512_reduce_ps(x.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
    Vec p = fma(splat(7.802452118e-2f), f, splat(2.260671575e-1f));
    p = fma(p, f, splat(6.958335398e-1f));
    p = fma(p, f, splat(9.999252186e-1f));
    return scale_by_power(p, x);
  }
  static WTRT_INLINE void store_deep(Step* p, Vec x) {
    const __m256bh narrow = _mm512_cvtneps_pbh(x.v);
    __builtin_memcpy(p, &narrow, sizeof narrow);
  }
  static WTRT_INLINE __m512i narrow_in_place(Vec x) {  // in the low half of each lane
    const __m256bh narrow = _mm512_cvtneps_pbh(x.v);
    __m256i bits;
    __builtin_memcpy(&bits, &narrow, sizeof bits);
    return _mm512_cvtepu16_epi32(bits);
  }
  static WTRT_INLINE void store_wide(Step* p, Vec low, Vec high) {
    _mm512_storeu_si512(p, _mm512_or_si512(narrow_in_place(low), _mm512_slli_epi32(narrow_in_place(high), 16)));
  }
};

}  // namespace

const EncoderKernels& encoder_kernels_avx512_bf16() {
  static constexpr EncoderKernels kTable = Encoder<MathBf16, 12, 2>::table();
  return kTable;
}

}  // namespace wtrt::cpu
