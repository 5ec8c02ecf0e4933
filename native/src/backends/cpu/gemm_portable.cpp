#include "backends/cpu/gemm_impl.hpp"
#include "backends/cpu/gemm_tables.hpp"
#include "common/dtype.hpp"

namespace wtrt::cpu {
namespace {

// Four floats: a register on every machine this is compiled for. A vector type of the compiler, since arrays of sums
// stay in memory.
using Four = float __attribute__((vector_size(16)));

template <int R, int C>
struct TileF32 {
  static_assert(C == 1);
  static constexpr int kFours = kPanel / 4;
  static void run(const Product& p, int64_t row, const void* weights, int64_t first, int64_t valid) {
    const char* a = static_cast<const char*>(p.a) + row * p.a_stride;
    const Four* w = static_cast<const Four*>(weights);
    Four sum[R][kFours] = {};
    for (int64_t s = 0; s < p.steps; ++s) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        float value;
        memcpy(&value, a + r * p.a_stride, 4);
#pragma GCC unroll 8
        for (int j = 0; j < kFours; ++j) sum[r][j] += value * w[j];
      }
      a += 4;
      w += kFours;
    }
    alignas(64) float sums[R][kPanel];
    memcpy(sums, sum, sizeof sums);
    for (int r = 0; r < R; ++r) finish_row(p, sums[r], row + r, first, kPanel, valid);
  }
};

template <int R, int C>
struct TileI8 {
  static_assert(C == 1);
  static void run(const Product& p, int64_t row, const void* weights, int64_t first, int64_t valid) {
    const char* a = static_cast<const char*>(p.a) + row * p.a_stride;
    const int8_t* w = static_cast<const int8_t*>(weights);
    int32_t sums[R][kPanel] = {};
    for (int64_t s = 0; s < p.steps; ++s, w += 64) {
      for (int r = 0; r < R; ++r) {
        int16_t value[4];
        memcpy(value, a + r * p.a_stride + s * 8, 8);
        for (int64_t j = 0; j < kPanel; ++j) {
          sums[r][j] +=
              value[0] * w[4 * j] + value[1] * w[4 * j + 1] + value[2] * w[4 * j + 2] + value[3] * w[4 * j + 3];
        }
      }
    }
    for (int r = 0; r < R; ++r) finish_row_i8(p, sums[r], row + r, first, kPanel, valid);
  }
};

void product_f32(const Product& p, Range rows, Range groups) { walk<TileF32, 2, 1>(p, rows, groups); }
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
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits;
    memcpy(&bits, static_cast<const char*>(from) + 2 * i, 2);
    out[i] = f16_to_f32(bits);
  }
}

}  // namespace

constinit const Kernels kernels_portable = {
    1, 2, false, stage_i8, stage_bf16, widen_f16, {product_f32, nullptr, product_i8}, finish_i8, finish_float};

}  // namespace wtrt::cpu
