#include "token_linear.hpp"

#include <limits>
#include <optional>

#include "one_order.hpp"
#include "reference.hpp"
#include "token_linear_plan.hpp"

namespace wtrt::gpu_test {
namespace {

struct Shape {
  int rows, n, k;
  DType type = DType::f16;
  bool norm = false, bias = true, gelu = false, residual = false, f32_out = false;

  std::string name() const {
    const char* const types[] = {"f32", "f16", "bf16"};
    return std::to_string(rows) + " x " + std::to_string(n) + " x " + std::to_string(k) + " " +
           types[static_cast<int>(type)] + (norm ? " norm" : "") + (bias ? " bias" : "") + (gelu ? " gelu" : "") +
           (residual ? " residual" : "") + (f32_out ? " -> f32" : "");
  }
  DType out_type() const { return f32_out ? DType::f32 : type; }
};

// A product's inputs, on the host as they are rounded and on the device.
struct Problem {
  explicit Problem(const Shape& s, uint32_t seed = 1)
      : shape(s),
        in(rounded(random_values(size(s.rows, s.k), seed), s.type)),
        w(rounded(random_values(size(s.n, s.k), seed + 1, 1 / std::sqrt(static_cast<float>(s.k))), s.type)),
        gain(random_values(size(1, s.k), seed + 2)),
        shift(random_values(size(1, s.k), seed + 3, 0.3f)),
        bias(random_values(size(1, s.n), seed + 4)),
        residual(rounded(random_values(size(s.rows, s.n), seed + 5), s.type)),
        d_in(as_type(in, s.type)),
        d_packed(kernels::token_weight_bytes(s.type, s.n, s.k)),
        d_gain(gain),
        d_shift(shift),
        d_bias(bias),
        d_residual(as_type(residual, s.type)),
        d_out(s.rows * static_cast<int64_t>(s.n) * static_cast<int64_t>(size_of(s.out_type()))) {
    const DeviceArray weight(as_type(w, s.type));
    check(kernels::pack_token_weight(s.type, weight.get(), s.n, s.k, d_packed.get(), test_stream()));
    check(cudaDeviceSynchronize());
  }
  static size_t size(int a, int b) { return static_cast<size_t>(a) * static_cast<size_t>(b); }

  // Some neighbouring rows.
  kernels::TokenLinearArgs args(int first, int rows) const {
    kernels::TokenLinearArgs a{};
    const auto at = [&](const DeviceArray& array, int columns, DType type) {
      return array.as<std::byte>() + first * static_cast<int64_t>(columns) * static_cast<int64_t>(size_of(type));
    };
    a.type = shape.type;
    a.in = at(d_in, shape.k, shape.type);
    if (shape.norm) a.gain = d_gain.as<float>(), a.shift = d_shift.as<float>();
    a.packed = d_packed.get();
    if (shape.bias) a.bias = d_bias.as<float>();
    a.gelu = shape.gelu;
    if (shape.residual) a.residual = at(d_residual, shape.n, shape.type);
    a.out = at(d_out, shape.n, shape.out_type());
    a.out_type = shape.out_type();
    a.rows = rows;
    a.n = shape.n;
    a.k = shape.k;
    return a;
  }

  // Float: f64, or f32 and rounding where kernels round.
  template <typename Float>
  std::vector<Float> result() const {
    constexpr bool kRound = std::is_same_v<Float, float>;
    const auto k = static_cast<size_t>(shape.k), n = static_cast<size_t>(shape.n);
    std::vector<Float> out;
    for (size_t r = 0; r < static_cast<size_t>(shape.rows); ++r) {
      std::vector<Float> x(in.begin() + static_cast<int64_t>(r * k), in.begin() + static_cast<int64_t>((r + 1) * k));
      if (shape.norm) {
        Float mean = 0, square = 0;
        for (const Float v : x) mean += v;
        mean /= static_cast<Float>(k);
        for (const Float v : x) square += (v - mean) * (v - mean);
        const Float scale = 1 / std::sqrt(square / static_cast<Float>(k) + Float(1e-5));
        for (size_t i = 0; i < k; ++i) x[i] = (x[i] - mean) * scale * gain[i] + shift[i];
        if constexpr (kRound) x = rounded(x, shape.type);
      }
      for (size_t c = 0; c < n; ++c) {
        Float sum = 0;
        for (size_t i = 0; i < k; ++i) sum += x[i] * w[c * k + i];
        if (shape.bias) sum += bias[c];
        if (shape.gelu) sum = Float(0.5) * sum * (1 + std::erf(sum / std::sqrt(Float(2))));
        if (shape.residual) sum += residual[r * n + c];
        out.push_back(sum);
      }
    }
    if constexpr (kRound) out = rounded(out, shape.out_type());
    return out;
  }

  Shape shape;
  std::vector<float> in, w, gain, shift, bias, residual;
  DeviceArray d_in, d_packed, d_gain, d_shift, d_bias, d_residual, d_out;
};

const Shape kShapes[] = {
    {.rows = 1, .n = 1280, .k = 1280, .norm = true},
    {.rows = 1, .n = 1280, .k = 5120, .residual = true},
    {.rows = 5, .n = 3840, .k = 1280, .norm = true},
    {.rows = 8, .n = 2560, .k = 1280, .norm = true, .gelu = true},
    {.rows = 9, .n = 1280, .k = 5120, .residual = true},
    {.rows = 16, .n = 1280, .k = 1280, .bias = false, .residual = true},
    {.rows = 32, .n = 3840, .k = 1280, .norm = true},
    {.rows = 33, .n = 1280, .k = 5120, .residual = true},
    {.rows = 70, .n = 1280, .k = 1280, .norm = true, .residual = true},
    {.rows = 1, .n = 51865, .k = 384, .norm = true, .bias = false, .f32_out = true},
    {.rows = 11, .n = 51865, .k = 128, .norm = true, .bias = false, .f32_out = true},
    {.rows = 34, .n = 12965, .k = 128, .bias = false, .f32_out = true},
    {.rows = 3, .n = 1152, .k = 384, .norm = true},
    {.rows = 4, .n = 384, .k = 1536, .residual = true},
    {.rows = 6, .n = 48, .k = 12288, .residual = true},
    {.rows = 2, .n = 100, .k = 2048, .norm = true},
    {.rows = 17, .n = 72, .k = 5120, .norm = true},
    {.rows = 7, .n = 8, .k = 16, .norm = true},
    {.rows = 20, .n = 20, .k = 48, .norm = true, .gelu = true},
    {.rows = 1, .n = 256, .k = 64, .norm = true, .gelu = true},
    {.rows = 5, .n = 1280, .k = 1280, .type = DType::bf16, .norm = true, .residual = true},
    {.rows = 31, .n = 640, .k = 2560, .type = DType::bf16, .gelu = true, .residual = true},
    {.rows = 12, .n = 1000, .k = 80, .type = DType::bf16, .norm = true, .f32_out = true},
    {.rows = 5, .n = 77, .k = 100, .type = DType::f32, .norm = true, .gelu = true, .residual = true},
    {.rows = 33, .n = 384, .k = 384, .type = DType::f32, .residual = true},
};

TEST(TokenLinear, IsWhatTheTextbookComputes) {
  const kernels::Device device = this_device();
  for (const Shape& shape : kShapes) {
    const Problem problem(shape);
    check(kernels::token_linear(device, problem.args(0, shape.rows), test_stream()), shape.name().c_str());
    const auto got = as_f32(problem.d_out.read<std::byte>(), shape.out_type());
    expect_close(shape.name(), got, problem.result<double>(), problem.result<float>(), static_cast<size_t>(shape.n));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(TokenLinear, GivesARowTheSameBitsInAnyCompany) {
  const kernels::Device device = this_device();
  const Shape shapes[] = {{.rows = 70, .n = 1280, .k = 1280, .norm = true, .gelu = true},
                          {.rows = 70, .n = 200, .k = 5120, .residual = true},
                          {.rows = 70, .n = 3840, .k = 128, .norm = true, .f32_out = true},
                          {.rows = 70, .n = 64, .k = 12288},
                          {.rows = 70, .n = 320, .k = 2048, .type = DType::bf16, .norm = true, .residual = true},
                          {.rows = 70, .n = 70, .k = 36, .type = DType::f32, .norm = true}};
  for (const Shape& shape : shapes) {
    Problem problem(shape, 9);
    check(kernels::token_linear(device, problem.args(0, shape.rows), test_stream()), shape.name().c_str());
    const auto all = problem.d_out.read<std::byte>();
    const size_t element = size_of(shape.out_type()), columns = static_cast<size_t>(shape.n);
    const std::pair<int, int> parts[] = {{0, 1},  {69, 1}, {3, 2},  {7, 7},   {11, 8},
                                         {20, 9}, {1, 16}, {5, 31}, {30, 32}, {2, 64}};
    for (const auto& [first, rows] : parts) {
      problem.d_out.poison();
      check(kernels::token_linear(device, problem.args(first, rows), test_stream()), shape.name().c_str());
      const auto some = problem.d_out.read<std::byte>();
      const size_t from = static_cast<size_t>(first) * columns * element,
                   bytes = static_cast<size_t>(rows) * columns * element;
      EXPECT_EQ(differing(shape.name(), all.data() + from, some.data() + from, bytes, element, columns), 0u)
          << shape.name() << ", " << rows << " rows from " << first;
      const auto beyond = as_f32(some, shape.out_type());
      for (size_t i = 0; i < beyond.size(); ++i) {
        if (i * element >= from && i * element < from + bytes) continue;
        if (!std::isnan(beyond[i])) {
          ADD_FAILURE() << shape.name() << " wrote to [" << i / columns << ", " << i % columns
                        << "], which it was not given";
          break;
        }
      }
    }
  }
}

// A chain in which every launch needs the one in front of it, in place, overlapping and not.
TEST(TokenLinear, OverlapsWithoutRacing) {
  const kernels::Device device = this_device();
  for (const int rows : {1, 8, 13, 32}) {
    const Problem up({.rows = rows, .n = 5120, .k = 1280, .norm = true, .gelu = true}),
        down({.rows = rows, .n = 1280, .k = 5120, .residual = true});
    const DeviceArray x(rows * 1280 * 2);
    std::vector<std::byte> results[3];
    for (int pass = 0; pass < 3; ++pass) {
      check(cudaMemcpy(x.get(), up.d_in.get(), static_cast<size_t>(rows) * 1280 * 2, cudaMemcpyDeviceToDevice));
      graph_milliseconds(
          20,
          [&](cudaStream_t stream, int) {
            auto a = up.args(0, rows), b = down.args(0, rows);
            a.in = x.get();
            b.in = a.out;
            b.residual = b.out = x.get();
            a.overlap = b.overlap = pass != 0;
            check(kernels::token_linear(device, a, stream));
            check(kernels::token_linear(device, b, stream));
          },
          1);
      results[pass] = x.read<std::byte>();
    }
    EXPECT_EQ(differing("overlapping", results[0].data(), results[1].data(), results[0].size(), 2, 1280), 0u)
        << rows << " rows";
    EXPECT_EQ(differing("overlapping again", results[1].data(), results[2].data(), results[0].size(), 2, 1280), 0u)
        << rows << " rows";
  }
}

TEST(TokenLinear, RefusesWhatItCannotDo) {
  const kernels::Device device = this_device();
  const Problem problem({.rows = 1, .n = 16, .k = 16});
  auto args = problem.args(0, 1);
  args.k = 8;
  EXPECT_EQ(kernels::token_linear(device, args, test_stream()), cudaErrorInvalidValue);
  args = problem.args(0, 1);
  args.out_type = DType::bf16;
  EXPECT_EQ(kernels::token_linear(device, args, test_stream()), cudaErrorInvalidValue);
}

TEST(TokenLinear, Bench) {
  if (!bench_wanted()) GTEST_SKIP() << "WTRT_BENCH=1 asks for it";
  const kernels::Device device = this_device();
  struct Variant {
    const char* name;
    std::function<void(kernels::token::Plan&, int n, int k)> change;
  };
  const Variant variants[] = {
      {"default", [](auto&, int, int) {}},
      {"a tile a block", [](auto& p, int n, int) { p.slots = (n + 15) / 16, p.stages = 1; }},
      {"132 blocks, 2 stages",
       [](auto& p, int n, int) { p.slots = std::min(132 / p.cluster, (n + 15) / 16), p.stages = 2; }},
  };
  for (const Shape& base :
       {Shape{.rows = 1, .n = 3840, .k = 1280, .norm = true}, Shape{.rows = 1, .n = 1280, .k = 1280, .residual = true},
        Shape{.rows = 1, .n = 5120, .k = 1280, .norm = true, .gelu = true},
        Shape{.rows = 1, .n = 1280, .k = 5120, .residual = true},
        Shape{.rows = 1, .n = 51865, .k = 1280, .norm = true, .bias = false, .f32_out = true}}) {
    const int64_t bytes = kernels::token_weight_bytes(base.type, base.n, base.k);
    const int copies = static_cast<int>(std::max<int64_t>(2, 256'000'000 / bytes));
    const DeviceArray weights(bytes * copies);
    check(cudaMemset(weights.get(), 0x21, static_cast<size_t>(bytes * copies)));
    Shape shape = base;
    shape.rows = 64;
    const Problem problem(shape);
    for (const int rows : {1, 8, 32}) {
      for (const Variant& variant : variants) {
        auto plan = kernels::token::plan(device.sm, device.processors, rows, shape.n, shape.k);
        variant.change(plan, shape.n, shape.k);
        double times[2] = {};
        cudaError_t status = cudaSuccess;
        for (int overlap = 0; overlap < 2; ++overlap) {
          try {
            times[overlap] = graph_milliseconds(std::max(copies, 20), [&](cudaStream_t stream, int i) {
              auto args = problem.args(0, rows);
              args.packed = weights.as<std::byte>() + i % copies * bytes;
              args.overlap = overlap == 1;
              status = kernels::token::run(device, args, plan, stream);
              check(status);
            });
          } catch (const std::exception& e) {
            std::printf("  %s\n", e.what());
            cudaGetLastError();
          }
        }
        const double floor = static_cast<double>(bytes) / 3.0e9;
        std::printf(
            "[ BENCH ] %2d rows %5d x %4d  %-22s chunks %d cluster %d slots %4d stages %d: %6.2f us, overlapping %6.2f "
            "us, floor %5.2f us (%.0f%%)\n",
            rows, shape.n, shape.k, variant.name, plan.chunks, plan.cluster, plan.slots, plan.stages, 1e3 * times[0],
            1e3 * times[1], 1e3 * floor, 100 * floor / times[1]);
      }
    }
  }
}

// Every way to cut a product that the kernel knows, with any division of k.
std::vector<kernels::token::Plan> plans(const kernels::Device& device, int rows, int n, int k) {
  using namespace kernels::token;
  std::vector<Plan> all{plan(device.sm, device.processors, rows, n, k)};
  const int tiles = (n + kTile - 1) / kTile;
  for (int chunks = 1; chunks <= 8; chunks *= 2) {
    const int warp_steps = (k / 16 + kWarps * chunks - 1) / (kWarps * chunks);
    if (warp_steps > kMostSteps) continue;
    for (int row_tiles = 1; row_tiles <= kMostRowTiles && 4 * row_tiles < std::max(rows, 5); row_tiles *= 2) {
      for (const int sharing : {1, 4}) {
        if (sharing > 1 && (row_tiles == 1 || chunks > 1 || tiles < 4)) continue;
        for (const int blocks : {1, 2, 3, 0}) {  // of a multiprocessor; 0: one for each tile
          const int room = std::clamp(blocks * device.processors / chunks, 1, tiles);
          const int slots = std::max((blocks == 0 ? tiles : room) / sharing, 1) * sharing;
          for (const int stages : {1, 2})
            all.push_back({chunks, warp_steps, chunks, slots, stages, row_tiles, sharing});
        }
      }
    }
  }
  return all;
}

std::string described(const kernels::token::Plan& plan) {
  return std::to_string(plan.chunks) + " chunks, " + std::to_string(plan.slots) + " clusters, " +
         std::to_string(plan.row_tiles) + " row tiles, " + std::to_string(plan.stages) + " stages";
}

// A product of a decoder layer, with weights that are never in the second-level cache.
class CostedProduct {
 public:
  CostedProduct(const Shape& shape, int64_t bytes)
      : problem_(shape), bytes_(bytes), copies_(std::max<int64_t>(2, 256'000'000 / bytes)), weights_(bytes * copies_) {
    check(cudaMemset(weights_.get(), 0x21, static_cast<size_t>(bytes_ * copies_)));
  }

  // Microseconds; nothing if it cannot be launched.
  std::optional<double> time(const kernels::Device& device, const kernels::token::Plan& plan, int replays) const {
    auto args = problem_.args(0, problem_.shape.rows);
    if (kernels::token::run(device, args, plan, test_stream()) != cudaSuccess) {
      cudaGetLastError();
      return std::nullopt;
    }
    return 1e3 * graph_milliseconds(
                     std::max(static_cast<int>(copies_), 20),
                     [&](cudaStream_t stream, int i) {
                       args.packed = weights_.as<std::byte>() + i % copies_ * bytes_;
                       check(kernels::token::run(device, args, plan, stream));
                     },
                     replays);
  }

  // Whether a plan computes what the library's does.
  bool right(const kernels::Device& device, const kernels::token::Plan& plan) {
    const int rows = problem_.shape.rows;
    const auto run = [&](const kernels::token::Plan& with) {
      problem_.d_out.poison();
      check(kernels::token::run(device, problem_.args(0, rows), with, test_stream()));
      return as_f32(problem_.d_out.read<std::byte>(), problem_.shape.out_type());
    };
    const auto want = run(kernels::token::plan(device.sm, device.processors, rows, problem_.shape.n, problem_.shape.k)),
               got = run(plan);
    for (size_t i = 0; i < want.size(); ++i) {
      if (!(std::abs(got[i] - want[i]) <= 0.02f * std::max(1.0f, std::abs(want[i])))) return false;
    }
    return true;
  }

 private:
  Problem problem_;
  int64_t bytes_, copies_;
  DeviceArray weights_;
};

TEST(TokenLinear, CostOfOneOrder) {
  if (!bench_wanted()) GTEST_SKIP() << "WTRT_BENCH=1 asks for it";
  const kernels::Device device = this_device();
  struct Product {
    const char* name;
    int times;
    Shape shape;
  };
  const Product products[] = {
      {"norm, qkv", 32, {.rows = 0, .n = 3840, .k = 1280, .norm = true}},
      {"norm, q", 32, {.rows = 0, .n = 1280, .k = 1280, .norm = true}},
      {"out", 64, {.rows = 0, .n = 1280, .k = 1280, .residual = true}},
      {"norm, fc1, gelu", 32, {.rows = 0, .n = 5120, .k = 1280, .norm = true, .gelu = true}},
      {"fc2", 32, {.rows = 0, .n = 1280, .k = 5120, .residual = true}},
      {"norm, logits", 1, {.rows = 0, .n = 51865, .k = 1280, .norm = true, .bias = false, .f32_out = true}}};
  for (const Product& product : products) {
    for (const int rows : {1, 5, 8, 32}) {
      Shape shape = product.shape;
      shape.rows = rows;
      CostedProduct costed(shape, kernels::token_weight_bytes(shape.type, shape.n, shape.k));
      const auto all = plans(device, rows, shape.n, shape.k);
      const auto fastest = [&](bool same_order) {
        kernels::token::Plan best = all[0];
        double least = std::numeric_limits<double>::infinity();
        for (const kernels::token::Plan& plan : all) {
          if (same_order && plan.chunks != all[0].chunks) continue;
          const auto time = costed.time(device, plan, 5);
          if (time && *time < least && costed.right(device, plan)) best = plan, least = *time;
        }
        return best;
      };
      const kernels::token::Plan same = fastest(true), any = fastest(false);
      // Anew, since the least of many times is too little.
      const auto again = [&](const kernels::token::Plan& plan) { return costed.time(device, plan, 31).value(); };
      const double chosen = again(all[0]), same_time = std::min(again(same), chosen),
                   any_time = std::min(again(any), same_time);
      print({"step", product.name, rows, product.times, chosen, same_time, any_time, described(any)});
    }
  }
}

}  // namespace
}  // namespace wtrt::gpu_test
