// The convolutions against the definition in double precision.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "backends/cpu/conv1d.hpp"
#include "backends/cpu/cpu_backend.hpp"
#include "backends/cpu/isa.hpp"
#include "common/dtype.hpp"
#include "common/error.hpp"
#include "common/thread_pool.hpp"

namespace wtrt::cpu {
namespace {

using ops::ComputeType;

std::vector<float> noise(size_t size, uint32_t seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  for (float& value : values) value = normal(engine);
  return values;
}

double gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

struct Shape {
  int64_t batch, inputs, outputs, frames, stride;
};

struct Data {
  std::vector<float> weight, bias, in, position;
};

float rounded(bool bf16, float value) { return bf16 ? bf16_to_f32(f32_to_bf16(value)) : value; }

// Before GELU: exact, and as the textbook computes it in f32.
struct Value {
  double exact;
  float textbook;
};

// in(b, t, c): zero outside.
template <typename In>
Value convolve(const Shape& s, const Data& d, bool bf16, const In& in, int64_t b, int64_t t, int64_t n) {
  Value value{0, 0};
  for (int64_t tap = 0; tap < 3; ++tap) {
    for (int64_t c = 0; c < s.inputs; ++c) {
      const float w = rounded(bf16, d.weight[static_cast<size_t>((n * s.inputs + c) * 3 + tap)]);
      const float x = rounded(bf16, in(b, t * s.stride + tap - 1, c));
      value.exact += static_cast<double>(w) * x;
      value.textbook += w * x;
    }
  }
  value.exact += d.bias[static_cast<size_t>(n)];
  value.textbook += d.bias[static_cast<size_t>(n)];
  return value;
}

template <typename In>
void check(const Shape& s, const Data& d, bool bf16, const In& in, bool with_position, const std::vector<float>& got) {
  const int64_t out_frames = s.frames / s.stride;
  double ours = 0, textbook = 0;
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t t = 0; t < out_frames; ++t) {
      for (int64_t n = 0; n < s.outputs; ++n) {
        const Value value = convolve(s, d, bf16, in, b, t, n);
        const float added = with_position ? d.position[static_cast<size_t>(t * s.outputs + n)] : 0.0f;
        const float mine = got[static_cast<size_t>((b * out_frames + t) * s.outputs + n)];
        ASSERT_FALSE(std::isnan(mine));
        const double exact = gelu(value.exact) + added;
        const float book = 0.5f * value.textbook * (1.0f + std::erf(value.textbook / std::sqrt(2.0f))) + added;
        ours = std::max(ours, std::abs(mine - exact));
        textbook = std::max(textbook, std::abs(book - exact));
      }
    }
  }
  EXPECT_LE(ours, 2 * textbook);
}

template <typename Body>
void for_each_level(const Body& body) {
  for (int32_t isa = 0; isa <= static_cast<int32_t>(widest_isa()); ++isa) {
    for (const ComputeType type : {ComputeType::f32, ComputeType::i8}) {
      SCOPED_TRACE(std::string(name_of(static_cast<Isa>(isa))) + " type " + std::to_string(static_cast<int>(type)));
      body(CpuSetup{static_cast<Isa>(isa), type, ThreadPool::instance().threads()},
           type != ComputeType::f32 && has_bf16(static_cast<Isa>(isa)));
    }
  }
}

Data make_data(const Shape& s) {
  return {noise(static_cast<size_t>(s.outputs * s.inputs * 3), 1), noise(static_cast<size_t>(s.outputs), 2),
          noise(static_cast<size_t>(s.batch * s.frames * s.inputs), 3),
          noise(static_cast<size_t>(s.frames / s.stride * s.outputs), 4)};
}

CpuConv1d make_conv(ThreadPool& pool, const CpuSetup& setup, const Shape& s, const Data& d) {
  return CpuConv1d(pool, setup, {d.weight.data(), DType::f32, s.outputs, s.inputs * 3, nullptr},
                   {d.bias.data(), DType::f32, 1, s.outputs, nullptr}, static_cast<int32_t>(s.stride));
}

TEST(CpuConv, MelAgreesWithTheDefinition) {
  ThreadPool& pool = ThreadPool::instance();
  for (const Shape& s : {Shape{1, 5, 7, 9, 1}, Shape{2, 80, 33, 150, 1}, Shape{1, 300, 16, 70, 1}}) {
    for_each_level([&](const CpuSetup& setup, bool bf16) {
      Data d = make_data(s);
      const CpuConv1d conv = make_conv(pool, setup, s, d);
      const ThreadPool::Lease lease(pool);
      Scratch scratch;
      std::vector<float> out(static_cast<size_t>(s.batch * s.frames * s.outputs),
                             std::numeric_limits<float>::quiet_NaN());
      conv.run_mel(pool, {d.in.data(), DType::f32, s.batch * s.inputs, s.frames},
                   {out.data(), DType::f32, s.batch * s.frames, s.outputs}, static_cast<int32_t>(s.batch), scratch);
      const auto in = [&](int64_t b, int64_t t, int64_t c) {
        return t < 0 || t >= s.frames ? 0.0f : d.in[static_cast<size_t>((b * s.inputs + c) * s.frames + t)];
      };
      check(s, d, bf16, in, false, out);
    });
  }
}

TEST(CpuConv, TimeAgreesWithTheDefinition) {
  ThreadPool& pool = ThreadPool::instance();
  for (const Shape& s : {Shape{1, 4, 7, 10, 2}, Shape{2, 65, 34, 212, 2}, Shape{1, 48, 64, 100, 1}}) {
    for_each_level([&](const CpuSetup& setup, bool bf16) {
      Data d = make_data(s);
      const CpuConv1d conv = make_conv(pool, setup, s, d);
      const ThreadPool::Lease lease(pool);
      Scratch scratch;
      const int64_t out_frames = s.frames / s.stride;
      std::vector<float> out(static_cast<size_t>(s.batch * out_frames * s.outputs),
                             std::numeric_limits<float>::quiet_NaN());
      conv.run_time(pool, {d.in.data(), DType::f32, s.batch * s.frames, s.inputs},
                    {d.position.data(), DType::f32, out_frames, s.outputs},
                    {out.data(), DType::f32, s.batch * out_frames, s.outputs}, static_cast<int32_t>(s.batch), scratch);
      const auto in = [&](int64_t b, int64_t t, int64_t c) {
        return t < 0 || t >= s.frames ? 0.0f : d.in[static_cast<size_t>((b * s.frames + t) * s.inputs + c)];
      };
      check(s, d, bf16, in, true, out);
    });
  }
}

TEST(CpuConv, TensorsThatDoNotFitAreRefused) {
  ThreadPool& pool = ThreadPool::instance();
  const Shape s{1, 8, 16, 20, 2};
  Data d = make_data(s);
  const CpuConv1d conv = make_conv(pool, {Isa::portable, ComputeType::f32, pool.threads()}, s, d);
  const ThreadPool::Lease lease(pool);
  Scratch scratch;
  std::vector<float> out(static_cast<size_t>(10 * s.outputs));
  const ops::Tensor in{d.in.data(), DType::f32, 20, 8}, position{d.position.data(), DType::f32, 10, 16};
  EXPECT_THROW(conv.run_time(pool, in, position, {out.data(), DType::f32, 9, 16}, 1, scratch), Error);
  EXPECT_THROW(conv.run_mel(pool, in, {out.data(), DType::f32, 10, 16}, 1, scratch), Error);
}

}  // namespace
}  // namespace wtrt::cpu
