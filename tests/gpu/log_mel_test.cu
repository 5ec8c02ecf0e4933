#include "log_mel.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <span>

#include "audio/log_mel.hpp"
#include "device_array.hpp"

namespace wtrt::gpu_test {
namespace {

using kernels::LogMelArgs;

// Gliding voices over faint noise, louder and quieter: bands far apart in power.
std::vector<float> speech_like(int64_t samples, uint32_t seed, float loudness = 0.5f) {
  const auto noise = random_values(static_cast<size_t>(samples), seed, 1e-4f);
  std::vector<float> pcm(static_cast<size_t>(samples));
  double phase = 0.1 * seed;
  for (int64_t i = 0; i < samples; ++i) {
    const double time = static_cast<double>(i) / 16000.0;
    phase += 2.0 * 3.141592653589793 * (140.0 + 40.0 * std::sin(3.0 * time + seed)) / 16000.0;
    double voice = 0.0;
    for (int h = 1; h <= 12; ++h) voice += std::sin(h * phase) / h;
    const double envelope = std::pow(std::max(0.0, std::sin(5.0 * time + 0.3 * seed)), 3.0);
    pcm[static_cast<size_t>(i)] = static_cast<float>(loudness * 0.3 * envelope * voice) + noise[static_cast<size_t>(i)];
  }
  return pcm;
}

struct Recordings {
  std::vector<std::vector<float>> pcm;
  int64_t total;
  int mels;
};

// Frames [first, first + frames) on the device, as [recordings][mels * frames], normalized or not.
std::vector<float> on_device(const Recordings& r, int64_t first, int frames, bool normalized,
                             std::vector<float>* maximum = nullptr) {
  const auto count = static_cast<int32_t>(r.pcm.size());
  const int64_t stride = r.total + 3;
  std::vector<float> all(static_cast<size_t>(count * stride), std::numeric_limits<float>::quiet_NaN());
  std::vector<int64_t> samples;
  for (int32_t i = 0; i < count; ++i) {
    std::copy(r.pcm[i].begin(), r.pcm[i].end(), all.begin() + i * stride);
    samples.push_back(static_cast<int64_t>(r.pcm[i].size()));
  }
  const DeviceArray pcm(all), lengths(samples), filters(audio::mel_filters(r.mels));
  const int64_t values = static_cast<int64_t>(r.mels) * frames;
  const DeviceArray mel(count * values * 4), most(count * 4);
  const LogMelArgs args{pcm.as<float>(),     stride, lengths.as<int64_t>(), r.total,         first, count, frames,
                        filters.as<float>(), r.mels, mel.as<float>(),       most.as<float>()};
  check(kernels::log_mel(args, nullptr));
  if (normalized) check(kernels::normalize_mel(mel.as<float>(), most.as<float>(), count, values, nullptr));
  if (maximum != nullptr) *maximum = most.read<float>();
  return mel.read<float>();
}

void expect_as_on_the_cpu(const Recordings& r, const char* what) {
  const auto frames = static_cast<int>(r.total / audio::kHopLength);
  std::vector<float> maximum;
  const auto got = on_device(r, 0, frames, true, &maximum);
  const size_t values = static_cast<size_t>(r.mels) * frames;
  double worst = 0.0;
  for (size_t i = 0; i < r.pcm.size(); ++i) {
    const auto want = audio::log_mel(r.pcm[i], r.mels, r.total - static_cast<int64_t>(r.pcm[i].size()));
    ASSERT_EQ(want.size(), values);
    int reported = 0;
    for (size_t at = 0; at < values; ++at) {
      const double error = std::abs(static_cast<double>(got[i * values + at]) - want[at]);
      if (!(error <= worst)) worst = error;
      if (!(error <= 2e-5) && reported++ < 4) {
        ADD_FAILURE() << what << ": recording " << i << " band " << at / frames << " frame " << at % frames << ": got "
                      << got[i * values + at] << ", want " << want[at];
      }
    }
    EXPECT_NEAR(maximum[i], 4.0f * *std::max_element(want.begin(), want.end()) - 4.0f, 1e-4f) << what;
  }
  std::printf("%s, %d bands: largest difference %.2e\n", what, r.mels, worst);
}

TEST(LogMel, IsThatOfTheCpu) {
  for (const int mels : {80, 128}) {
    expect_as_on_the_cpu({{speech_like(480000, 1)}, 480000, mels}, "a whole window");
    expect_as_on_the_cpu(
        {{speech_like(118400, 2), speech_like(16000, 3, 1.0f), {}, speech_like(160000, 4, 0.001f)}, 160000, mels},
        "recordings of different lengths");
  }
  for (const int64_t total : {201, 320, 399, 1000, 1440, 1441, 3333}) {
    expect_as_on_the_cpu({{random_values(static_cast<size_t>(total), 5)}, total, 80}, "few samples");
  }
}

TEST(LogMel, FramesFromTheMiddleAreThoseOfTheWhole) {
  const Recordings r{{speech_like(64000, 6), speech_like(50000, 7)}, 64000, 80};
  const auto whole = on_device(r, 0, 400, false), part = on_device(r, 123, 50, false);
  for (size_t i = 0; i < 2; ++i) {
    for (size_t band = 0; band < 80; ++band) {
      for (size_t frame = 0; frame < 50; ++frame) {
        ASSERT_EQ(part[(i * 80 + band) * 50 + frame], whole[(i * 80 + band) * 400 + 123 + frame])
            << "recording " << i << " band " << band << " frame " << frame;
      }
    }
  }
}

TEST(LogMel, RefusesARecordingTooShortToMirror) {
  const DeviceArray any(1 << 16);
  const LogMelArgs args{any.as<float>(), 0, any.as<int64_t>(), 200, 0, 1, 1, any.as<float>(), 80, any.as<float>(),
                        any.as<float>()};
  EXPECT_EQ(kernels::log_mel(args, nullptr), cudaErrorInvalidValue);
}

TEST(LogMelBench, Windows) {
  if (std::getenv("WTRT_BENCH") == nullptr) GTEST_SKIP() << "times are taken with WTRT_BENCH=1";
  for (const int mels : {80, 128}) {
    for (const int count : {1, 8, 32}) {
      const auto pcm_one = speech_like(480000, 8);
      std::vector<float> all;
      for (int i = 0; i < count; ++i) all.insert(all.end(), pcm_one.begin(), pcm_one.end());
      const DeviceArray pcm(all), lengths(std::vector<int64_t>(count, 480000)), filters(audio::mel_filters(mels));
      const int64_t values = static_cast<int64_t>(mels) * 3000;
      const DeviceArray mel(count * values * 4), most(count * 4);
      const LogMelArgs args{pcm.as<float>(),     480000, lengths.as<int64_t>(), 480000,          0, count, 3000,
                            filters.as<float>(), mels,   mel.as<float>(),       most.as<float>()};
      const double time = graph_milliseconds(8, [&](cudaStream_t stream, int) {
        check(kernels::log_mel(args, stream));
        check(kernels::normalize_mel(mel.as<float>(), most.as<float>(), count, values, stream));
      });
      const double floor = count * (480000.0 + 3.0 * static_cast<double>(values)) * 4 / 3.0e12 * 1e3;
      std::printf("[ BENCH ] log-mel %3d bands %2d windows: %.4f ms, floor %.4f ms, %.2f of it\n", mels, count, time,
                  floor, floor / time);
    }
  }
}

}  // namespace
}  // namespace wtrt::gpu_test
