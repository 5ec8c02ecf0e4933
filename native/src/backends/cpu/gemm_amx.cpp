// Products on AMX tiles, for whole groups of channels and whole tiles of k; what is left over takes the AVX-512
// kernels. In the packed layout of gemm.hpp a step of 16 channels is a row of a right-hand tile.
#include "backends/cpu/gemm_avx512.hpp"
#include "backends/cpu/gemm_tables.hpp"
#include "backends/cpu/tiles.hpp"

namespace wtrt::cpu {
namespace {

constexpr int64_t kGroup = 64;       // channels
constexpr int64_t kStepBytes = 256;  // of a group
constexpr int64_t kRows = 2 * kTileRows;
constexpr int64_t kChannels = 2 * kPanel;  // that meet the rows at a time

struct ByBytes {  // rows: values + 128, unsigned
  static constexpr bool kBytes = true;
  using Sum = int32_t;
};
struct ByBf16 {
  static constexpr bool kBytes = false;
  using Sum = float;
};

// tile 2 * i + j += rows i (tile 4 + i) · channels j (tile 6 + j)
template <typename Way>
inline void multiply_first_rows() {
  if constexpr (Way::kBytes) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
  } else {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
  }
}
template <typename Way>
inline void multiply_second_rows() {
  if constexpr (Way::kBytes) {
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  } else {
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
}

// sums [kRows][kChannels]: as many rows as the tiles in force have, the second sixteen only if kTwo.
template <typename Way, bool kTwo>
inline void multiply_tiles(const char* rows, int64_t row_stride, const char* weights, int64_t steps,
                           typename Way::Sum* sums) {
  constexpr int64_t kSumBytes = kChannels * 4;
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kTwo) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t s = 0; s < steps; s += kTileSteps, rows += kTileBytes, weights += kTileSteps * kStepBytes) {
    _tile_loadd(6, weights, kStepBytes);
    _tile_loadd(7, weights + kTileBytes, kStepBytes);
    _tile_loadd(4, rows, row_stride);
    multiply_first_rows<Way>();
    if constexpr (kTwo) {
      _tile_loadd(5, rows + kTileRows * row_stride, row_stride);
      multiply_second_rows<Way>();
    }
  }
  _tile_stored(0, sums, kSumBytes);
  _tile_stored(1, sums + kPanel, kSumBytes);
  if constexpr (kTwo) {
    _tile_stored(2, sums + kTileRows * kChannels, kSumBytes);
    _tile_stored(3, sums + kTileRows * kChannels + kPanel, kSumBytes);
  }
}

// One group of `count` rows from `row` on, under the tiles in force.
template <typename Way>
void multiply_rows(const Product& p, int64_t row, int64_t count, int64_t group) {
  const auto* rows = static_cast<const char*>(p.a) + row * p.a_stride;
  const auto* weights = static_cast<const char*>(p.weights) + group * p.steps * kStepBytes;
  alignas(64) typename Way::Sum sums[kRows * kChannels];
  for (int64_t half = 0; half < kGroup; half += kChannels) {
    if (count > kTileRows) {
      multiply_tiles<Way, true>(rows, p.a_stride, weights + half * 4, p.steps, sums);
    } else {
      multiply_tiles<Way, false>(rows, p.a_stride, weights + half * 4, p.steps, sums);
    }
    finish_tile(p, sums, row, count, group * kGroup + half, kChannels, kChannels);
  }
}

template <typename Way>
void multiply(const Product& p, Range rows, Range groups) {
  const int64_t rest = (rows.end - rows.begin) % kRows, whole_end = rows.end - rest;
  if (rows.begin < whole_end) {
    const TileSetup setup;
    for (int64_t group = groups.begin; group < groups.end; ++group) {
      for (int64_t row = rows.begin; row < whole_end; row += kRows) multiply_rows<Way>(p, row, kRows, group);
    }
  }
  if (rest > 0) {
    const auto first = static_cast<int>(rest < kTileRows ? rest : kTileRows);
    const TileSetup setup(first, static_cast<int>(rest) - first);
    for (int64_t group = groups.begin; group < groups.end; ++group) multiply_rows<Way>(p, whole_end, rest, group);
  }
}

bool fits(const Product& p) { return p.n % kGroup == 0 && p.steps % kTileSteps == 0; }

}  // namespace

// Sums of bytes are exact on both ways, so few rows may take the vector kernel, which streams the weights faster.
void product_i8_amx(const Product& p, Range rows, Range groups) {
  if (fits(p) && rows.end - rows.begin >= kTileRows) {
    multiply<ByBytes>(p, rows, groups);
  } else {
    product_i8_avx512(p, rows, groups);
  }
}

void product_bf16_amx(const Product& p, Range rows, Range groups) {
  if (fits(p)) {
    multiply<ByBf16>(p, rows, groups);
  } else {
    product_bf16_avx512(p, rows, groups);
  }
}

}  // namespace wtrt::cpu
