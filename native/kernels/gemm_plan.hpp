// Which tile a product on Hopper is cut into: plain arithmetic, the same on every machine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace wtrt::kernels {

// Two warpgroups multiply. Either they share a tile, half of its rows each, or they take tiles in turn, one storing
// while the other multiplies. The blocks of a cluster read their common rows of a or w once.
struct WgmmaTile {
  int32_t rows, columns;
  bool in_turn;
  int32_t cluster_rows, cluster_columns;  // blocks

  constexpr int32_t cluster() const { return cluster_rows * cluster_columns; }
  friend constexpr bool operator==(const WgmmaTile&, const WgmmaTile&) = default;
};

inline constexpr WgmmaTile kWgmmaTiles[] = {
    {128, 128, false, 1, 1}, {128, 128, false, 2, 1}, {128, 128, false, 2, 2}, {128, 128, false, 4, 1},  // 0 … 3
    {128, 256, false, 1, 1}, {128, 256, false, 2, 1}, {128, 192, false, 2, 1}, {256, 128, false, 2, 1},  // 4 … 7
    {256, 192, false, 1, 1}, {256, 192, false, 2, 1}, {128, 128, true, 1, 1},  {128, 128, true, 2, 1},   // 8 … 11
    {128, 128, true, 2, 2},  {128, 192, true, 1, 1},  {128, 192, true, 2, 1},  {64, 256, true, 2, 1},    // 12 … 15
    {128, 64, false, 1, 1},  {64, 64, true, 1, 1},    {128, 64, false, 2, 1},                            // 16 … 18
};
inline constexpr int32_t kWgmmaTileCount = static_cast<int32_t>(std::size(kWgmmaTiles));

// How many clusters of a tile run at once. Clusters of four do not straddle the groups of processors, of 16 or 18 each.
constexpr int32_t clusters_at_once(const WgmmaTile& tile, int32_t processors) {
  return tile.cluster() <= 2 ? processors / tile.cluster() : processors / 16 * 16 / tile.cluster();
}

}  // namespace wtrt::kernels
