// Products of bytes by VPDPBUSD.
#include "backends/cpu/encoder_int8.hpp"

namespace wtrt::cpu {
namespace {

// Nothing else stands in the two functions that multiply: it would cost the compiler the registers.
struct VnniProducts {
  static constexpr int kRows = 6;  // in registers

  struct Setup {};

  static void place_query(int32_t* q, int64_t row, const int8_t* bytes, int64_t depth) {
    for (int64_t s = 0; s < depth; ++s) memcpy(q + s * kRows + row, bytes + s * kQuad, kQuad);
  }

  static __attribute__((noinline)) void multiply_keys(const int32_t* q, const uint32_t* keys, int64_t depth,
                                                      int32_t* out) {
    __m512i sum[kRows][kVectors];
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) sum[m][j] = _mm512_setzero_si512();
    }
    for (int64_t s = 0; s < depth; ++s, keys += kPanel, q += kRows) {
      __m512i four[kVectors];
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) four[j] = _mm512_load_si512(keys + j * kLanes);
#pragma GCC unroll 8
      for (int m = 0; m < kRows; ++m) {
        const __m512i row = _mm512_set1_epi32(q[m]);
#pragma GCC unroll 8
        for (int j = 0; j < kVectors; ++j) sum[m][j] = _mm512_dpbusd_epi32(sum[m][j], four[j], row);
      }
    }
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) _mm512_store_si512(out + m * kBlock + j * kLanes, sum[m][j]);
    }
  }

  static __attribute__((noinline)) void multiply_values(const uint32_t* high, const uint32_t* low, const int8_t* values,
                                                        int64_t stride, int64_t quads, int32_t* out) {
    __m512i top[kRows][kColumnVectors], bottom[kRows][kColumnVectors];
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
      for (int j = 0; j < kColumnVectors; ++j) top[m][j] = bottom[m][j] = _mm512_setzero_si512();
    }
    for (int64_t t = 0; t < quads; ++t, values += stride) {
      __m512i four[kColumnVectors];
#pragma GCC unroll 8
      for (int j = 0; j < kColumnVectors; ++j) four[j] = _mm512_load_si512(values + j * kLanes * kQuad);
#pragma GCC unroll 8
      for (int m = 0; m < kRows; ++m) {
        const __m512i h = _mm512_set1_epi32(static_cast<int32_t>(high[m * (kBlock / kQuad) + t]));
        const __m512i l = _mm512_set1_epi32(static_cast<int32_t>(low[m * (kBlock / kQuad) + t]));
#pragma GCC unroll 8
        for (int j = 0; j < kColumnVectors; ++j) {
          top[m][j] = _mm512_dpbusd_epi32(top[m][j], h, four[j]);
          bottom[m][j] = _mm512_dpbusd_epi32(bottom[m][j], l, four[j]);
        }
      }
    }
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
      for (int j = 0; j < kColumnVectors; ++j) {
        _mm512_store_si512(out + (m * kColumnVectors + j) * 2 * kLanes, top[m][j]);
        _mm512_store_si512(out + (m * kColumnVectors + j) * 2 * kLanes + kLanes, bottom[m][j]);
      }
    }
  }
};

}  // namespace

const EncoderKernels& encoder_kernels_avx512_vnni() {
  static constexpr EncoderKernels kTable = Int8Encoder<VnniProducts>::table();
  return kTable;
}

}  // namespace wtrt::cpu
