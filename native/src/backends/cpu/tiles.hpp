// AMX tiles; included by the files compiled for AMX only.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace wtrt::cpu {
namespace {

constexpr int kTileRows = 16;
constexpr int kTileBytes = 64;  // of a row
constexpr int kTileSteps = 16;  // rows of a right-hand tile: as many times four bytes of a left-hand row

// The thread's tiles while it lives; palette 1 of LDTILECFG. Sums stand in tiles 0 … 3, left-hand sides in 4 and 5,
// right-hand sides in 6 and 7. `first`: rows of tiles 0, 1 and 4; `second`: of 2, 3 and 5, which do not exist if it is
// 0.
class TileSetup {
 public:
  explicit TileSetup(int first = kTileRows, int second = kTileRows) {
    const int rows[8] = {first, first, second, second, first, second, kTileSteps, kTileSteps};
    for (int tile = 0; tile < 8; ++tile) {
      row_bytes_[tile] = rows[tile] > 0 ? kTileBytes : 0;
      rows_[tile] = static_cast<uint8_t>(rows[tile]);
    }
    _tile_loadconfig(this);
  }
  ~TileSetup() { _tile_release(); }
  TileSetup(const TileSetup&) = delete;
  TileSetup& operator=(const TileSetup&) = delete;

 private:
  alignas(64) uint8_t palette_ = 1;
  uint8_t start_row_ = 0, reserved_[14] = {};
  uint16_t row_bytes_[16] = {};
  uint8_t rows_[16] = {};
};

}  // namespace
}  // namespace wtrt::cpu
