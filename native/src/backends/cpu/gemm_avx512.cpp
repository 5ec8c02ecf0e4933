#include "backends/cpu/gemm_avx512.hpp"

#include "backends/cpu/gemm_tables.hpp"

namespace wtrt::cpu {
namespace {

void product_f32(const Product& p, Range rows, Range groups) {
  walk<Tiles<StepF32>::Tile, kMaxTileRows, 4>(p, rows, groups);
}

void stage_i8(const float* row, int64_t k, int64_t padded, void* staged, float* scale) {
  stage_row_i8(row, k, padded, static_cast<uint8_t*>(staged), scale);
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
  for (int64_t i = 0; i < count; i += 16) {
    const auto mask = static_cast<__mmask16>(count - i >= 16 ? 0xffff : (1 << (count - i)) - 1);
    _mm512_mask_storeu_ps(out + i, mask, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, values + 2 * i)));
  }
}

}  // namespace

void product_i8_avx512(const Product& p, Range rows, Range groups) {
  walk<Tiles<StepI8>::Tile, kMaxTileRows, 4>(p, rows, groups);
}

constinit const Kernels kernels_avx512 = {
    4, 1, true, stage_i8, stage_bf16, widen_f16, {product_f32, nullptr, product_i8_avx512}, finish_i8, finish_float};

}  // namespace wtrt::cpu
