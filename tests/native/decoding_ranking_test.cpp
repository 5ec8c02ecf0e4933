#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "decoding/ranking.hpp"
#include "ops/ranking.hpp"

namespace wtrt::decoding {
namespace {

constexpr int32_t kEot = 9;
constexpr double kByLength = std::numeric_limits<double>::quiet_NaN();

ops::RowState row(int32_t sampled, int32_t token, double sum) {
  ops::RowState state{};
  state.sampled = sampled;
  state.token = token;
  state.sum_logprob = sum;
  return state;
}

TEST(Ranking, ScoresAreOverTheLengthOrItsPenalty) {
  EXPECT_DOUBLE_EQ(ops::hypothesis_score(-6, 4, kByLength), -1.5);
  EXPECT_DOUBLE_EQ(ops::hypothesis_score(-6, 7, 1.0), -3.0);
  EXPECT_DOUBLE_EQ(ops::hypothesis_score(-6, 7, 0.0), -6.0);
  EXPECT_DOUBLE_EQ(ops::hypothesis_score(-6, 0, kByLength), -6.0);
}

TEST(Ranking, TheBestDrawHasTheBestMeanWithoutTheEndToken) {
  const std::vector<ops::RowState> rows = {row(5, kEot, -6.0), row(4, 3, -6.0), row(9, kEot, -8.0), row(9, kEot, -8.0)};
  const Choice best = best_draw(rows, kEot, kByLength);  // -1.5, -1.5, -1.0, -1.0
  EXPECT_EQ(best.row, 2);
  EXPECT_EQ(best.length, 8);
  EXPECT_EQ(best.sum_logprob, -8.0);
  EXPECT_EQ(best_draw(rows, kEot, 0.0).row, 0);
  EXPECT_EQ(best_draw(std::span(rows).subspan(1, 1), kEot, kByLength).length, 4);
}

ops::BeamState search(int32_t ended) {
  ops::BeamState state{};
  state.size = 3;
  state.ended = ended;
  state.best_length = 4;
  state.best_sum = -8;
  state.best_score = -2;
  state.length_penalty = kByLength;
  return state;
}

TEST(Ranking, BeamsCountOnlyWhereTooFewHaveEnded) {
  const std::vector<ops::RowState> rows = {row(8, 1, -9.0), row(8, 2, -7.0), row(8, 3, -8.0)};
  EXPECT_EQ(best_of_search(search(3), rows).row, -1);
  EXPECT_EQ(best_of_search(search(3), rows).length, 4);
  const Choice unfinished = best_of_search(search(1), rows);
  EXPECT_EQ(unfinished.row, 1);
  EXPECT_EQ(unfinished.length, 8);
  EXPECT_EQ(best_of_search(search(0), rows).row, 1);
  auto good = search(1);
  good.best_score = -0.1;
  EXPECT_EQ(best_of_search(good, rows).row, -1);
}

}  // namespace
}  // namespace wtrt::decoding
