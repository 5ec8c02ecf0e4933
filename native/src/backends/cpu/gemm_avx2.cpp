#include <immintrin.h>

#include "backends/cpu/gemm_impl.hpp"
#include "backends/cpu/gemm_tables.hpp"

namespace wtrt::cpu {
namespace {

constexpr int64_t kPrefetchAhead = 1024;

template <int R, int C>
struct TileF32 {
  static_assert(C == 1);
  static void run(const Product& p, int64_t row, const void* weights, int64_t first, int64_t valid) {
    const char* a = static_cast<const char*>(p.a) + row * p.a_stride;
    const float* w = static_cast<const float*>(weights);
    __m256 sum[R][2];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r][0] = sum[r][1] = _mm256_setzero_ps();
    for (int64_t s = 0; s < p.steps; ++s) {
      const __m256 low = _mm256_load_ps(w), high = _mm256_load_ps(w + 8);
      if constexpr (R <= 2) _mm_prefetch(reinterpret_cast<const char*>(w) + kPrefetchAhead, _MM_HINT_T0);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const __m256 value = _mm256_broadcast_ss(reinterpret_cast<const float*>(a + r * p.a_stride));
        sum[r][0] = _mm256_fmadd_ps(value, low, sum[r][0]);
        sum[r][1] = _mm256_fmadd_ps(value, high, sum[r][1]);
      }
      a += 4;
      w += kPanel;
    }
    alignas(64) float sums[R][kPanel];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      _mm256_store_ps(sums[r], sum[r][0]);
      _mm256_store_ps(sums[r] + 8, sum[r][1]);
    }
    for (int r = 0; r < R; ++r) finish_row(p, sums[r], row + r, first, kPanel, valid);
  }
};

// Rows as int16, two at a time (three would spill): a step's four values in 64 bits meet four channels per register,
// two partial sums each.
template <int R, int C>
struct TileI8 {
  static_assert(C == 1);
  static void run(const Product& p, int64_t row, const void* weights, int64_t first, int64_t valid) {
    const char* a = static_cast<const char*>(p.a) + row * p.a_stride;
    const char* w = static_cast<const char*>(weights);
    __m256i sum[R][4];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r][0] = sum[r][1] = sum[r][2] = sum[r][3] = _mm256_setzero_si256();
    for (int64_t s = 0; s < p.steps; ++s) {
      if constexpr (R == 1) _mm_prefetch(w + kPrefetchAhead, _MM_HINT_T0);
#pragma GCC unroll 8
      for (int q = 0; q < 4; ++q) {
        const __m256i four = _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(w + q * 16)));
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          int64_t bits;
          memcpy(&bits, a + r * p.a_stride, 8);
          sum[r][q] = _mm256_add_epi32(sum[r][q], _mm256_madd_epi16(_mm256_set1_epi64x(bits), four));
        }
      }
      a += 8;
      w += 64;
    }
    alignas(64) int32_t sums[R][kPanel];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int half = 0; half < 2; ++half) {
        const __m256i pairs = _mm256_hadd_epi32(sum[r][2 * half], sum[r][2 * half + 1]);
        _mm256_store_si256(reinterpret_cast<__m256i*>(sums[r] + 8 * half), _mm256_permute4x64_epi64(pairs, 0xd8));
      }
    }
    for (int r = 0; r < R; ++r) finish_row_i8(p, sums[r], row + r, first, kPanel, valid);
  }
};

void product_f32(const Product& p, Range rows, Range groups) { walk<TileF32, 6, 1>(p, rows, groups); }
void product_i8(const Product& p, Range rows, Range groups) { walk<TileI8, 2, 1>(p, rows, groups); }

void stage_i8(const float* row, int64_t k, int64_t padded, void* staged, float* scale) {
  stage_row_i8(row, k, padded, static_cast<int16_t*>(staged), scale);
}

void stage_bf16(const float* row, int64_t k, int64_t padded, uint16_t* staged) {
  stage_row_bf16(row, k, padded, staged);
}

void finish_i8(const Product& p, const int32_t* sums, int64_t sum_stride, Range rows) {
  finish_i8_block(p, sums, sum_stride, rows);
}
void finish_float(const Product& p, const float* sums, int64_t sum_stride, Range rows) {
  finish_float_block(p, sums, sum_stride, rows);
}

void widen_f16(const void* from, int64_t count, float* out) {
  const auto* values = static_cast<const char*>(from);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values + 2 * i))));
  }
  for (; i < count; ++i) {
    uint16_t bits;
    memcpy(&bits, values + 2 * i, 2);
    out[i] = _cvtsh_ss(bits);
  }
}

}  // namespace

constinit const Kernels kernels_avx2 = {
    1, 2, false, stage_i8, stage_bf16, widen_f16, {product_f32, nullptr, product_i8}, finish_i8, finish_float};

}  // namespace wtrt::cpu
