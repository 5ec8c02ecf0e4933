// Shapes of the matrix products' tiles and what follows from them.
#pragma once

#include "gemm_plan.hpp"
#include "gemm_tactics.hpp"

namespace wtrt::kernels::gemm_device {

// A block of 128 threads computes 128 rows by 64 columns, a thread 8 by 8 of them; 16 steps along k at a time, the next
// 16 on their way in registers meanwhile.
struct ReferenceTile {
  static constexpr int kRows = 128, kColumns = 64, kDepth = 16, kThreads = 128;
};

// kWarpsM by kWarpsN warps, each 16 * kBlocksM rows by 32 columns; steps of 32 along k, kStages of them in shared
// memory.
template <int kWarpsM_, int kWarpsN_, int kBlocksM_>
struct MmaTile {
  static constexpr int kWarpsM = kWarpsM_, kWarpsN = kWarpsN_, kBlocksM = kBlocksM_;
  static constexpr int kThreads = 32 * kWarpsM * kWarpsN;
  static constexpr int kRows = 16 * kWarpsM * kBlocksM, kColumns = 32 * kWarpsN, kDepth = 32, kStages = 4;
  static constexpr int kRowBytes = kDepth * 2, kStageBytes = (kRows + kColumns) * kRowBytes,
                       kSharedBytes = kStages * kStageBytes;
};

// Steps of 64 along k: rows of 128 bytes in shared memory, as many steps in flight as fit.
template <WgmmaTile kTile>
struct WgmmaTraits {
  static constexpr int kThreads = 384, kDepth = 64, kBoxes = 4;
  static constexpr int kRowBytes = kDepth * 2, kABytes = kTile.rows * kRowBytes, kWBytes = kTile.columns * kRowBytes;
  static constexpr int kStageBytes = kABytes + kWBytes;
  static constexpr int kSharedLimit = 227 * 1024, kAlignment = 1024, kBarrierBytes = 256;
  static constexpr int kStages = std::min((kSharedLimit - kAlignment - kBarrierBytes) / kStageBytes, 12);
  static constexpr int kSharedBytes = kAlignment + kStages * kStageBytes + kBarrierBytes;
  static constexpr int kBlocks = kTile.rows / (kTile.in_turn ? 64 : 128);  // of 64 rows, in a warpgroup's hands
  static constexpr int kGroups = kTile.columns / 32;                       // of 32 columns
  static constexpr int kWarpsOfTile = kTile.in_turn ? 4 : 8;
  static_assert(kTile.rows % (kTile.in_turn ? 64 : 128) == 0 && kTile.columns % 64 == 0 && kBoxes % kTile.cluster == 0);
  static_assert(kBlocks * kTile.columns / 2 <= 192, "sums of a thread, of 232 registers");
};

// A cluster works through units of `cluster` tiles, one below the other; units_m counts over the tiles of all batches.
struct WgmmaGrid {
  RowSpace space;
  int32_t tiles_m, units_m, units_n, steps;  // tiles_m: of one batch
};

}  // namespace wtrt::kernels::gemm_device
