// int8 rows against the definition, computed in another way.
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "quant/int8.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::quant {
namespace {

struct Row {
  std::vector<int8_t> q;
  float scale;
};

Row quantize(const std::vector<float>& row) {
  Row result{std::vector<int8_t>(row.size(), 99), -1};
  quantize_row_int8(row, result.q, result.scale);
  return result;
}

TEST(Int8, FollowsItsDefinition) {
  std::mt19937 random(7);
  for (const float spread : {1e-20f, 1e-3f, 1.0f, 1e4f, 1e30f}) {
    std::normal_distribution<float> normal(0, spread);
    for (const size_t size : {1, 3, 64, 80, 385, 1536}) {
      std::vector<float> row(size);
      for (float& value : row) value = normal(random);
      const Row result = quantize(row);
      float largest = 0;
      for (const float value : row) largest = std::max(largest, std::abs(value));
      ASSERT_EQ(result.scale, largest / 127.0f);
      for (size_t i = 0; i < size; ++i) {
        ASSERT_EQ(result.q[i], static_cast<int8_t>(std::nearbyint(row[i] / result.scale))) << row[i];
        ASSERT_LE(std::abs(row[i] - result.scale * result.q[i]), 0.5f * result.scale * 1.0001f);
      }
    }
  }
}

TEST(Int8, RoundsTiesToEven) {
  const Row result = quantize({127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -127});
  EXPECT_EQ(result.scale, 1.0f);
  EXPECT_EQ(result.q, (std::vector<int8_t>{127, 0, 2, 2, 0, -2, -2, 126, -127}));
}

TEST(Int8, HandlesZeroAndTinyRows) {
  Row result = quantize({0.0f, -0.0f, 0.0f});
  EXPECT_EQ(result.scale, 0.0f);
  EXPECT_EQ(result.q, (std::vector<int8_t>{0, 0, 0}));
  const float least = std::numeric_limits<float>::denorm_min();
  result = quantize({least, -least});  // below what a scale can express
  EXPECT_EQ(result.scale, 0.0f);
  EXPECT_EQ(result.q, (std::vector<int8_t>{0, 0}));
  result =
      quantize({190 * least, -100 * least});  // the scale rounds down to one step of float: the quotients exceed 127
  EXPECT_EQ(result.scale, least);
  EXPECT_EQ(result.q, (std::vector<int8_t>{127, -100}));
  EXPECT_EQ(quantize({}).scale, 0.0f);
}

TEST(Int8, NeverHoldsMinus128) {
  const float largest = std::numeric_limits<float>::max();
  EXPECT_EQ(quantize({-largest, largest}).q, (std::vector<int8_t>{-127, 127}));
}

TEST(Int8, RefusesWhatHasNoScale) {
  for (const float wrong :
       {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    test::expect_error(ErrorCode::invalid_argument, {"NaN or infinite"}, [&] { quantize({1, wrong, 2}); });
  }
  std::vector<int8_t> few(2);
  float scale = 0;
  test::expect_error(ErrorCode::invalid_argument, {"sizes"},
                     [&] { quantize_row_int8(std::vector<float>(3), few, scale); });
}

TEST(Int8, MeasuresItsError) {
  const std::vector<float> row{127, 0.5f, -3, 0};
  const Row result = quantize(row);
  const ErrorMetrics error = int8_error(row, result.q, result.scale);
  EXPECT_DOUBLE_EQ(error.max_abs, 0.5);
  EXPECT_DOUBLE_EQ(error.rms, 0.25);
  EXPECT_NEAR(error.signal_to_noise_db, 10 * std::log10((127.0 * 127 + 0.25 + 9) / 0.25), 1e-9);
  EXPECT_TRUE(std::isinf(int8_error({}, {}, 1).signal_to_noise_db));
}

}  // namespace
}  // namespace wtrt::quant
