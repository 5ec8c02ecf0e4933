// Tile shapes of the attention kernels.
#pragma once

namespace wtrt::kernels {

// A block does 64 queries; thread (r, c) of 8 x 16 has the scores of rows r + 8 i with keys c + 16 j, and of those rows
// the sums of columns 4 c + e (+ 64).
template <typename T, int kHead_>
struct ReferenceShape {
  using Type = T;
  static constexpr int kHead = kHead_;  // head sizes up to this
  static constexpr int kRows = 64, kKeys = 64, kThreads = 128;
  static constexpr int kPitch = kHead + 4, kWeightPitch = kKeys + 4;  // floats; + 4 keeps rows in different banks
  static constexpr int kSharedBytes = 4 * (kRows * kPitch + kKeys * kPitch + kKeys * kHead);
};

template <typename T>
struct MmaShape {
  using Type = T;
  static constexpr int kHead = 64, kRowBytes = 2 * kHead;
  static constexpr int kWarps = 4, kWarpRows = 32, kRows = kWarps * kWarpRows, kThreads = 32 * kWarps;
  static constexpr int kKeys = 64, kTileBytes = kKeys * kRowBytes, kQueryBytes = kRows * kRowBytes;
  static constexpr int kSharedBytes = kQueryBytes + 4 * kTileBytes;  // keys and values, two of each
};

template <typename T>
struct WgmmaShape {
  using Type = T;
  static constexpr int kHead = 64, kRowBytes = 2 * kHead;
  static constexpr int kGroups = 2, kThreads = 128 * kGroups, kRows = 64 * kGroups;
  static constexpr int kKeys = 128, kStages = 3;
  static constexpr int kGroupBytes = 64 * kRowBytes, kTileBytes = kKeys * kRowBytes, kRingBytes = kStages * kTileBytes;
  static constexpr int kSharedBytes = kGroups * kGroupBytes + 2 * kRingBytes + 8 * (4 * kStages + 1);
};

}  // namespace wtrt::kernels
