#include <gtest/gtest.h>

#include "gemm_plan.hpp"

namespace wtrt::kernels {
namespace {

constexpr int32_t kProcessors = 132;

const WgmmaTile& chosen(int64_t batches, int64_t rows, int64_t n, int64_t k, int32_t processors = kProcessors) {
  return kWgmmaTiles[choose_wgmma_tile(batches, rows, n, k, processors)];
}

TEST(GemmPlan, OneWindowsTilesAreDoneInOneRound) {
  const WgmmaTile& tile = chosen(1, 1500, 1280, 1280);
  EXPECT_LE(parts(1500, tile.rows) * parts(1280, tile.columns), kProcessors);
  EXPECT_EQ(tile.rows, 128);
  EXPECT_EQ(tile.columns, 128);
}

TEST(GemmPlan, ManyRowsTakeLargeTilesInTurn) {
  for (const int64_t n : {3840, 5120, 2560}) {
    EXPECT_TRUE(chosen(1, 12000, n, 1280).in_turn) << n;
    EXPECT_EQ(chosen(1, 48000, n, 1280).columns, 192) << n;
  }
}

TEST(GemmPlan, FewRowsTakeSmallTiles) { EXPECT_EQ(chosen(1, 64, 1280, 1280).columns, 64); }

TEST(GemmPlan, NoOtherTileIsPredictedToBeFaster) {
  for (const int32_t processors : {1, 2, 78, 114, 132}) {
    for (const int64_t rows : {1, 129, 1500, 12000}) {
      for (const int64_t n : {8, 384, 1280, 81920}) {
        const int32_t best = choose_wgmma_tile(3, rows, n, 1280, processors);
        for (int32_t number = 0; number < kWgmmaTileCount; ++number) {
          EXPECT_GE(predicted_microseconds(number, 3, rows, n, 1280, processors),
                    predicted_microseconds(best, 3, rows, n, 1280, processors));
        }
      }
    }
  }
}

TEST(GemmPlan, TheLastRoundCountsWhole) {
  const double one = predicted_microseconds(0, 1, 128, 128 * kProcessors, 640, kProcessors);
  EXPECT_DOUBLE_EQ(predicted_microseconds(0, 1, 128, 128 * kProcessors + 8, 640, kProcessors), 2 * one);
}

}  // namespace
}  // namespace wtrt::kernels
