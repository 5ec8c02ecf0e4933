// Products by oneDNN, tested where our own kernels are preferred too, so that the road is known to be good before a
// chip with tiles takes it.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "backends/cpu/isa.hpp"
#include "backends/cpu/onednn.hpp"
#include "common/dtype.hpp"
#include "common/thread_pool.hpp"
#include "cpu_levels.hpp"

namespace wtrt::cpu {
namespace {

struct Shape {
  int64_t m, n, k;
};

constexpr Shape kShapes[] = {{1, 16, 16}, {63, 33, 45}, {64, 64, 64}, {65, 100, 130}, {300, 96, 384}};

float rounded(Element element, float value) {
  return element == Element::bf16 ? bf16_to_f32(f32_to_bf16(value)) : value;
}

#define NEEDS_ONEDNN()                                                                 \
  if (widest_isa() < Isa::avx512) GTEST_SKIP() << "needs a CPU with AVX-512 and VNNI"; \
  if (!onednn_serves(widest_isa())) GTEST_SKIP() << "oneDNN is not built in, or not ours to restrict"

template <typename Matrix>
std::vector<float> result_of(const Matrix& run, const Shape& shape) {
  test::Poisoned out(shape.m, shape.n);
  run(static_cast<float*>(out.tensor().data));
  EXPECT_TRUE(out.intact());
  return {out.data(), out.data() + shape.m * shape.n};
}

class CpuOneDnn : public testing::TestWithParam<Element> {};
INSTANTIATE_TEST_SUITE_P(Elements, CpuOneDnn, testing::Values(Element::f32, Element::bf16, Element::i8));

TEST_P(CpuOneDnn, AgreesWithOurKernels) {
  NEEDS_ONEDNN();
  const Element element = GetParam();
  if (element == Element::bf16 && !has_bf16(widest_isa())) GTEST_SKIP() << "needs AVX512_BF16";
  ThreadPool& pool = ThreadPool::instance();
  const Kernels& kernels = kernels_for(widest_isa());
  for (const Shape& shape : kShapes) {
    const auto weights = test::normal(static_cast<size_t>(shape.n * shape.k), 1),
               bias = test::normal(static_cast<size_t>(shape.n), 2);
    const auto in = test::normal(static_cast<size_t>(shape.m * shape.k), 3),
               residual = test::normal(static_cast<size_t>(shape.m * shape.n), 4);
    const ops::LinearPart part{{weights.data(), DType::f32, shape.n, shape.k, nullptr},
                               {bias.data(), DType::f32, 1, shape.n, nullptr}};
    const OneDnnMatrix theirs(pool, kernels, element, {&part, 1});
    const PackedMatrix ours = pack_matrix(pool, kernels, element, {&part, 1});
    const ThreadPool::Lease lease(pool);
    Scratch scratch;
    const RowsIn rows{in.data(), shape.m, shape.k};
    const auto their_result = result_of(
        [&](float* out) {
          theirs.multiply(pool, rows, {out, shape.n, false, residual.data(), shape.n}, scratch);
        },
        shape);
    const auto our_result = result_of(
        [&](float* out) {
          multiply(pool, kernels, ours, rows, {out, shape.n, false, residual.data(), shape.n}, scratch);
        },
        shape);
    if (element == Element::i8) {
      ASSERT_EQ(their_result, our_result);  // sums are exact and the epilogue is the same
      continue;
    }
    double error = 0, textbook = 0;
    for (int64_t m = 0; m < shape.m; ++m) {
      for (int64_t n = 0; n < shape.n; ++n) {
        double exact = 0;
        float sum = 0;
        for (int64_t k = 0; k < shape.k; ++k) {
          const float a = rounded(element, in[static_cast<size_t>(m * shape.k + k)]);
          const float w = rounded(element, weights[static_cast<size_t>(n * shape.k + k)]);
          exact += static_cast<double>(a) * w;
          sum += a * w;
        }
        const auto at = static_cast<size_t>(m * shape.n + n);
        exact += static_cast<double>(bias[static_cast<size_t>(n)]) + residual[at];
        sum = sum + bias[static_cast<size_t>(n)] + residual[at];
        ASSERT_FALSE(std::isnan(their_result[at]));
        error = std::max(error, std::abs(their_result[at] - exact));
        textbook = std::max(textbook, std::abs(sum - exact));
      }
    }
    EXPECT_LE(error, 2 * textbook) << "M " << shape.m << " N " << shape.n << " K " << shape.k;
  }
}

TEST(CpuOneDnnLevel, OneLevelPerProcess) {
  NEEDS_ONEDNN();
  EXPECT_TRUE(onednn_serves(widest_isa()));
  EXPECT_FALSE(onednn_serves(Isa::avx2));
  EXPECT_FALSE(onednn_serves(Isa::portable));
}

}  // namespace
}  // namespace wtrt::cpu
