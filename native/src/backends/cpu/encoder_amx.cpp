// Products of bytes by AMX tiles, for heads whose keys are whole tiles deep.
#include "backends/cpu/encoder_int8.hpp"
#include "backends/cpu/tiles.hpp"

namespace wtrt::cpu {
namespace {

// Two tiles of queries meet a tile of keys or values: each is loaded once for both.
struct AmxProducts {
  static constexpr int kRows = 2 * kTileRows;
  using Setup = TileSetup;

  static void place_query(int32_t* q, int64_t row, const int8_t* bytes, int64_t depth) {
    memcpy(q + row * kLargestHead / kQuad, bytes, static_cast<size_t>(depth * kQuad));
  }

  static void multiply_keys(const int32_t* q, const uint32_t* keys, int64_t depth, int32_t* out) {
    const int32_t* second = q + kTileRows * kLargestHead / kQuad;
    for (int64_t j = 0; j < kPanel; j += 2 * kLanes) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int64_t s = 0; s < depth; s += kTileSteps) {
        _tile_loadd(4, q + s, kLargestHead);
        _tile_loadd(5, second + s, kLargestHead);
        _tile_loadd(6, keys + s * kPanel + j, kPanel * kQuad);
        _tile_loadd(7, keys + s * kPanel + j + kLanes, kPanel * kQuad);
        _tile_dpbsud(0, 4, 6);
        _tile_dpbsud(1, 4, 7);
        _tile_dpbsud(2, 5, 6);
        _tile_dpbsud(3, 5, 7);
      }
      _tile_stored(0, out + j, kBlock * 4);
      _tile_stored(1, out + j + kLanes, kBlock * 4);
      _tile_stored(2, out + j + kTileRows * kBlock, kBlock * 4);
      _tile_stored(3, out + j + kLanes + kTileRows * kBlock, kBlock * 4);
    }
  }

  // A block is whole panels, so quads come in sixteens.
  static void multiply_values(const uint32_t* high, const uint32_t* low, const int8_t* values, int64_t stride,
                              int64_t quads, int32_t* out) {
    constexpr int64_t kSecond = kTileRows * kBlock / kQuad;
    constexpr int64_t kRow = kColumnVectors * 2 * kLanes;
    for (int64_t j = 0; j < kColumnVectors; ++j, values += kTileBytes, out += 2 * kLanes) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int64_t t = 0; t < quads; t += kTileSteps) {
        _tile_loadd(7, values + t * stride, stride);
        _tile_loadd(4, high + t, kBlock);
        _tile_dpbusd(0, 4, 7);
        _tile_loadd(5, low + t, kBlock);
        _tile_dpbusd(1, 5, 7);
        _tile_loadd(6, high + kSecond + t, kBlock);
        _tile_dpbusd(2, 6, 7);
        _tile_loadd(4, low + kSecond + t, kBlock);
        _tile_dpbusd(3, 4, 7);
      }
      _tile_stored(0, out, kRow * 4);
      _tile_stored(1, out + kLanes, kRow * 4);
      _tile_stored(2, out + kTileRows * kRow, kRow * 4);
      _tile_stored(3, out + kTileRows * kRow + kLanes, kRow * 4);
    }
  }
};
static_assert(kPanel / kQuad == kTileSteps, "a panel of values is a tile deep");

}  // namespace

const EncoderKernels& encoder_kernels_amx() {
  static constexpr EncoderKernels kTable = Int8Encoder<AmxProducts>::table();
  return kTable;
}

}  // namespace wtrt::cpu
