// Attention to times: each step against its plainest form.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "whisper/alignment.hpp"

namespace wtrt::whisper {
namespace {

std::vector<float> random_values(size_t count, uint32_t seed, float spread = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(0.0f, spread);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(random);
  return values;
}

// The recurrence over whole tables, and the way back cell by cell.
std::vector<int32_t> textbook_warp(const std::vector<float>& cost, int32_t rows, int32_t columns) {
  const auto at = [&](int32_t i, int32_t j) { return static_cast<size_t>(i * (columns + 1) + j); };
  std::vector<float> total(at(rows, columns) + 1, INFINITY);
  std::vector<int> step(total.size(), -1);
  total[0] = 0;
  for (int32_t j = 1; j <= columns; ++j) {
    for (int32_t i = 1; i <= rows; ++i) {
      const float both = total[at(i - 1, j - 1)], row = total[at(i - 1, j)], column = total[at(i, j - 1)];
      step[at(i, j)] = both < row && both < column ? 0 : row < both && row < column ? 1 : 2;
      const float least = std::array{both, row, column}[static_cast<size_t>(step[at(i, j)])];
      total[at(i, j)] = cost[static_cast<size_t>((i - 1) * columns + j - 1)] + least;
    }
  }
  std::vector<std::pair<int32_t, int32_t>> way;
  for (int32_t i = rows, j = columns; i > 0 && j > 0;) {
    way.emplace_back(i - 1, j - 1);
    const int taken = step[at(i, j)];
    i -= taken != 2;
    j -= taken != 1;
  }
  std::reverse(way.begin(), way.end());
  std::vector<int32_t> entered;
  for (const auto& [i, j] : way) {
    if (i == static_cast<int32_t>(entered.size())) entered.push_back(j);
  }
  return entered;
}

TEST(Warp, IsTheTextbooksOnRandomCosts) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const int32_t rows = 1 + static_cast<int32_t>(seed % 13), columns = 1 + static_cast<int32_t>(seed * 7 % 41);
    auto cost = random_values(static_cast<size_t>(rows * columns), seed);
    if (seed % 2 == 1) {  // few distinct costs: many ties
      for (float& value : cost) value = std::nearbyint(value);
    }
    EXPECT_EQ(warp(cost, rows, columns), textbook_warp(cost, rows, columns))
        << rows << " x " << columns << ", seed " << seed;
  }
}

TEST(Warp, FollowsAnObviousWay) {
  // Rows are said at columns 0-1, 2-4 and 5.
  std::vector<float> cost(3 * 6, 1.0f);
  for (const auto& [row, column] : {std::pair(0, 0), {0, 1}, {1, 2}, {1, 3}, {1, 4}, {2, 5}})
    cost[static_cast<size_t>(row * 6 + column)] = -1;
  EXPECT_EQ(warp(cost, 3, 6), (std::vector<int32_t>{0, 2, 5}));
  EXPECT_EQ(warp(std::vector<float>(5, 0.0f), 5, 1), (std::vector<int32_t>{0, 0, 0, 0, 0}));  // more tokens than frames
}

std::vector<double> textbook_median(const std::vector<float>& row, int width) {
  const int size = static_cast<int>(row.size()), half = width / 2;
  std::vector<double> medians;
  for (int i = 0; i < size; ++i) {
    std::vector<double> window;
    for (int k = i - half; k <= i + half; ++k) {
      const int mirrored = k < 0 ? -k : k >= size ? 2 * (size - 1) - k : k;
      window.push_back(static_cast<double>(row[static_cast<size_t>(mirrored)]));
    }
    std::sort(window.begin(), window.end());
    medians.push_back(window[static_cast<size_t>(half)]);
  }
  return medians;
}

TEST(MedianFilter, TakesNeighboursMirroredAtTheEnds) {
  for (const size_t size : {4, 5, 7, 100}) {
    const auto row = random_values(size, static_cast<uint32_t>(size));
    auto filtered = row;
    median_filter(filtered);
    const auto want = textbook_median(row, 7);
    for (size_t i = 0; i < size; ++i) EXPECT_EQ(static_cast<double>(filtered[i]), want[i]) << size << " at " << i;
  }
  std::vector<float> order = {0, 1, 2, 3, 4, 5, 6};
  do {  // whatever the order, the fourth comes out
    auto seven = order;
    median_filter(seven);
    ASSERT_EQ(seven[3], 3.0f);
  } while (std::next_permutation(order.begin(), order.end()));
  std::vector<float> few = {3, 1, 2};  // cannot be mirrored
  median_filter(few);
  EXPECT_EQ(few, (std::vector<float>{3, 1, 2}));
}

TEST(AttentionMap, IsTheMeanOfStandardisedFilteredHeads) {
  constexpr int32_t kHeads = 3, kTokens = 9, kPositions = 40, kFrames = 31, kFirst = 2, kEnd = 8;
  AlignmentScores scores{kHeads, kTokens, kPositions, random_values(kHeads * kTokens * kPositions, 1, 2.0f), {}};
  const auto map = attention_map(scores, kFirst, kEnd, kFrames);
  ASSERT_EQ(map.size(), static_cast<size_t>((kEnd - kFirst) * kFrames));

  std::vector<double> want(map.size(), 0.0);
  for (int32_t h = 0; h < kHeads; ++h) {
    std::vector<std::vector<double>> weights(kTokens, std::vector<double>(kFrames));
    for (int32_t t = 0; t < kTokens; ++t) {
      double total = 0;
      for (int32_t c = 0; c < kFrames; ++c) {
        auto& weight = weights[static_cast<size_t>(t)][static_cast<size_t>(c)];
        total += weight =
            std::exp(static_cast<double>(scores.scores[static_cast<size_t>((h * kTokens + t) * kPositions + c)]));
      }
      for (double& weight : weights[static_cast<size_t>(t)]) weight /= total;
    }
    for (size_t c = 0; c < kFrames; ++c) {
      double mean = 0, variance = 0;
      for (const auto& row : weights) mean += row[c] / kTokens;
      for (const auto& row : weights) variance += (row[c] - mean) * (row[c] - mean) / kTokens;
      for (auto& row : weights) row[c] = (row[c] - mean) / std::sqrt(variance);
    }
    for (int32_t t = kFirst; t < kEnd; ++t) {
      const auto& row = weights[static_cast<size_t>(t)];
      const auto filtered = textbook_median({row.begin(), row.end()}, 7);
      for (size_t c = 0; c < kFrames; ++c) want[static_cast<size_t>(t - kFirst) * kFrames + c] += filtered[c] / kHeads;
    }
  }
  for (size_t i = 0; i < map.size(); ++i) EXPECT_NEAR(map[i], want[i], 1e-4) << i;
}

TEST(AttentionMap, AColumnThatNoTokenLooksAtSaysNothing) {
  AlignmentScores scores{1, 4, 8, std::vector<float>(32, 0.0f), {}};
  for (size_t t = 0; t < 4; ++t) scores.scores[t * 8 + 5] = -1000;  // underflows to the same weight in all tokens
  for (const float value : attention_map(scores, 0, 4, 8)) EXPECT_EQ(value, 0.0f);
}

}  // namespace
}  // namespace wtrt::whisper
