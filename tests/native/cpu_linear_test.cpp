// Linear layers on every instruction set this machine has, against references in double precision and exact integer
// sums.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "backends/cpu/cpu_backend.hpp"
#include "backends/cpu/isa.hpp"
#include "backends/cpu/linear.hpp"
#include "common/dtype.hpp"
#include "common/error.hpp"
#include "common/thread_pool.hpp"
#include "quant/int8.hpp"

namespace wtrt::cpu {
namespace {

using ops::Activation;
using ops::ComputeType;
using ops::LinearUse;

struct Level {
  Isa isa;
  ComputeType type;
};

std::vector<Level> levels() {
  std::vector<Level> found;
  for (int32_t isa = 0; isa <= static_cast<int32_t>(widest_isa()); ++isa) {
    found.push_back({static_cast<Isa>(isa), ComputeType::f32});
    found.push_back({static_cast<Isa>(isa), ComputeType::i8});
    if (has_bf16(static_cast<Isa>(isa))) found.push_back({static_cast<Isa>(isa), ComputeType::bf16});
  }
  return found;
}

struct Matrix {
  int64_t rows, cols;
  std::vector<float> values;
  float at(int64_t r, int64_t c) const { return values[static_cast<size_t>(r * cols + c)]; }
  ops::HostTensor host() const { return {values.data(), DType::f32, rows, cols, nullptr}; }
};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  Matrix matrix(int64_t rows, int64_t cols, float spread = 1.0f) {
    std::normal_distribution<float> normal(0.0f, spread);
    Matrix m{rows, cols, std::vector<float>(static_cast<size_t>(rows * cols))};
    for (float& value : m.values) value = normal(engine_);
    return m;
  }
  int64_t between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine_); }

 private:
  std::mt19937 engine_;
};

// A linear of two stacked parts, the first without a bias.
struct Case {
  Matrix first, second, bias;
  int64_t k() const { return first.cols; }
  int64_t n() const { return first.rows + second.rows; }
  float weight(int64_t n, int64_t k) const { return n < first.rows ? first.at(n, k) : second.at(n - first.rows, k); }
  float bias_at(int64_t n) const { return n < first.rows ? 0.0f : bias.at(0, n - first.rows); }
  std::vector<ops::LinearPart> parts() const { return {{first.host(), {}}, {second.host(), bias.host()}}; }
};

Case make_case(Random& random, int64_t n, int64_t k) {
  const int64_t split = n / 3;
  Case c{random.matrix(split, k), random.matrix(n - split, k), random.matrix(1, n - split)};
  if (split == 0) c.first = random.matrix(1, k);
  return c;
}

constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

Matrix run(const CpuLinear& linear, const Matrix& in, Activation activation = Activation::none,
           const Matrix* residual = nullptr) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr size_t kGuard = 64;
  const auto size = static_cast<size_t>(in.rows * linear.outputs());
  std::vector<float> memory(size + 2 * kGuard, kPoison);
  Scratch scratch;
  const ops::Tensor from{const_cast<float*>(in.values.data()), DType::f32, in.rows, in.cols};
  const ops::Tensor to{memory.data() + kGuard, DType::f32, in.rows, linear.outputs()};
  ops::Tensor added{};
  if (residual != nullptr)
    added = {const_cast<float*>(residual->values.data()), DType::f32, residual->rows, residual->cols};
  linear.run(pool, from, activation, residual != nullptr ? &added : nullptr, to, scratch);
  for (size_t i = 0; i < kGuard; ++i) {
    EXPECT_TRUE(std::isnan(memory[i]) && std::isnan(memory[kGuard + size + i])) << "written outside the result";
  }
  return {in.rows, linear.outputs(), {memory.begin() + kGuard, memory.begin() + static_cast<int64_t>(kGuard + size)}};
}

CpuLinear make(const Level& level, const Case& c, LinearUse use) {
  ThreadPool& pool = ThreadPool::instance();
  const auto parts = c.parts();
  return CpuLinear(pool, {level.isa, level.type, pool.threads()}, parts, use);
}

std::string name(const Level& level) {
  return std::string(name_of(level.isa)) + " type " + std::to_string(static_cast<int>(level.type));
}

float as_type(ComputeType type, float value) {
  return type == ComputeType::bf16 ? bf16_to_f32(f32_to_bf16(value)) : value;
}

// Largest distance to the exact product of the operands as the type holds them: of `got`, and of the textbook loop in
// f32.
void compare_floats(const Level& level, const Case& c, const Matrix& in, const Matrix& got) {
  double ours = 0, textbook = 0;
  for (int64_t m = 0; m < in.rows; ++m) {
    for (int64_t n = 0; n < c.n(); ++n) {
      double exact = 0;
      float sum = 0;
      for (int64_t k = 0; k < c.k(); ++k) {
        const float a = as_type(level.type, in.at(m, k)), b = as_type(level.type, c.weight(n, k));
        exact += static_cast<double>(a) * b;
        sum += a * b;
      }
      exact += c.bias_at(n);
      sum += c.bias_at(n);
      ours = std::max(ours, std::abs(got.at(m, n) - exact));
      ASSERT_FALSE(std::isnan(got.at(m, n))) << "row " << m << " channel " << n << " was not written";
      textbook = std::max(textbook, std::abs(sum - exact));
    }
  }
  EXPECT_LE(ours, 2 * textbook) << name(level) << " M " << in.rows << " N " << c.n() << " K " << c.k();
}

struct QuantizedRow {
  std::vector<int32_t> values;
  float scale;
};

QuantizedRow quantize_activations(const Matrix& in, int64_t row) {
  float largest = 0;
  for (int64_t k = 0; k < in.cols; ++k) largest = std::max(largest, std::abs(in.at(row, k)));
  QuantizedRow quantized{std::vector<int32_t>(static_cast<size_t>(in.cols)), largest / 127.0f};
  for (int64_t k = 0; k < in.cols && largest > 0; ++k) {
    quantized.values[static_cast<size_t>(k)] = static_cast<int32_t>(std::nearbyint(in.at(row, k) * (127.0f / largest)));
  }
  return quantized;
}

// Integer sums are exact, so every bit of the result is known.
void compare_exact(const Level& level, const Case& c, const Matrix& in, const Matrix& got) {
  std::vector<std::vector<int8_t>> weights(static_cast<size_t>(c.n()), std::vector<int8_t>(static_cast<size_t>(c.k())));
  std::vector<float> scales(weights.size()), row(static_cast<size_t>(c.k()));
  for (size_t n = 0; n < weights.size(); ++n) {
    for (int64_t k = 0; k < c.k(); ++k) row[static_cast<size_t>(k)] = c.weight(static_cast<int64_t>(n), k);
    quant::quantize_row_int8(row, weights[n], scales[n]);
  }
  for (int64_t m = 0; m < in.rows; ++m) {
    const QuantizedRow a = quantize_activations(in, m);
    for (int64_t n = 0; n < c.n(); ++n) {
      int32_t sum = 0;
      for (size_t k = 0; k < row.size(); ++k) sum += a.values[k] * weights[static_cast<size_t>(n)][k];
      const float product = static_cast<float>(sum) * (a.scale * scales[static_cast<size_t>(n)]);
      const float expected = product + c.bias_at(n);
      ASSERT_EQ(std::bit_cast<uint32_t>(got.at(m, n)), std::bit_cast<uint32_t>(expected))
          << name(level) << " M " << in.rows << " N " << c.n() << " K " << c.k() << " at " << m << ", " << n;
    }
  }
}

class CpuLinearTest : public testing::TestWithParam<LinearUse> {};

INSTANTIATE_TEST_SUITE_P(Uses, CpuLinearTest, testing::Values(LinearUse::token, LinearUse::window),
                         [](const auto& tested) { return tested.param == LinearUse::token ? "token" : "window"; });

TEST_P(CpuLinearTest, RaggedShapesAgreeWithTheReference) {
  Random random(1);
  const int64_t shapes[][3] = {{1, 4, 1},    {1, 16, 16},  {2, 17, 5},   {7, 63, 31},   {5, 64, 64},   {13, 65, 66},
                               {6, 48, 129}, {3, 80, 255}, {23, 33, 47}, {100, 96, 64}, {8, 130, 384}, {1, 200, 1536}};
  for (const Level& level : levels()) {
    for (const auto& [m, n, k] : shapes) {
      const Case c = make_case(random, n, k);
      const Matrix in = random.matrix(m, k);
      const CpuLinear linear = make(level, c, GetParam());
      const Matrix got = run(linear, in);
      level.type == ComputeType::i8 ? compare_exact(level, c, in, got) : compare_floats(level, c, in, got);
    }
  }
}

TEST_P(CpuLinearTest, RandomShapesAgreeWithTheReference) {
  Random random(2);
  for (const Level& level : levels()) {
    for (int i = 0; i < 12; ++i) {
      const Case c = make_case(random, random.between(4, 150), random.between(2, 300));
      const Matrix in = random.matrix(random.between(1, 40), c.k());
      const Matrix got = run(make(level, c, GetParam()), in);
      level.type == ComputeType::i8 ? compare_exact(level, c, in, got) : compare_floats(level, c, in, got);
    }
  }
}

// Alone, in company, at any place: the same bits.
TEST_P(CpuLinearTest, RowsDoNotDependOnTheirCompany) {
  Random random(3);
  for (const Level& level : levels()) {
    const Case c = make_case(random, 217, 131);
    const CpuLinear linear = make(level, c, GetParam());
    for (int64_t m = 1; m <= 33; ++m) {
      const Matrix in = random.matrix(m, c.k());
      const Matrix together = run(linear, in, Activation::gelu);
      for (int64_t row = 0; row < m; ++row) {
        const auto first = in.values.begin() + row * c.k();
        const Matrix alone = run(linear, {1, c.k(), {first, first + c.k()}}, Activation::gelu);
        ASSERT_EQ(
            std::memcmp(alone.values.data(), together.values.data() + row * c.n(), static_cast<size_t>(c.n()) * 4), 0)
            << name(level) << " row " << row << " of " << m;
      }
    }
  }
}

TEST_P(CpuLinearTest, ManyRowsEqualFewRows) {
  Random random(4);
  for (const Level& level : levels()) {
    const Case c = make_case(random, 150, 96);
    const CpuLinear linear = make(level, c, GetParam());
    const Matrix in = random.matrix(1500, c.k());
    const Matrix together = run(linear, in);
    for (int64_t first = 0, m = 1; first < in.rows; first += m, m = random.between(1, 70)) {
      m = std::min(m, in.rows - first);
      const auto begin = in.values.begin() + first * c.k();
      const Matrix some = run(linear, {m, c.k(), {begin, begin + m * c.k()}});
      ASSERT_EQ(
          std::memcmp(some.values.data(), together.values.data() + first * c.n(), static_cast<size_t>(m * c.n()) * 4),
          0)
          << name(level) << " rows from " << first;
    }
  }
}

TEST_P(CpuLinearTest, GeluAndResidualFollowTheBias) {
  Random random(5);
  for (const Level& level : levels()) {
    const Case c = make_case(random, 70, 40);
    const CpuLinear linear = make(level, c, GetParam());
    const Matrix in = random.matrix(9, c.k()), residual = random.matrix(9, c.n());
    const Matrix plain = run(linear, in), activated = run(linear, in, Activation::gelu);
    const Matrix added = run(linear, in, Activation::none, &residual),
                 both = run(linear, in, Activation::gelu, &residual);
    for (size_t i = 0; i < plain.values.size(); ++i) {
      const double x = plain.values[i], exact = x * 0.5 * std::erfc(-x / std::sqrt(2.0));
      ASSERT_NEAR(activated.values[i], exact, 3e-7 * std::max(1.0, std::abs(x))) << name(level);
      ASSERT_EQ(added.values[i], plain.values[i] + residual.values[i]) << name(level);
      ASSERT_EQ(both.values[i], activated.values[i] + residual.values[i]) << name(level);
    }
  }
}

TEST_P(CpuLinearTest, TheResidualMayBeTheOutput) {
  Random random(6);
  for (const Level& level : levels()) {
    const Case c = make_case(random, 50, 30);
    const CpuLinear linear = make(level, c, GetParam());
    const Matrix in = random.matrix(150, c.k()), residual = random.matrix(150, c.n());
    const Matrix expected = run(linear, in, Activation::none, &residual);
    Matrix inout = residual;
    ThreadPool& pool = ThreadPool::instance();
    const ThreadPool::Lease lease(pool);
    Scratch scratch;
    const ops::Tensor from{const_cast<float*>(in.values.data()), DType::f32, in.rows, in.cols};
    const ops::Tensor to{inout.values.data(), DType::f32, inout.rows, inout.cols};
    linear.run(pool, from, Activation::none, &to, to, scratch);
    ASSERT_EQ(inout.values, expected.values) << name(level);
  }
}

// Sums of integers are exact and the epilogue is the same arithmetic everywhere, GELU included.
TEST(CpuLinearToken, Int8GivesTheSameBitsOnEveryLevel) {
  Random random(12);
  const Case c = make_case(random, 83, 70);
  const Matrix in = random.matrix(21, c.k()), residual = random.matrix(21, c.n());
  const Matrix expected =
      run(make({Isa::portable, ComputeType::i8}, c, LinearUse::token), in, Activation::gelu, &residual);
  for (int32_t isa = 1; isa <= static_cast<int32_t>(widest_isa()); ++isa) {
    const Level level{static_cast<Isa>(isa), ComputeType::i8};
    const Matrix got = run(make(level, c, LinearUse::token), in, Activation::gelu, &residual);
    ASSERT_EQ(std::memcmp(got.values.data(), expected.values.data(), got.values.size() * 4), 0) << name(level);
  }
}

// The kernels themselves, over any split of rows and channels: what threads do cannot show.
TEST(CpuLinearToken, SplitsOfTheWorkChangeNoBit) {
  Random random(13);
  ThreadPool& pool = ThreadPool::instance();
  for (const Level& level : levels()) {
    const Case c = make_case(random, 300, 50);
    const Kernels& kernels = kernels_for(level.isa);
    const auto parts = c.parts();
    const auto element = static_cast<Element>(level.type);
    const PackedMatrix matrix = pack_matrix(pool, kernels, element, parts);
    const Matrix in = random.matrix(29, c.k());
    const Matrix expected = run(make(level, c, LinearUse::token), in);
    const int64_t padded = matrix.steps() * k_group(element), stride = padded * 4;
    std::vector<char> staged(static_cast<size_t>(in.rows * stride));
    std::vector<float> scales(29), out(expected.values.size(), kPoison);
    Product product;
    product.a = staged.data();
    product.a_stride = stride;
    for (int64_t row = 0; row < in.rows; ++row) {
      const float* from = in.values.data() + row * c.k();
      char* to = staged.data() + row * stride;
      if (element == Element::f32) std::memcpy(to, from, static_cast<size_t>(c.k()) * 4);
      if (element == Element::bf16) kernels.stage_bf16(from, c.k(), padded, reinterpret_cast<uint16_t*>(to));
      if (element == Element::i8) kernels.stage_i8(from, c.k(), padded, to, &scales[static_cast<size_t>(row)]);
    }
    product.a_scale = scales.data();
    product.weights = matrix.weights.as<void>();
    product.steps = matrix.steps();
    product.n = matrix.n;
    product.scale = matrix.channels.scale.as<float>();
    product.offset = matrix.channels.offset.as<int32_t>();
    product.bias = matrix.channels.bias.as<float>();
    product.out = out.data();
    product.out_stride = matrix.n;
    for (int64_t row = 0, rows = 0; row < in.rows; row += rows) {
      rows = std::min(in.rows - row, random.between(1, 9));
      for (int64_t group = 0, groups = 0; group < matrix.groups(); group += groups) {
        groups = std::min(matrix.groups() - group, random.between(1, 3));
        kernels.product[static_cast<int>(element)](product, {row, row + rows}, {group, group + groups});
      }
    }
    ASSERT_EQ(std::memcmp(out.data(), expected.values.data(), out.size() * 4), 0) << name(level);
  }
}

// A quantized checkpoint's integers are used as they are; quantizing on load gives the same numbers.
TEST_P(CpuLinearTest, QuantizedWeightsAreTakenAsTheyAre) {
  Random random(7);
  const Matrix weights = random.matrix(67, 45), in = random.matrix(5, 45);
  std::vector<int8_t> quantized(weights.values.size());
  std::vector<float> scales(67), widened(weights.values.size());
  for (size_t n = 0; n < 67; ++n) {
    quant::quantize_row_int8({weights.values.data() + n * 45, 45}, {quantized.data() + n * 45, 45}, scales[n]);
    for (size_t k = 0; k < 45; ++k) widened[n * 45 + k] = static_cast<float>(quantized[n * 45 + k]) * scales[n];
  }
  ThreadPool& pool = ThreadPool::instance();
  for (const Level& level : levels()) {
    const CpuSetup setup{level.isa, level.type, pool.threads()};
    const ops::LinearPart as_i8{{quantized.data(), DType::i8, 67, 45, scales.data()}, {}};
    const bool i8 = level.type == ComputeType::i8;
    const ops::LinearPart as_f32{{i8 ? weights.values.data() : widened.data(), DType::f32, 67, 45, nullptr}, {}};
    const CpuLinear direct(pool, setup, {&as_i8, 1}, GetParam()), converted(pool, setup, {&as_f32, 1}, GetParam());
    EXPECT_EQ(run(direct, in).values, run(converted, in).values) << name(level);
  }
}

TEST_P(CpuLinearTest, HalfPrecisionCheckpointsGiveTheWidenedNumbers) {
  Random random(8);
  Matrix weights = random.matrix(37, 29);
  const Matrix in = random.matrix(3, 29);
  std::vector<uint16_t> half(weights.values.size()), brain(weights.values.size());
  std::vector<float> from_half(half.size()), from_brain(half.size());
  for (size_t i = 0; i < half.size(); ++i) {
    half[i] = static_cast<uint16_t>(random.between(0, 0x7bff) | (random.between(0, 1) << 15));  // every finite f16
    if (random.between(0, 9) != 0) half[i] = static_cast<uint16_t>((half[i] & 0x83ff) | (random.between(8, 16) << 10));
    from_half[i] = f16_to_f32(half[i]);
    brain[i] = f32_to_bf16(weights.values[i]);
    from_brain[i] = bf16_to_f32(brain[i]);
  }
  ThreadPool& pool = ThreadPool::instance();
  for (const Level& level : levels()) {
    const CpuSetup setup{level.isa, level.type, pool.threads()};
    const auto result = [&](const void* data, DType type) {
      const ops::LinearPart part{{data, type, 37, 29, nullptr}, {}};
      return run(CpuLinear(pool, setup, {&part, 1}, GetParam()), in).values;
    };
    EXPECT_EQ(result(half.data(), DType::f16), result(from_half.data(), DType::f32)) << name(level);
    EXPECT_EQ(result(brain.data(), DType::bf16), result(from_brain.data(), DType::f32)) << name(level);
  }
}

TEST(CpuLinearToken, UnpackedRowsAreTheWeights) {
  Random random(9);
  for (const Level& level : levels()) {
    const Case c = make_case(random, 150, 37);
    const CpuLinear linear = make(level, c, LinearUse::token);
    std::vector<float> row(37);
    std::vector<int8_t> quantized(37);
    for (int64_t n = 0; n < c.n(); ++n) {
      linear.unpack_row(n, row.data());
      std::vector<float> original(37);
      for (int64_t k = 0; k < 37; ++k) original[static_cast<size_t>(k)] = as_type(level.type, c.weight(n, k));
      if (level.type == ComputeType::i8) {
        float scale = 0;
        quant::quantize_row_int8(original, quantized, scale);
        for (size_t k = 0; k < 37; ++k) original[k] = static_cast<float>(quantized[k]) * scale;
      }
      ASSERT_EQ(row, original) << name(level) << " row " << n;
    }
  }
}

TEST_P(CpuLinearTest, ZeroRowsAndRowsThatAreNotFinite) {
  Random random(10);
  for (const Level& level : levels()) {
    const Case c = make_case(random, 40, 33);
    const CpuLinear linear = make(level, c, GetParam());
    Matrix in = random.matrix(3, c.k());
    for (int64_t k = 0; k < c.k(); ++k) in.values[static_cast<size_t>(k)] = 0;
    in.values[static_cast<size_t>(c.k() + 5)] = std::numeric_limits<float>::infinity();
    const Matrix got = run(linear, in);
    for (int64_t n = 0; n < c.n(); ++n) {
      EXPECT_EQ(got.at(0, n), c.bias_at(n)) << name(level);
      EXPECT_FALSE(std::isfinite(got.at(1, n))) << name(level) << ": an overflow must stay visible";
      EXPECT_TRUE(std::isfinite(got.at(2, n))) << name(level);
    }
  }
}

TEST(CpuLinearChecks, WrongShapesAndTypesAreRefused) {
  ThreadPool& pool = ThreadPool::instance();
  const CpuSetup setup{Isa::portable, ComputeType::f32, pool.threads()};
  Random random(11);
  const Matrix a = random.matrix(4, 8), b = random.matrix(4, 9), bias = random.matrix(1, 3);
  const auto refused = [&](std::vector<ops::LinearPart> parts) {
    try {
      const CpuLinear linear(pool, setup, parts, LinearUse::token);
    } catch (const Error& error) {
      return error.code() == ErrorCode::internal;
    }
    return false;
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({{a.host(), {}}, {b.host(), {}}}));
  EXPECT_TRUE(refused({{a.host(), bias.host()}}));
  ops::HostTensor no_scale = a.host();
  no_scale.dtype = DType::i8;
  EXPECT_TRUE(refused({{no_scale, {}}}));
}

TEST(CpuResolve, LevelsAndTypesThatAreNotThereAreTypedErrors) {
  const auto code = [](const CpuOptions& options) {
    try {
      resolve(options);
    } catch (const Error& error) {
      return static_cast<int>(error.code());
    }
    return 0;
  };
  EXPECT_EQ(code({}), 0);
  EXPECT_EQ(code({Isa::portable, ComputeType::i8, 0}), 0);
  EXPECT_EQ(code({Isa::portable, ComputeType::bf16, 0}), static_cast<int>(ErrorCode::unsupported));
  EXPECT_EQ(code({static_cast<Isa>(9), {}, 0}), static_cast<int>(ErrorCode::invalid_argument));
  EXPECT_EQ(code({{}, static_cast<ComputeType>(9), 0}), static_cast<int>(ErrorCode::invalid_argument));
  EXPECT_EQ(code({{}, {}, -1}), static_cast<int>(ErrorCode::invalid_argument));
  if (widest_isa() < Isa::amx) {
    EXPECT_EQ(code({Isa::amx, {}, 0}), static_cast<int>(ErrorCode::unsupported));
  }
  EXPECT_EQ(resolve({Isa::portable, {}, 0}).compute_type, ComputeType::f32);
  if (widest_isa() >= Isa::avx2) {
    EXPECT_EQ(resolve({Isa::avx2, {}, 0}).compute_type, ComputeType::i8);
  }
}

}  // namespace
}  // namespace wtrt::cpu
