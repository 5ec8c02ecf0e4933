// The log-mel and its reader: against the reference's own figures, and against itself cut in every other way.
#include <algorithm>
#include <cmath>

#include "audio/log_mel.hpp"
#include "audio/mel_kernel.hpp"
#include "audio/sndfile_decoder.hpp"
#include "audio_files.hpp"
#include "common/error.hpp"

namespace wtrt::audio {
namespace {

using test::as_floats;
using test::golden_tensor;
using test::noise;

constexpr const char* kGoldens = "golden/whisper/mel.safetensors";
constexpr double kBar = 2e-5;

double worst(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::max(most, std::fabs(double{a[i]} - double{b[i]}));
  return most;
}

// The first `columns` of each row.
std::vector<float> head(std::span<const float> rows, int n_mels, int64_t columns) {
  const size_t stride = rows.size() / static_cast<size_t>(n_mels);
  std::vector<float> out;
  for (size_t m = 0; m < static_cast<size_t>(n_mels); ++m) {
    const auto row = rows.subspan(m * stride, static_cast<size_t>(columns));
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

std::vector<float> window_of(MelReader& reader, int n_mels, int64_t seek, int frames, int expected) {
  std::vector<float> out(static_cast<size_t>(n_mels) * kWindowFrames, -99.0f);
  EXPECT_EQ(reader.window(seek, frames, out.data()), expected);
  return out;
}

// The whole recording at once, as `transcribe` sees it, and a window cut from it.
class Whole {
 public:
  Whole(std::span<const float> samples, int n_mels)
      : n_mels_(n_mels), mel_(log_mel(samples, n_mels, 480000)), content_(static_cast<int64_t>(samples.size()) / 160) {}
  std::vector<float> window(int64_t seek, int frames) const {
    std::vector<float> out(static_cast<size_t>(n_mels_) * kWindowFrames, 0.0f);
    const size_t stride = mel_.size() / static_cast<size_t>(n_mels_);
    for (int m = 0; m < n_mels_; ++m) {
      for (int64_t i = 0; i < std::min<int64_t>(frames, content_ - seek); ++i) {
        out[static_cast<size_t>(m * kWindowFrames + i)] =
            mel_[static_cast<size_t>(m) * stride + static_cast<size_t>(seek + i)];
      }
    }
    return out;
  }
  std::span<const float> mel() const { return mel_; }

 private:
  int n_mels_;
  std::vector<float> mel_;
  int64_t content_;
};

class PipeOf final : public PcmSource {
 public:
  explicit PipeOf(std::vector<float> samples) : samples_(std::move(samples)) {}
  size_t read(std::span<float> out) override {
    const size_t count = std::min({out.size(), samples_.size() - at_, size_t{777}});
    std::copy_n(samples_.begin() + static_cast<ptrdiff_t>(at_), count, out.begin());
    at_ += count;
    return count;
  }
  bool can_rewind() const override { return false; }
  void rewind() override { FAIL() << "a pipe was rewound"; }
  int64_t length_hint() const override { return -1; }

 private:
  std::vector<float> samples_;
  size_t at_ = 0;
};

struct GoldenClip {
  const char* name;
  const char* file;
  int n_mels;
};

class MelGolden : public ::testing::TestWithParam<GoldenClip> {};

TEST_P(MelGolden, WindowAndWholeFileAreTheReferences) {
  WTRT_NEEDS_SHARED(kGoldens);
  const auto [name, file, n_mels] = GetParam();
  const auto path = test::shared() / "speech" / file;
  std::vector<float> samples;
  if (std::string(file).find("english") == 0 || sndfile_version().empty()) {
    // not at 16 kHz: the resampler must be the reference's
    if (!test::have_ffmpeg_program()) GTEST_SKIP() << "needs the ffmpeg program to decode as the reference did";
    samples = test::decoded_by_ffmpeg_program(path);
  } else {
    samples = test::read_all(*open_file(path));
  }
  const std::string key = std::string(name) + ".mel" + std::to_string(n_mels);
  const auto window = golden_tensor(test::shared() / kGoldens, key + ".window");
  const auto mel = log_mel(samples, n_mels, 480000 - static_cast<int64_t>(samples.size()));
  const double window_error = worst(head(mel, n_mels, window.shape[1]), window.values);
  RecordProperty("window_error", std::to_string(window_error));
  std::printf("%s window: max error %.2e\n", key.c_str(), window_error);
  EXPECT_LE(window_error, kBar);

  MelReader reader(open_samples(samples), n_mels);
  std::vector<float> leading(static_cast<size_t>(n_mels) * kWindowFrames);
  reader.leading_window(leading.data());
  EXPECT_LE(worst(head(leading, n_mels, window.shape[1]), window.values), kBar);
  if (n_mels != 80) return;
  const auto whole = golden_tensor(test::shared() / kGoldens, key + ".whole_head");
  EXPECT_LE(worst(head(log_mel(samples, n_mels, 480000), n_mels, 200), whole.values), kBar);
  EXPECT_LE(worst(head(window_of(reader, n_mels, 0, 200, 200), n_mels, 200), whole.values), kBar);
}

INSTANTIATE_TEST_SUITE_P(
    Clips, MelGolden,
    ::testing::Values(GoldenClip{"LJ001-0001", "english/LJ001-0001.flac", 80},
                      GoldenClip{"dev-clean_2412-153948-0000", "librispeech/dev-clean_2412-153948-0000.flac", 80},
                      GoldenClip{"dev-clean_2412-153948-0000", "librispeech/dev-clean_2412-153948-0000.flac", 128},
                      GoldenClip{"test-clean_2961-960-0000", "librispeech/test-clean_2961-960-0000.flac", 80}));

TEST(MelFilters, AreTheReferences) {
  WTRT_NEEDS_SHARED(kGoldens);
  for (const int n_mels : {80, 128}) {
    const auto golden = golden_tensor(test::shared() / kGoldens, "filters" + std::to_string(n_mels));
    EXPECT_LE(worst(mel_filters(n_mels), golden.values), 1e-8) << n_mels;
  }
}

TEST(MelFilters, OtherSizesAreRefused) {
  for (const int n_mels : {0, -1, 79, 129, 1 << 30}) EXPECT_THROW(mel_filters(n_mels), Error);
  EXPECT_THROW(log_mel({}, 81, 0), Error);
}

// One frame by the definition, in double precision.
double definition(std::span<const float> padded, const std::vector<float>& filters, int mel, int64_t frame) {
  double sum = 0;
  for (int k = 0; k <= 200; ++k) {
    const double weight = filters[static_cast<size_t>(mel * 201 + k)];
    if (weight == 0) continue;
    double re = 0, im = 0;
    for (int i = 0; i < 400; ++i) {
      const double hann = 0.5 - 0.5 * std::cos(2 * M_PI * i / 400);
      const double value = hann * double{padded[static_cast<size_t>(frame * 160 + i)]};
      re += value * std::cos(2 * M_PI * k * i / 400);
      im -= value * std::sin(2 * M_PI * k * i / 400);
    }
    sum += weight * (re * re + im * im);
  }
  return std::log10(std::max(sum, 1e-10));
}

TEST(LogMel, IsTheDefinitionMirroredAtBothEnds) {
  const auto samples = as_floats(noise(16000 + 77));
  std::vector<float> padded;
  for (int i = 200; i > 0; --i) padded.push_back(samples[static_cast<size_t>(i)]);
  padded.insert(padded.end(), samples.begin(), samples.end());
  for (int i = 0; i < 400; ++i) padded.push_back(samples[samples.size() - 2 - static_cast<size_t>(i)]);
  for (const int n_mels : {80, 128}) {
    const auto mel = log_mel(samples, n_mels, 0);
    const size_t frames = 100;
    ASSERT_EQ(mel.size(), static_cast<size_t>(n_mels) * frames);
    const auto filters = mel_filters(n_mels);
    for (const size_t frame : {0ul, 1ul, 2ul, 15ul, 16ul, 50ul, 98ul, 99ul}) {
      for (int m = 0; m < n_mels; ++m) {
        const double expected = (definition(padded, filters, m, static_cast<int64_t>(frame)) + 4) / 4;
        EXPECT_NEAR(mel[static_cast<size_t>(m) * frames + frame], expected, 2e-6) << m << " " << frame;
      }
    }
  }
}

TEST(LogMel, EveryInstructionSetGivesTheSameBits) {
  const auto samples = as_floats(noise(kBlockSamples, 5));
  for (const int n_mels : {80, 128}) {
    const MelKernel kernel(n_mels);
    std::vector<float> first(static_cast<size_t>(n_mels) * kBlockFrames), other(first.size());
    const auto variants = MelKernel::variants();
    EXPECT_STREQ(variants.back().name, "portable");
    variants.front().function(kernel.tables(), samples.data(), first.data());
    for (const auto& variant : variants) {
      variant.function(kernel.tables(), samples.data(), other.data());
      EXPECT_EQ(first, other) << variant.name;
    }
  }
}

TEST(LogMel, SilenceIsTheFloor) {
  const std::vector<float> silence(48000);
  for (const float value : log_mel(silence, 80, 480000)) ASSERT_NEAR(value, -1.5f, 1e-6);
}

TEST(LogMel, ShortInput) {
  EXPECT_TRUE(log_mel({}, 80, 0).empty());
  EXPECT_THROW(log_mel(std::vector<float>(200), 80, 0), Error);
  EXPECT_EQ(log_mel(std::vector<float>(201, 0.5f), 80, 0).size(), 80u);
  EXPECT_EQ(log_mel(std::vector<float>(1, 0.5f), 80, 480000).size(), 80u * 3000);
  EXPECT_THROW(log_mel({}, 80, -1), Error);
}

class MelReaderLengths : public ::testing::TestWithParam<int64_t> {};

TEST_P(MelReaderLengths, CutsTheWholeFilesLogMel) {
  const auto samples = as_floats(noise(static_cast<size_t>(GetParam())));
  const Whole whole(samples, 80);
  const int64_t content = GetParam() / 160;
  MelReader reader(open_samples(samples), 80);
  reader.scan(nullptr, nullptr);
  EXPECT_EQ(reader.content_frames(), content);
  EXPECT_EQ(reader.has_content(content), false);
  EXPECT_EQ(reader.has_content(std::max<int64_t>(0, content - 1)), content > 0);
  for (int64_t seek = 0; seek < content + 1; seek += 2711) {
    for (const int frames : {3000, 1, 17}) {
      const int real = static_cast<int>(std::clamp<int64_t>(content - seek, 0, frames));
      ASSERT_EQ(window_of(reader, 80, seek, frames, real), whole.window(seek, frames)) << seek << " " << frames;
    }
    const int64_t back = std::max<int64_t>(0, seek - 3000);  // as far back as is promised
    const int real = static_cast<int>(std::clamp<int64_t>(content - back, 0, 3000));
    ASSERT_EQ(window_of(reader, 80, back, 3000, real), whole.window(back, 3000)) << back;
  }
}

INSTANTIATE_TEST_SUITE_P(Samples, MelReaderLengths,
                         ::testing::Values(0, 1, 159, 160, 200, 201, 2559, 2560, 16000, 479999, 480000, 480161,
                                           131 * 16000 + 55, 200 * 16000));

TEST(MelReader, LeadingWindowShowsTheSilenceAfterTheAudio) {
  const auto samples = as_floats(noise(5 * 16000 + 33));
  const Whole whole(samples, 128);
  MelReader reader(open_samples(samples), 128);
  std::vector<float> leading(128 * kWindowFrames);
  reader.leading_window(leading.data());
  EXPECT_LE(worst(leading, head(whole.mel(), 128, kWindowFrames)), 1e-6);
  EXPECT_NE(leading[2999], 0.0f);
}

TEST(MelReader, APipeUsesTheMaximumSoFar) {
  auto samples = as_floats(noise(100 * 16000));
  for (size_t i = 0; i < 40u * 16000; ++i) samples[i] *= 1e-3f;  // loud only after the first window
  const Whole whole(samples, 80);
  const Whole first_part(std::vector<float>(samples.begin(), samples.begin() + 3008 * 160), 80);
  MelReader reader(std::make_unique<PipeOf>(samples), 80);
  reader.scan(nullptr, nullptr);
  EXPECT_EQ(reader.content_frames(), -1);
  EXPECT_TRUE(reader.has_content(0));
  const auto quiet = window_of(reader, 80, 0, 3000, 3000);
  EXPECT_NE(quiet, whole.window(0, 3000));
  EXPECT_LE(worst(quiet, first_part.window(0, 3000)), 0.3);  // the cut itself is a click in the last frame
  EXPECT_EQ(head(quiet, 80, 2990), head(first_part.window(0, 3000), 80, 2990));
  window_of(reader, 80, 3000, 3000, 3000);
  EXPECT_TRUE(reader.has_content(9999));
  EXPECT_FALSE(reader.has_content(10000));
  EXPECT_EQ(reader.content_frames(), 10000);
  EXPECT_EQ(window_of(reader, 80, 9000, 3000, 1000), whole.window(9000, 3000));
  EXPECT_EQ(window_of(reader, 80, 6000, 3000, 3000), whole.window(6000, 3000));
  EXPECT_THROW(window_of(reader, 80, 0, 3000, 0), Error);  // further back than promised
}

TEST(MelReader, EmptyAndEndlessQuestions) {
  MelReader reader(open_samples({}), 80);
  EXPECT_FALSE(reader.has_content(0));
  const auto window = window_of(reader, 80, 0, 3000, 0);
  EXPECT_TRUE(std::ranges::all_of(window, [](float value) { return value == 0.0f; }));
  EXPECT_EQ(window_of(reader, 80, int64_t{1} << 40, 3000, 0), window);
  std::vector<float> out(80 * kWindowFrames);
  EXPECT_THROW(reader.window(-1, 3000, out.data()), Error);
  EXPECT_THROW(reader.window(0, 3001, out.data()), Error);
  EXPECT_THROW(reader.window(0, -1, out.data()), Error);
}

TEST(MelReader, AFileIsReadAgainWhenAskedFarBack) {
  const auto samples = as_floats(noise(200 * 16000));
  const Whole whole(samples, 80);
  MelReader reader(open_samples(samples), 80);
  EXPECT_EQ(window_of(reader, 80, 17000, 3000, 3000), whole.window(17000, 3000));
  EXPECT_EQ(window_of(reader, 80, 10, 3000, 3000), whole.window(10, 3000));
}

TEST(MelReader, ScanIsCancelled) {
  MelReader reader(open_samples(std::vector<float>(600 * 16000)), 80);
  int asked = 0;
  try {
    reader.scan([](void* context) { return ++*static_cast<int*>(context) < 10; }, &asked);
    FAIL() << "not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
  }
  EXPECT_EQ(asked, 10);
  asked = -1000000;
  reader.scan([](void* context) { return ++*static_cast<int*>(context) < 10; }, &asked);  // goes on where it was
  EXPECT_EQ(reader.content_frames(), 60000);
  EXPECT_NEAR(asked + 1000000, 600, 20);
}

}  // namespace
}  // namespace wtrt::audio
