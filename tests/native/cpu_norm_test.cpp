#include "backends/cpu/embed.hpp"
#include "backends/cpu/norm.hpp"
#include "common/error.hpp"
#include "cpu_levels.hpp"

namespace wtrt::cpu {
namespace {

using test::matrix;
using test::normal;
using test::Poisoned;

std::vector<double> reference(const std::vector<float>& in, const std::vector<float>& gain,
                              const std::vector<float>& bias) {
  const size_t width = gain.size();
  std::vector<double> out(in.size());
  for (size_t row = 0; row < in.size(); row += width) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < width; ++i) mean += in[row + i] / static_cast<double>(width);
    for (size_t i = 0; i < width; ++i)
      variance += (in[row + i] - mean) * (in[row + i] - mean) / static_cast<double>(width);
    for (size_t i = 0; i < width; ++i)
      out[row + i] = (in[row + i] - mean) / std::sqrt(variance + 1e-5) * gain[i] + bias[i];
  }
  return out;
}

TEST(LayerNorm, AgreesWithDoubleOnEveryLevel) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const Isa isa : test::levels()) {
    for (const int64_t width : {1, 7, 15, 16, 17, 31, 384, 512, 1001, 1280}) {
      for (const int64_t rows : {1, 3, 16, 17, 100}) {
        auto in = normal(static_cast<size_t>(rows * width), static_cast<uint32_t>(width * 131 + rows), 3.0f);
        for (float& x : in) x += 5.0f;  // a mean that a one-pass variance would suffer from
        const auto gain = normal(static_cast<size_t>(width), 1), bias = normal(static_cast<size_t>(width), 2);
        const CpuLayerNorm norm({gain.data(), DType::f32, 1, width}, {bias.data(), DType::f32, 1, width});
        Poisoned out(rows, width);
        layer_norm(isa, pool, norm, matrix(in, width), out.tensor());
        const auto want = reference(in, gain, bias);
        for (int64_t i = 0; i < rows * width; ++i) {
          ASSERT_NEAR(out[i], want[static_cast<size_t>(i)], 4e-6 * (1 + std::fabs(want[static_cast<size_t>(i)])))
              << "level " << static_cast<int>(isa) << " width " << width << " at " << i;
        }
        EXPECT_TRUE(out.intact());
        layer_norm(isa, pool, norm, matrix(in, width), matrix(in, width));
        EXPECT_EQ(0, std::memcmp(in.data(), out.data(), in.size() * sizeof(float))) << "in place";
      }
    }
  }
}

TEST(LayerNorm, RefusesUnequalGainAndBias) {
  const auto values = normal(8, 1);
  EXPECT_THROW(CpuLayerNorm({values.data(), DType::f32, 1, 8}, {values.data(), DType::f32, 1, 7}), Error);
}

TEST(Embed, AddsPositionsAndSkipsFinishedSteps) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const int64_t width = 24, vocabulary = 11;
  const auto table = normal(vocabulary * width, 1), positions = normal(10 * width, 2);
  const auto row_of = [&](int64_t n, float* out) { std::memcpy(out, table.data() + n * width, width * sizeof(float)); };
  ops::RowState rows[2] = {};
  rows[0].length = 4;
  rows[0].token = 7;
  rows[1].length = 5;
  rows[1].token = 3;
  rows[1].finished = 1;
  ops::StepState state{};
  state.rows = rows;
  const ops::TokenSlot tokens[] = {{0, -1, -1}, {1, -1, -1}, {1, 9, 10}};
  Poisoned out(3, width);
  embed(pool, row_of, vocabulary, matrix(positions, width), state, tokens, 3, out.tensor());
  for (int64_t d = 0; d < width; ++d) {
    EXPECT_EQ(out[d], table[static_cast<size_t>(7 * width + d)] + positions[static_cast<size_t>(4 * width + d)]);
    EXPECT_EQ(out[width + d], 0.0f);
    EXPECT_EQ(out[2 * width + d],
              table[static_cast<size_t>(10 * width + d)] + positions[static_cast<size_t>(9 * width + d)]);
  }
  EXPECT_TRUE(out.intact());
  const ops::TokenSlot wrong[] = {{0, 1, 11}, {0, 10, 1}};
  EXPECT_THROW(embed(pool, row_of, vocabulary, matrix(positions, width), state, wrong, 1, out.tensor()), Error);
  EXPECT_THROW(embed(pool, row_of, vocabulary, matrix(positions, width), state, wrong + 1, 1, out.tensor()), Error);
}

TEST(Gather, CopiesRowsAndRefusesOthers) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const auto in = normal(20 * 5, 3);
  const int32_t rows[] = {19, 0, 3, 3, 7, 11, 2, 1, 18, 4};
  Poisoned out(10, 5);
  gather(pool, matrix(in, 5), rows, 10, out.tensor());
  for (int64_t i = 0; i < 10; ++i) {
    for (int64_t d = 0; d < 5; ++d) EXPECT_EQ(out[i * 5 + d], in[static_cast<size_t>(rows[i] * 5 + d)]);
  }
  EXPECT_TRUE(out.intact());
  const int32_t outside = 20;
  EXPECT_THROW(gather(pool, matrix(in, 5), &outside, 1, out.tensor()), Error);
}

}  // namespace
}  // namespace wtrt::cpu
