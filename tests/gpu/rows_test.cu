#include "rows.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "device_array.hpp"

namespace wtrt::gpu_test {
namespace {

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};
const char* name_of(DType type) { return type == DType::f32 ? "f32" : type == DType::f16 ? "f16" : "bf16"; }

// A row's norm in double, and as the textbook has it in f32: sums in order, one rounding at the end.
struct Norm {
  std::vector<double> exact;
  std::vector<float> textbook;
};
Norm norm_of(const float* x, const std::vector<float>& gain, const std::vector<float>& bias) {
  const size_t width = gain.size();
  double sum = 0, squares = 0;
  float sum32 = 0, squares32 = 0;
  for (size_t i = 0; i < width; ++i) {
    sum += x[i];
    sum32 += x[i];
  }
  const double mean = sum / static_cast<double>(width);
  const float mean32 = sum32 / static_cast<float>(width);
  for (size_t i = 0; i < width; ++i) {
    squares += (x[i] - mean) * (x[i] - mean);
    squares32 += (x[i] - mean32) * (x[i] - mean32);
  }
  const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + 1e-5);
  const float scale32 = 1 / std::sqrt(squares32 / static_cast<float>(width) + 1e-5f);
  Norm norm;
  for (size_t i = 0; i < width; ++i) {
    norm.exact.push_back((x[i] - mean) * scale * static_cast<double>(gain[i]) + static_cast<double>(bias[i]));
    norm.textbook.push_back((x[i] - mean32) * scale32 * gain[i] + bias[i]);
  }
  return norm;
}

// The largest errors of all elements of many rows: of few, either could be right by luck.
TEST(LayerNorm, IsAsExactAsTheTextbook) {
  for (const DType type : kTypes) {
    for (const int32_t width : {1, 7, 8, 64, 200, 384, 512, 768, 1000, 1024, 1280, 1281, 1536, 2048, 5120}) {
      const auto gain = random_values(static_cast<size_t>(width), 7),
                 bias = random_values(static_cast<size_t>(width), 8);
      const DeviceArray gains(gain), biases(bias);
      const auto norm = [&](const void* in, void* out, int32_t rows) {
        check(kernels::layer_norm({type, in, gains.as<float>(), biases.as<float>(), out, rows, width}, nullptr));
      };
      double worst = 0, allowed = 0;
      for (const int32_t rows : {1, 5, 201}) {
        auto values = random_values(static_cast<size_t>(rows * width), static_cast<uint32_t>(width + rows), 2.0f);
        for (size_t i = 0; i < values.size(); ++i)
          values[i] += i / static_cast<size_t>(width) % 3 == 1 ? 30.0f : 0.0f;  // a mean far away
        const auto bytes = as_type(values, type);
        const auto x = as_f32(bytes, type);
        const DeviceArray in(bytes), out(static_cast<int64_t>(bytes.size()));
        norm(in.get(), out.get(), rows);
        const auto raw = out.read<std::byte>();
        const auto got = as_f32(raw, type);
        for (int32_t r = 0; r < rows; ++r) {
          const Norm want = norm_of(x.data() + r * width, gain, bias);
          const auto textbook = rounded(want.textbook, type);
          for (size_t i = 0; i < gain.size(); ++i) {
            const double error = std::fabs(got[static_cast<size_t>(r * width) + i] - want.exact[i]);
            worst = std::isnan(error) ? INFINITY : std::max(worst, error);
            allowed = std::max(allowed, std::fabs(textbook[i] - want.exact[i]));
          }
        }
        // In place, and a row alone: the same bits.
        norm(in.get(), in.get(), rows);
        EXPECT_TRUE(in.read<std::byte>() == raw) << "in place; " << name_of(type) << " width " << width;
        const size_t row_bytes = bytes.size() / static_cast<size_t>(rows);
        const DeviceArray alone(std::vector<std::byte>(bytes.end() - static_cast<int64_t>(row_bytes), bytes.end()));
        norm(alone.get(), alone.get(), 1);
        const auto single = alone.read<std::byte>();
        EXPECT_TRUE(std::equal(single.begin(), single.end(), raw.end() - static_cast<int64_t>(row_bytes)))
            << "the last row alone; " << name_of(type) << " width " << width << " rows " << rows;
      }
      EXPECT_LE(worst, 2 * allowed) << name_of(type) << " width " << width;
    }
  }
}

TEST(LayerNorm, SaysWhatItCannotDo) {
  EXPECT_EQ(kernels::layer_norm({DType::i8, nullptr, nullptr, nullptr, nullptr, 1, 8}, nullptr), cudaErrorNotSupported);
  EXPECT_EQ(kernels::layer_norm({DType::f16, nullptr, nullptr, nullptr, nullptr, 0, 8}, nullptr), cudaSuccess);
}

TEST(Gather, CopiesTheRowsAsked) {
  for (const int64_t words : {1, 3, 8, 640, 51865}) {
    const std::vector<float> in = random_values(static_cast<size_t>(5 * words), 1);
    const DeviceArray source(in), rows(std::vector<int32_t>{3, 0, -1, 3, 4}), out(5 * words * 4);
    check(kernels::gather(source.get(), rows.as<int32_t>(), 5, words * 4, out.get(), nullptr));
    const auto got = out.read<float>();
    for (int64_t i = 0; i < words; ++i) {
      const auto at = [&](int64_t row) { return in[static_cast<size_t>(row * words + i)]; };
      const auto of = [&](int64_t row) { return got[static_cast<size_t>(row * words + i)]; };
      ASSERT_EQ(of(0), at(3));
      ASSERT_EQ(of(1), at(0));
      ASSERT_TRUE(std::isnan(of(2))) << "nobody's row was written";
      ASSERT_EQ(of(3), at(3));
      ASSERT_EQ(of(4), at(4));
    }
  }
}

TEST(Convert, RoundsEachWay) {
  for (const DType from : kTypes) {
    for (const DType to : kTypes) {
      for (const int64_t count : {1, 7, 8, 1000, 300007}) {
        for (const int64_t skipped : {0, 1}) {  // an address that is not aligned
          auto values = random_values(static_cast<size_t>(count + skipped), 3, 100.0f);
          values.back() = from == DType::f32 ? 1e-6f : 0.0f;
          const auto bytes = as_type(values, from);
          const auto want = as_type(as_f32(bytes, from), to);
          const DeviceArray in(bytes), out(static_cast<int64_t>(want.size()));
          const auto* begin = in.as<std::byte>() + skipped * static_cast<int64_t>(size_of(from));
          auto* end = out.as<std::byte>() + skipped * static_cast<int64_t>(size_of(to));
          check(kernels::convert(begin, from, end, to, count, nullptr));
          const auto got = out.read<std::byte>();
          EXPECT_TRUE(std::equal(got.begin() + skipped * static_cast<int64_t>(size_of(to)), got.end(),
                                 want.begin() + skipped * static_cast<int64_t>(size_of(to))))
              << name_of(from) << " to " << name_of(to) << ", " << count;
        }
      }
    }
  }
}

TEST(Dequantize, ScalesEachRow) {
  for (const DType to : kTypes) {
    for (const auto& [rows, cols] : {std::pair{1, 1}, std::pair{3, 17}, std::pair{5, 384}, std::pair{64, 1280}}) {
      std::mt19937 random(5);
      std::vector<int8_t> in(static_cast<size_t>(rows * cols));
      for (int8_t& value : in) value = static_cast<int8_t>(static_cast<int32_t>(random() % 256) - 128);
      const auto scale = random_values(static_cast<size_t>(rows), 6, 0.01f);
      std::vector<float> values(in.size());
      for (size_t i = 0; i < in.size(); ++i)
        values[i] = static_cast<float>(in[i]) * scale[i / static_cast<size_t>(cols)];
      const auto want = as_type(values, to);
      const DeviceArray source(in), scales(scale), out(static_cast<int64_t>(want.size()));
      check(kernels::dequantize(source.as<int8_t>(), scales.as<float>(), out.get(), to, rows, cols, nullptr));
      EXPECT_TRUE(out.read<std::byte>() == want) << name_of(to) << " " << rows << " x " << cols;
    }
  }
}

TEST(CountNotFinite, FindsThemAll) {
  for (const DType type : kTypes) {
    for (const int64_t count : {1, 5, 8, 4099, 1000003}) {
      auto values = random_values(static_cast<size_t>(count), 11, 3.0f);
      uint32_t want = 0;
      for (size_t i = 0; i < values.size(); i += 1 + i * 3 / 2) {
        values[i] = i % 3 == 0 ? INFINITY : i % 3 == 1 ? -INFINITY : NAN;
        ++want;
      }
      const DeviceArray in(as_type(values, type)), bad(std::vector<uint32_t>{40});
      check(kernels::count_not_finite(in.get(), type, count, bad.as<uint32_t>(), nullptr));
      EXPECT_EQ(bad.read<uint32_t>()[0], want + 40) << name_of(type) << " " << count;
      EXPECT_GT(want, 0u);
    }
  }
}

TEST(PackMel, TurnsAndPads) {
  for (const DType to : kTypes) {
    for (const auto& [mels, padded] : {std::pair{80, 80}, std::pair{80, 96}, std::pair{128, 128}, std::pair{3, 8}}) {
      for (const int32_t frames : {1, 31, 64, 3000}) {
        constexpr int32_t kBatch = 2;
        const auto mel = random_values(static_cast<size_t>(kBatch * mels * frames), 13);
        std::vector<float> values(static_cast<size_t>(kBatch * (frames + 2) * padded), 0.0f);
        for (int32_t b = 0; b < kBatch; ++b)
          for (int32_t m = 0; m < mels; ++m)
            for (int32_t f = 0; f < frames; ++f)
              values[static_cast<size_t>((b * (frames + 2) + f + 1) * padded + m)] =
                  mel[static_cast<size_t>((b * mels + m) * frames + f)];
        const auto want = as_type(values, to);
        const DeviceArray in(mel), out(static_cast<int64_t>(want.size()));
        check(kernels::pack_mel(in.as<float>(), kBatch, mels, frames, padded, out.get(), to, nullptr));
        EXPECT_TRUE(out.read<std::byte>() == want) << name_of(to) << " " << mels << " bands, " << frames << " frames";
      }
    }
  }
}

TEST(PackConv, PutsTapsBeforeInputs) {
  for (const DType from : kTypes) {
    for (const DType to : kTypes) {
      for (const auto& [outputs, inputs, padded] :
           {std::tuple{3, 5, 8}, std::tuple{384, 80, 80}, std::tuple{64, 384, 384}}) {
        const auto bytes = as_type(random_values(static_cast<size_t>(outputs * inputs * 3), 17), from);
        const auto weight = as_f32(bytes, from);
        std::vector<float> values(static_cast<size_t>(outputs * 3 * padded), 0.0f);
        for (int32_t o = 0; o < outputs; ++o)
          for (int32_t i = 0; i < inputs; ++i)
            for (int32_t t = 0; t < 3; ++t)
              values[static_cast<size_t>((o * 3 + t) * padded + i)] =
                  weight[static_cast<size_t>((o * inputs + i) * 3 + t)];
        const auto want = as_type(values, to);
        const DeviceArray in(bytes), out(static_cast<int64_t>(want.size()));
        check(kernels::pack_conv(in.get(), from, outputs, inputs, padded, out.get(), to, nullptr));
        EXPECT_TRUE(out.read<std::byte>() == want) << name_of(from) << " to " << name_of(to) << " " << inputs;
      }
    }
  }
}

void print_bench(const char* what, double milliseconds, double bytes) {
  const double floor = bytes / 3.0e12 * 1e6, time = milliseconds * 1e3;
  std::printf("[ BENCH ] %s: %.2f us, floor %.2f us, %.0f%% of it\n", what, time, floor, 100 * floor / time);
}

TEST(Rows, DISABLED_Bench) {
  constexpr int32_t kSets = 4;  // together beyond twice the cache
  for (const DType type : kTypes) {
    for (const auto& [rows, width] : {std::pair{12000, 1280}, std::pair{12000, 768}, std::pair{12000, 384},
                                      std::pair{1500, 1280}, std::pair{32, 1280}, std::pair{1, 1280}}) {
      const int64_t bytes = static_cast<int64_t>(rows) * width * static_cast<int64_t>(size_of(type));
      const auto some = as_type(random_values(static_cast<size_t>(rows) * static_cast<size_t>(width), 1), type);
      std::vector<std::unique_ptr<DeviceArray>> in, out;
      for (int i = 0; i < kSets; ++i) {
        in.push_back(std::make_unique<DeviceArray>(some));
        out.push_back(std::make_unique<DeviceArray>(bytes));
      }
      const DeviceArray gain(random_values(static_cast<size_t>(width), 2)),
          bias(random_values(static_cast<size_t>(width), 3));
      const double time = graph_milliseconds(12, [&](cudaStream_t stream, int i) {
        check(kernels::layer_norm({type, in[static_cast<size_t>(i % kSets)]->get(), gain.as<float>(), bias.as<float>(),
                                   out[static_cast<size_t>(i % kSets)]->get(), rows, width},
                                  stream));
      });
      char what[64];
      std::snprintf(what, sizeof what, "layer_norm %s %d x %d", name_of(type), rows, width);
      print_bench(what, time, 2.0 * static_cast<double>(bytes));
    }
  }
  constexpr int64_t kCount = 64 << 20;
  const DeviceArray big(kCount * 4), other(kCount * 4), bad(std::vector<uint32_t>{0}),
      scale(std::vector<float>(65536, 1.0f));
  const auto timed = [&](const char* what, double bytes, const std::function<void(cudaStream_t)>& body) {
    print_bench(what, graph_milliseconds(4, [&](cudaStream_t stream, int) { body(stream); }), bytes);
  };
  timed("copy of 256 MB by the driver", 8.0 * kCount, [&](cudaStream_t s) {
    check(cudaMemcpyAsync(other.get(), big.get(), kCount * 4, cudaMemcpyDeviceToDevice, s));
  });
  timed("convert f32 to f16, 64 M", 6.0 * kCount,
        [&](cudaStream_t s) { check(kernels::convert(big.get(), DType::f32, other.get(), DType::f16, kCount, s)); });
  timed("convert f16 to bf16, 64 M", 4.0 * kCount,
        [&](cudaStream_t s) { check(kernels::convert(big.get(), DType::f16, other.get(), DType::bf16, kCount, s)); });
  timed("dequantize to f16, 64 M", 3.0 * kCount, [&](cudaStream_t s) {
    check(kernels::dequantize(big.as<int8_t>(), scale.as<float>(), other.get(), DType::f16, kCount / 1280, 1280, s));
  });
  timed("count_not_finite f16, 64 M", 2.0 * kCount, [&](cudaStream_t s) {
    check(kernels::count_not_finite(other.get(), DType::f16, kCount, bad.as<uint32_t>(), s));
  });
  timed("pack_mel of 8 windows to f16", 8.0 * 3000 * 80 * 6, [&](cudaStream_t s) {
    check(kernels::pack_mel(big.as<float>(), 8, 80, 3000, 80, other.get(), DType::f16, s));
  });
  timed("pack_conv 1280 x 1280 f16", 1280.0 * 1280 * 12, [&](cudaStream_t s) {
    check(kernels::pack_conv(big.get(), DType::f16, 1280, 1280, 1280, other.get(), DType::f16, s));
  });
  const DeviceArray order(std::vector<int32_t>(32, 5));
  timed("gather 32 rows of 1280 f16", 32.0 * 1280 * 4,
        [&](cudaStream_t s) { check(kernels::gather(big.get(), order.as<int32_t>(), 32, 2560, other.get(), s)); });
}

}  // namespace
}  // namespace wtrt::gpu_test
