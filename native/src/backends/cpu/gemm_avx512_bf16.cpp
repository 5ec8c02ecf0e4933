#include "backends/cpu/gemm_avx512.hpp"
#include "backends/cpu/gemm_tables.hpp"

namespace wtrt::cpu {
namespace {

struct StepBf16 {
  using Sum = __m512;
  using Value = float;
  static Sum zero() { return _mm512_setzero_ps(); }
  static Sum add(Sum sum, __m512i row, __m512i weights) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(row), reinterpret_cast<__m512bh>(weights));
  }
  static void store(float* to, Sum sum) { _mm512_store_ps(to, sum); }
};

}  // namespace

void product_bf16_avx512(const Product& p, Range rows, Range groups) {
  walk<Tiles<StepBf16>::Tile, kMaxTileRows, 4>(p, rows, groups);
}

}  // namespace wtrt::cpu
