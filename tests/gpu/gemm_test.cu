#include "gemm.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

#include "device_array.hpp"
#include "gemm_plan.hpp"
#include "gemm_tactics.hpp"
#include "one_order.hpp"

namespace wtrt::gpu_test {
namespace {

using kernels::GemmArgs;
using kernels::GemmTactic;

enum class Residual { none, own, in_place, shared };

struct Shape {
  DType type = DType::f16;
  int32_t batches = 1, rows = 1, n = 8, k = 8;
  bool bias = true, gelu = false;
  Residual residual = Residual::none;
  int32_t head_size = 0;
  int32_t a_row = 0, gap = 0;  // elements between rows (0: k); elements between batches beyond their rows
  int32_t padding = 0;         // of a row of out, elements

  int64_t row_stride() const { return a_row == 0 ? k : a_row; }
  int64_t batch_stride() const { return rows * row_stride() + std::max<int64_t>(k - row_stride(), 0) + gap; }
  int64_t out_row() const { return n + padding; }
  int64_t out_batch() const { return rows * out_row() + padding; }
  std::string name() const {
    char text[160];
    std::snprintf(
        text, sizeof text, "type %d, %d x %d rows, n %d, k %d, a_row %d, bias %d, gelu %d, residual %d, heads of %d",
        static_cast<int>(type), batches, rows, n, k, a_row, bias, gelu, static_cast<int>(residual), head_size);
    return text;
  }
};

using Launch = std::function<cudaError_t(const GemmArgs&)>;

Launch with(GemmTactic tactic) {
  return [=](const GemmArgs& args) { return kernels::gemm(this_device(), args, tactic, nullptr); };
}
Launch with_tile(int32_t tile) {
  return [=](const GemmArgs& args) { return kernels::gemm_wgmma(this_device(), args, tile, nullptr); };
}

const char* name_of(GemmTactic tactic) {
  constexpr const char* kNames[] = {"automatic", "reference", "mma", "wgmma"};
  return kNames[static_cast<int>(tactic)];
}

// A product's inputs, on the host as they are after rounding and on the device.
class Problem {
 public:
  Problem(const Shape& shape, uint32_t seed) : s(shape) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(s.k));
    a = rounded(random_values(static_cast<size_t>(s.batches * s.batch_stride()), seed), s.type);
    w = rounded(random_values(static_cast<size_t>(s.n) * s.k, seed + 1, scale), s.type);
    bias = random_values(static_cast<size_t>(s.n), seed + 2);
    if (s.residual != Residual::none) {
      const int32_t batches = s.residual == Residual::shared ? 1 : s.batches;
      residual = rounded(random_values(static_cast<size_t>(batches) * s.rows * s.n, seed + 3), s.type);
    }
    a_device = std::make_unique<DeviceArray>(as_type(a, s.type));
    w_device = std::make_unique<DeviceArray>(as_type(w, s.type));
    bias_device = std::make_unique<DeviceArray>(bias);
  }

  int64_t out_elements() const { return s.batches * s.out_batch(); }

  // [batches, rows, n] as the kernel left it, of `count` rows from `first` on; checks that nothing else was written.
  std::vector<std::byte> run(const Launch& launch, int32_t first = 0, int32_t count = -1) const {
    if (count < 0) count = s.rows;
    const size_t size = size_of(s.type);
    const DeviceArray out(out_elements() * static_cast<int64_t>(size));
    std::unique_ptr<DeviceArray> separate;
    GemmArgs args{};
    args.type = s.type;
    args.a = a_device->as<std::byte>() + first * s.row_stride() * static_cast<int64_t>(size);
    args.a_row = s.row_stride(), args.a_batch = s.batch_stride();
    args.w = w_device->get();
    args.bias = s.bias ? bias_device->as<float>() : nullptr;
    args.gelu = s.gelu;
    args.out = out.get(), args.out_row = s.out_row(), args.out_batch = s.out_batch();
    args.batches = s.batches, args.rows = count, args.n = s.n, args.k = s.k;
    if (s.residual == Residual::in_place) {
      check(cudaMemcpy(out.get(), as_type(residual, s.type).data(), residual.size() * size, cudaMemcpyHostToDevice));
      args.residual = out.get(), args.residual_batch = s.out_batch();
    } else if (s.residual != Residual::none) {
      separate = std::make_unique<DeviceArray>(as_type(residual, s.type));
      args.residual = separate->as<std::byte>() + static_cast<int64_t>(first) * s.n * static_cast<int64_t>(size);
      args.residual_batch = s.residual == Residual::shared ? 0 : static_cast<int64_t>(s.rows) * s.n;
    }
    if (s.head_size > 0) {  // a batch's heads apart by some elements, batches in reverse
      args.head_size = s.head_size;
      args.head_stride = static_cast<int64_t>(s.rows) * s.head_size;
      for (int32_t b = 0; b < s.batches; ++b)
        args.heads_out[b] = out.as<std::byte>() + (s.batches - 1 - b) * s.out_batch() * size;
    }
    check(launch(args), ("launch: " + s.name()).c_str());
    check(cudaDeviceSynchronize(), ("kernel: " + s.name()).c_str());
    return gather(out.read<std::byte>(), args, count);
  }

  // What is asked for in f64, and what f32 sums with one rounding at the end make of it.
  struct Expected {
    std::vector<double> exact;
    std::vector<float> textbook;
  };
  const Expected& expected(int32_t b, int32_t r) const {
    Expected& row_of_results = expected_[{b, r}];
    if (row_of_results.exact.empty()) row_of_results = compute(b, r);
    return row_of_results;
  }

  const Shape s;

 private:
  Expected compute(int32_t b, int32_t r) const {
    Expected result;
    const float* row = a.data() + b * s.batch_stride() + r * s.row_stride();
    for (int32_t c = 0; c < s.n; ++c) {
      const float* column = w.data() + static_cast<int64_t>(c) * s.k;
      double sum = 0;
      float narrow = 0;
      for (int32_t i = 0; i < s.k; ++i) sum += static_cast<double>(row[i]) * column[i], narrow += row[i] * column[i];
      if (s.bias) sum += bias[static_cast<size_t>(c)], narrow += bias[static_cast<size_t>(c)];
      if (s.gelu) {
        sum = 0.5 * sum * std::erfc(-sum * M_SQRT1_2);
        narrow = 0.5f * narrow * (1.0f + std::erf(narrow * static_cast<float>(M_SQRT1_2)));
      }
      if (s.residual != Residual::none) {
        const int64_t at = ((s.residual == Residual::shared ? 0 : static_cast<int64_t>(b) * s.rows) + r) * s.n + c;
        sum += residual[static_cast<size_t>(at)], narrow += residual[static_cast<size_t>(at)];
      }
      result.exact.push_back(sum), result.textbook.push_back(narrow);
    }
    result.textbook = rounded(result.textbook, s.type);
    return result;
  }

  std::vector<std::byte> gather(const std::vector<std::byte>& memory, const GemmArgs& args, int32_t count) const {
    const size_t size = size_of(s.type);
    std::vector<std::byte> result(static_cast<size_t>(s.batches) * count * s.n * size);
    std::vector<bool> written(memory.size() / size, false);
    for (int32_t b = 0; b < s.batches; ++b) {
      for (int32_t r = 0; r < count; ++r) {
        for (int32_t c = 0; c < s.n; ++c) {
          const int64_t at = s.head_size > 0
                                 ? (s.batches - 1 - b) * s.out_batch() + c / s.head_size * args.head_stride +
                                       static_cast<int64_t>(r) * s.head_size + c % s.head_size
                                 : b * s.out_batch() + r * s.out_row() + c;
          written[static_cast<size_t>(at)] = true;
          std::memcpy(&result[((static_cast<size_t>(b) * count + r) * s.n + c) * size],
                      &memory[static_cast<size_t>(at) * size], size);
        }
      }
    }
    int64_t stray = 0;
    for (size_t i = 0; i < written.size(); ++i) {
      for (size_t byte = 0; byte < size && !written[i]; ++byte) stray += memory[i * size + byte] != std::byte{0xff};
    }
    if (s.residual != Residual::in_place) EXPECT_EQ(stray, 0) << "bytes written outside the result: " << s.name();
    return result;
  }

  std::vector<float> a, w, bias, residual;
  std::unique_ptr<DeviceArray> a_device, w_device, bias_device;
  mutable std::map<std::pair<int32_t, int32_t>, Expected> expected_;
};

// Rows to look at: all of few, of many those about the tiles' edges.
std::vector<int32_t> rows_to_check(int32_t rows) {
  std::vector<int32_t> list;
  for (int32_t r = 0; r < rows; ++r) {
    const bool edge = r % 64 == 0 || r % 64 == 63 || r == rows - 1 || r % 149 == 5;
    if (rows <= 160 || edge) list.push_back(r);
  }
  return list;
}

// The result against f64: at most twice the error of f32 sums with one rounding.
void expect_right(const Problem& problem, const std::vector<std::byte>& bytes, const std::string& what) {
  const Shape& s = problem.s;
  const std::vector<float> got = as_f32(bytes, s.type);
  double worst = 0, worst_textbook = 0, squares = 0, squares_textbook = 0;
  int64_t bad = 0, count = 0;
  std::string first;
  for (int32_t b = 0; b < s.batches; ++b) {
    for (const int32_t r : rows_to_check(s.rows)) {
      const auto& [exact, textbook] = problem.expected(b, r);
      for (int32_t c = 0; c < s.n; ++c) {
        const double value = got[(static_cast<size_t>(b) * s.rows + r) * s.n + c], want = exact[static_cast<size_t>(c)];
        const double error = std::abs(value - want), fair = std::abs(textbook[static_cast<size_t>(c)] - want);
        worst_textbook = std::max(worst_textbook, fair), squares_textbook += fair * fair, ++count;
        if (!(error < 0.05 * (1 + std::abs(want)))) {
          char text[120];
          std::snprintf(text, sizeof text, " [batch %d row %d column %d: %g, not %g]", b, r, c, value, want);
          if (++bad <= 12) first += text;
          continue;
        }
        worst = std::max(worst, error), squares += error * error;
      }
    }
  }
  EXPECT_EQ(bad, 0) << what << ", " << s.name() << ": of " << count << first;
  if (bad != 0) return;
  EXPECT_LE(worst, 2 * worst_textbook) << what << ", " << s.name();
  EXPECT_LE(std::sqrt(squares), 2 * std::sqrt(squares_textbook)) << what << ", " << s.name();
}

// The first places where two results differ.
std::string difference(const Shape& s, const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  if (a.size() != b.size()) return "sizes differ";
  const size_t size = size_of(s.type);
  std::string text;
  int64_t count = 0;
  for (size_t i = 0; i < a.size() / size; ++i) {
    if (std::memcmp(&a[i * size], &b[i * size], size) == 0) continue;
    if (++count <= 8) text += " row " + std::to_string(i / s.n) + " column " + std::to_string(i % s.n);
  }
  return count == 0 ? "" : std::to_string(count) + " differ:" + text;
}

bool hopper() { return this_device().wgmma; }

constexpr GemmTactic kTactics[] = {GemmTactic::reference, GemmTactic::mma, GemmTactic::wgmma, GemmTactic::automatic};

std::vector<Shape> ragged_shapes(DType type) {
  std::vector<Shape> shapes = {
      {.rows = 1, .n = 8, .k = 8},
      {.rows = 1, .n = 384, .k = 384, .gelu = true},
      {.rows = 7, .n = 200, .k = 72, .residual = Residual::own},
      {.rows = 63, .n = 136, .k = 136, .bias = false},
      {.batches = 3, .rows = 65, .n = 264, .k = 200, .gelu = true, .residual = Residual::shared},
      {.rows = 129, .n = 392, .k = 328, .residual = Residual::in_place},
      {.batches = 5, .rows = 37, .n = 128, .k = 64, .residual = Residual::in_place},
      {.batches = 2, .rows = 130, .n = 256, .k = 192, .head_size = 64},
      {.batches = 3,
       .rows = 77,
       .n = 192,
       .k = 64,
       .gelu = true,
       .residual = Residual::own,
       .head_size = 32,
       .padding = 8},
      {.batches = 4, .rows = 33, .n = 160, .k = 96, .gap = 16, .padding = 24},
      {.batches = 2, .rows = 150, .n = 128, .k = 240, .gelu = true, .a_row = 80},
      {.batches = 3, .rows = 75, .n = 96, .k = 384, .gelu = true, .residual = Residual::shared, .a_row = 256},
  };
  for (Shape& shape : shapes) shape.type = type;
  return shapes;
}

class GemmOf : public testing::TestWithParam<DType> {};

TEST_P(GemmOf, EveryTacticIsRightOnRaggedShapes) {
  uint32_t seed = 1;
  for (const Shape& shape : ragged_shapes(GetParam())) {
    const Problem problem(shape, seed += 10);
    for (const GemmTactic tactic : kTactics) {
      const bool tensor_cores = tactic == GemmTactic::mma || tactic == GemmTactic::wgmma;
      if (tensor_cores && GetParam() == DType::f32) continue;
      if (tactic == GemmTactic::wgmma && !hopper()) continue;
      expect_right(problem, problem.run(with(tactic)), name_of(tactic));
    }
  }
}

TEST_P(GemmOf, EveryTileGivesTheSameBits) {
  if (!hopper() || GetParam() == DType::f32) GTEST_SKIP() << "for f16 and bf16 on Hopper";
  std::vector<Shape> shapes = ragged_shapes(GetParam());
  shapes.push_back(
      {.type = GetParam(), .batches = 2, .rows = 1500, .n = 1272, .k = 328, .gelu = true, .residual = Residual::own});
  shapes.push_back({.type = GetParam(), .batches = 2, .rows = 1500, .n = 640, .k = 640, .head_size = 64});
  uint32_t seed = 1000;
  for (const Shape& shape : shapes) {
    const Problem problem(shape, seed += 10);
    const std::vector<std::byte> first = problem.run(with_tile(0));
    expect_right(problem, first, "tile 0");
    for (int32_t tile = 1; tile < kernels::kWgmmaTileCount; ++tile) {
      SCOPED_TRACE("tile " + std::to_string(tile) + ", " + shape.name());
      EXPECT_EQ(difference(shape, problem.run(with_tile(tile)), first), "");
    }
  }
}

TEST_P(GemmOf, ARowIsTheSameWhateverStandsBesideIt) {
  const Shape whole{
      .type = GetParam(), .batches = 3, .rows = 700, .n = 512, .k = 512, .gelu = true, .residual = Residual::own};
  const Problem problem(whole, 77);
  for (const GemmTactic tactic : kTactics) {
    if (GetParam() == DType::f32 && (tactic == GemmTactic::mma || tactic == GemmTactic::wgmma)) continue;
    if (tactic == GemmTactic::wgmma && !hopper()) continue;
    const std::vector<std::byte> all = problem.run(with(tactic));
    for (const auto& [first, count] :
         std::vector<std::pair<int32_t, int32_t>>{{0, 1}, {699, 1}, {3, 7}, {64, 129}, {100, 600}}) {
      const std::vector<std::byte> some = problem.run(with(tactic), first, count);
      const size_t row = whole.n * size_of(whole.type);
      int64_t differing = 0;
      for (int32_t b = 0; b < whole.batches; ++b) {
        differing += std::memcmp(&some[static_cast<size_t>(b) * count * row],
                                 &all[(static_cast<size_t>(b) * whole.rows + first) * row], count * row) != 0;
      }
      EXPECT_EQ(differing, 0) << name_of(tactic) << ", " << count << " rows from " << first;
    }
  }
}

TEST_P(GemmOf, TheAutomaticTacticRefusesNothing) {
  uint32_t seed = 500;
  for (Shape shape : std::vector<Shape>{{.rows = 5, .n = 51, .k = 33},
                                        {.batches = 2, .rows = 70, .n = 99, .k = 40, .residual = Residual::own},
                                        {.rows = 130, .n = 64, .k = 129, .gelu = true},
                                        {.batches = 2, .rows = 9, .n = 36, .k = 48, .head_size = 9},
                                        {.batches = 2, .rows = 20, .n = 40, .k = 24, .a_row = 5}}) {
    shape.type = GetParam();
    const Problem problem(shape, seed += 10);
    expect_right(problem, problem.run(with(GemmTactic::automatic)), "automatic");
    expect_right(problem, problem.run(with(GemmTactic::reference)), "reference");
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GemmOf, testing::Values(DType::f32, DType::f16, DType::bf16), [](const auto& type) {
  return std::string(type.param == DType::f32 ? "f32" : type.param == DType::f16 ? "f16" : "bf16");
});

TEST(Gemm, IsRightAtTheEncodersShapes) {
  uint32_t seed = 9000;
  for (const Shape& shape : std::vector<Shape>{{.rows = 1500, .n = 1280, .k = 1280, .residual = Residual::in_place},
                                               {.rows = 1500, .n = 1280, .k = 384, .gelu = true, .a_row = 128},
                                               {.batches = 2,
                                               .rows = 1500,
                                               .n = 512,
                                               .k = 1536,
                                               .gelu = true,
                                               .residual = Residual::shared,
                                               .a_row = 1024}}) {
    const Problem problem(shape, seed += 10);
    for (const GemmTactic tactic : {GemmTactic::automatic, GemmTactic::mma}) {
      expect_right(problem, problem.run(with(tactic)), name_of(tactic));
    }
  }
}

// Products that read what the one before wrote and write where it read from: launched one by one, and in a graph.
TEST(Gemm, AChainInAGraphGivesTheBitsOfItsLinks) {
  constexpr int32_t kRows = 700, kWidth = 512, kLinks = 8;
  constexpr int64_t kElements = static_cast<int64_t>(kRows) * kWidth;
  const DeviceArray start(as_type(random_values(kElements, 41), DType::f16));
  const DeviceArray w(
      as_type(random_values(kLinks * kWidth * kWidth, 42, 1.0f / std::sqrt(1.0f * kWidth)), DType::f16));
  const DeviceArray even(2 * kElements), odd(2 * kElements);
  cudaStream_t stream = nullptr;
  check(cudaStreamCreate(&stream));
  const auto run = [&](bool wait) {
    check(cudaMemcpyAsync(even.get(), start.get(), 2 * kElements, cudaMemcpyDeviceToDevice, stream));
    for (int i = 0; i < kLinks; ++i) {
      GemmArgs args{};
      args.type = DType::f16;
      args.a = i % 2 == 0 ? even.get() : odd.get(), args.a_row = kWidth, args.a_batch = kElements;
      args.w = w.as<__half>() + i * kWidth * kWidth;
      args.gelu = true;
      args.out = i % 2 == 0 ? odd.get() : even.get(), args.out_row = kWidth, args.out_batch = kElements;
      args.batches = 1, args.rows = kRows, args.n = kWidth, args.k = kWidth;
      check(kernels::gemm(this_device(), args, GemmTactic::automatic, stream));
      if (wait) check(cudaStreamSynchronize(stream));
    }
  };
  run(true);
  const std::vector<std::byte> one_by_one = even.read<std::byte>();
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  run(false);
  check(cudaStreamEndCapture(stream, &graph));
  check(cudaGraphInstantiate(&exec, graph, 0));
  for (int replay = 0; replay < 20; ++replay) {
    check(cudaMemsetAsync(odd.get(), 0xff, 2 * kElements, stream));
    check(cudaGraphLaunch(exec, stream));
    check(cudaStreamSynchronize(stream));
    EXPECT_EQ(difference({.n = kWidth}, even.read<std::byte>(), one_by_one), "") << "replay " << replay;
  }
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}

TEST(Gemm, NothingToDoIsNoError) {
  GemmArgs args{};
  args.type = DType::f16;
  EXPECT_EQ(kernels::gemm(this_device(), args, GemmTactic::automatic, nullptr), cudaSuccess);
  args.batches = 65, args.rows = 1, args.n = 64, args.k = 64, args.head_size = 64;
  EXPECT_EQ(kernels::gemm(this_device(), args, GemmTactic::automatic, nullptr), cudaErrorInvalidValue)
      << "more batches than heads_out";
}

// ---- Speed: printed where WTRT_BENCH is set ----

// Device memory full of f16 random values.
DeviceArray& fill(DeviceArray& array, int64_t elements, float scale) {
  static const std::vector<float> block = random_values(1 << 20, 5);
  std::vector<float> scaled = block;
  for (float& value : scaled) value *= scale;
  const std::vector<std::byte> bytes = as_type(scaled, DType::f16);
  for (int64_t at = 0; at < elements; at += 1 << 20) {
    check(cudaMemcpy(array.as<__half>() + at, bytes.data(),
                     static_cast<size_t>(std::min<int64_t>(elements - at, 1 << 20)) * 2, cudaMemcpyHostToDevice));
  }
  return array;
}

struct BenchShape {
  const char* name;
  int32_t rows, n, k, a_row;
  bool gelu, residual;
  int32_t head_size;
};

class GemmBench : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("WTRT_BENCH") == nullptr) GTEST_SKIP() << "set WTRT_BENCH=1 to measure";
    this_device_ = this_device();
  }

  // Milliseconds; weights rotate through more than twice the second-level cache.
  double time(const BenchShape& shape, int32_t batches, const Launch& launch) {
    const int64_t a_size = static_cast<int64_t>(batches) * (shape.rows + 2) * shape.a_row + shape.k,
                  w_size = static_cast<int64_t>(shape.n) * shape.k,
                  out_size = static_cast<int64_t>(batches) * shape.rows * shape.n;
    const int copies = static_cast<int>(std::min<int64_t>(16, 120'000'000 / (2 * w_size) + 1));
    if (key_ != std::tuple(shape.n, shape.k, shape.a_row, batches)) {
      key_ = {shape.n, shape.k, shape.a_row, batches};
      a_ = std::make_unique<DeviceArray>(2 * a_size), w_ = std::make_unique<DeviceArray>(2 * w_size * copies);
      out_ = std::make_unique<DeviceArray>(2 * out_size),
      bias_ = std::make_unique<DeviceArray>(random_values(shape.n, 3));
      fill(*a_, a_size, 1.0f), fill(*w_, w_size * copies, 1.0f / std::sqrt(static_cast<float>(shape.k)));
      fill(*out_, out_size, 1.0f);
    }
    GemmArgs args{};
    args.type = DType::f16;
    args.a = a_->get(), args.a_row = shape.a_row, args.a_batch = static_cast<int64_t>(shape.rows) * shape.a_row;
    if (shape.a_row != shape.k) args.a_batch += 2 * shape.a_row;
    args.bias = bias_->as<float>(), args.gelu = shape.gelu;
    if (shape.residual) args.residual = out_->get(), args.residual_batch = static_cast<int64_t>(shape.rows) * shape.n;
    args.out = out_->get(), args.out_row = shape.n, args.out_batch = static_cast<int64_t>(shape.rows) * shape.n;
    args.batches = batches, args.rows = shape.rows, args.n = shape.n, args.k = shape.k;
    if (shape.head_size > 0) {
      args.head_size = shape.head_size, args.head_stride = static_cast<int64_t>(shape.rows) * shape.head_size;
      for (int32_t b = 0; b < batches; ++b) args.heads_out[b] = out_->as<__half>() + b * args.out_batch;
    }
    const double flop = 2.0 * batches * shape.rows * shape.n * shape.k;
    const int inside = std::clamp(static_cast<int>(2e12 / flop), 4, 64);
    return graph_milliseconds(
        inside,
        [&](cudaStream_t stream, int i) {
          args.w = w_->as<__half>() + i % copies * w_size;
          stream_ = stream;
          check(launch(args));
        },
        9);
  }

  Launch tile(int32_t number) {
    return [this, number](const GemmArgs& args) { return kernels::gemm_wgmma(this_device_, args, number, stream_); };
  }
  Launch tactic(GemmTactic which) {
    return [this, which](const GemmArgs& args) { return kernels::gemm(this_device_, args, which, stream_); };
  }

  kernels::Device this_device_{};
  cudaStream_t stream_ = nullptr;
  std::tuple<int32_t, int32_t, int32_t, int32_t> key_{};
  std::unique_ptr<DeviceArray> a_, w_, out_, bias_;
};

constexpr BenchShape kBenchShapes[] = {
    {"tiny", 64, 64, 64, 64, false, false, 0},       {"qkv", 1500, 3840, 1280, 1280, false, false, 0},
    {"out", 1500, 1280, 1280, 1280, false, true, 0}, {"fc1", 1500, 5120, 1280, 1280, true, false, 0},
    {"fc2", 1500, 1280, 5120, 5120, false, true, 0}, {"cross", 1500, 2560, 1280, 1280, false, false, 64},
    {"conv1", 3000, 1280, 384, 128, true, false, 0}, {"conv2", 1500, 1280, 3840, 2560, true, false, 0},
};

// One line per shape and number of windows: TFLOP/s of each tile (0: does not apply), of each tactic, and the share of
// 800 TFLOP/s.
TEST_F(GemmBench, Table) {
  std::printf("[ BENCH ] TFLOP/s by tile:");
  for (int32_t i = 0; i < kernels::kWgmmaTileCount; ++i) {
    const kernels::WgmmaTile& t = kernels::kWgmmaTiles[i];
    std::printf(" %d=%dx%d%s/%d", i, t.rows, t.columns, t.in_turn ? "t" : "", t.cluster);
  }
  std::printf("\n");
  const char* only = std::getenv("WTRT_BENCH_WINDOWS");
  for (const int32_t batches : {1, 8, 32}) {
    if (only != nullptr && std::atoi(only) != batches) continue;
    for (const BenchShape& shape : kBenchShapes) {
      const double tera = 2e-9 * batches * shape.rows * shape.n * shape.k;  // per millisecond
      std::printf("[ BENCH ] B=%d %s:", batches, shape.name);
      double best = 0;
      for (int32_t i = 0; hopper() && i < kernels::kWgmmaTileCount; ++i) {
        const double speed = tera / time(shape, batches, tile(i));
        best = std::max(best, speed);
        std::printf(" %d=%.0f", i, speed);
        std::fflush(stdout);
      }
      std::printf(" | mma %.0f", tera / time(shape, batches, tactic(GemmTactic::mma)));
      if (batches == 1) std::printf(", reference %.1f", tera / time(shape, batches, tactic(GemmTactic::reference)));
      const double milliseconds = time(shape, batches, tactic(GemmTactic::automatic));
      std::printf(", automatic %.0f = %.1f us = %.0f%% of the floor (best tile %.0f)\n", tera / milliseconds,
                  1e3 * milliseconds, tera / milliseconds / 8, best);
      std::fflush(stdout);
    }
  }
}

// A product is split along k by more windows with less of k each, without what would join them.
TEST_F(GemmBench, CostOfOneOrder) {
  for (const int32_t batches : {1, 8}) {
    for (const BenchShape& shape : kBenchShapes) {
      if (shape.n < 1024 || shape.a_row != shape.k) continue;
      const double whole = 1e3 * time(shape, batches, tactic(GemmTactic::automatic));
      std::pair<double, int> least{whole, 1};
      for (const int parts : {2, 4}) {
        const BenchShape part{shape.name, shape.rows, shape.n, shape.k / parts, shape.k / parts, false, false, 0};
        least = std::min(least, {1e3 * time(part, batches * parts, tactic(GemmTactic::automatic)), parts});
      }
      print({"encode", shape.name, batches, 32, whole, whole, least.first, std::to_string(least.second) + " parts"});
    }
  }
}

}  // namespace
}  // namespace wtrt::gpu_test
