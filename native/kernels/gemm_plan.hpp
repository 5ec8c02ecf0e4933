// Which tiles a product on Hopper is cut into: plain arithmetic, the same on every machine. All tiles give the same
// bits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace wtrt::kernels {

// Two warpgroups multiply. Either they share a tile, half of its rows each, or they take tiles in turn, one storing
// while the other multiplies. The blocks of a cluster, one below the other, read their rows of w once.
struct WgmmaTile {
  int32_t rows, columns;
  bool in_turn;
  int32_t cluster;  // blocks
};

inline constexpr WgmmaTile kWgmmaTiles[] = {
    {128, 128, false, 1}, {128, 256, false, 1}, {128, 192, false, 1},
    {128, 128, true, 1},  {128, 192, true, 2},  {128, 64, false, 1},
};
inline constexpr int32_t kWgmmaTileCount = static_cast<int32_t>(std::size(kWgmmaTiles));

// Microseconds, fitted to what each tile took at Whisper's shapes on an H100 (1, 8, 32 windows): 64 steps along k, and
// the rest.
struct WgmmaCost {
  double step, store;
};
inline constexpr WgmmaCost kWgmmaCosts[kWgmmaTileCount] = {{0.424, 1.9}, {0.744, 3.9}, {0.571, 3.2},
                                                           {0.490, 2.5}, {0.600, 6.5}, {0.350, 0.8}};

constexpr int64_t parts(int64_t whole, int64_t part) { return (whole + part - 1) / part; }

constexpr double predicted_microseconds(int32_t number, int64_t batches, int64_t rows, int64_t n, int64_t k,
                                        int32_t processors) {
  const WgmmaTile& tile = kWgmmaTiles[number];
  const WgmmaCost& cost = kWgmmaCosts[number];
  const int64_t units = parts(batches * parts(rows, tile.rows), tile.cluster) * parts(n, tile.columns);
  const auto rounds = static_cast<double>(parts(units, std::max(processors / tile.cluster, 1)));
  const double product = static_cast<double>(parts(k, 64)) * cost.step;
  if (!tile.in_turn) return rounds * (product + cost.store);
  return rounds * std::max(product, (product + cost.store) / 2) + cost.store;
}

// The number of the tile that is done first. Rows that follow one another through all batches count as one batch.
constexpr int32_t choose_wgmma_tile(int64_t batches, int64_t rows, int64_t n, int64_t k, int32_t processors) {
  int32_t best = 0;
  for (int32_t number = 1; number < kWgmmaTileCount; ++number) {
    if (predicted_microseconds(number, batches, rows, n, k, processors) <
        predicted_microseconds(best, batches, rows, n, k, processors)) {
      best = number;
    }
  }
  return best;
}

}  // namespace wtrt::kernels
