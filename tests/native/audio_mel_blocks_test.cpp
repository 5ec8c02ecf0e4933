// A reader whose blocks are made many at once, as a GPU makes them: the same bits, and not a sample read earlier.
#include <algorithm>
#include <random>

#include "audio/log_mel.hpp"
#include "audio/mel_kernel.hpp"
#include "audio_files.hpp"
#include "common/error.hpp"

namespace wtrt::audio {
namespace {

using test::as_floats;
using test::noise;

// The CPU's kernel, asked for several blocks at a time.
class ManyAtOnce final : public MelFrames {
 public:
  explicit ManyAtOnce(int most) : most_(most) {}
  int n_mels() const override { return kernel_.n_mels(); }
  int most_blocks() const override { return most_; }
  void make(const float* samples, int blocks, float* out) const override {
    ASSERT_GE(blocks, 1);
    ASSERT_LE(blocks, most_);
    if (failures-- > 0) throw Error(ErrorCode::device, "the GPU was lost");
    ++calls;
    kernel_.make(samples, blocks, out);
  }
  mutable int calls = 0, failures = 0;

 private:
  MelKernel kernel_{80};
  int most_;
};

// Says how far it was read.
class Watched final : public PcmSource {
 public:
  Watched(std::span<const float> samples, bool rewindable, int64_t& read)
      : samples_(samples), rewindable_(rewindable), read_(read) {
    read_ = 0;
  }
  size_t read(std::span<float> out) override {
    const auto at = static_cast<size_t>(read_);
    const size_t count = std::min({out.size(), samples_.size() - at, size_t{5000}});
    std::copy_n(samples_.begin() + static_cast<ptrdiff_t>(at), count, out.begin());
    read_ += static_cast<int64_t>(count);
    return count;
  }
  bool can_rewind() const override { return rewindable_; }
  void rewind() override { read_ = 0; }
  int64_t length_hint() const override { return -1; }

 private:
  std::span<const float> samples_;
  bool rewindable_;
  int64_t& read_;
};

struct Reading {
  Reading(std::span<const float> samples, bool rewindable, int most)
      : maker(std::make_shared<ManyAtOnce>(most)),
        reader(std::make_unique<Watched>(samples, rewindable, read), maker) {}
  std::vector<float> window(int64_t seek, int frames) {
    std::vector<float> out(80 * kWindowFrames, -99.0f);
    const int real = reader.window(seek, frames, out.data());
    out.push_back(static_cast<float>(real));
    return out;
  }
  int64_t read = 0;
  std::shared_ptr<ManyAtOnce> maker;
  MelReader reader;
};

std::vector<float> quiet_then_loud(int64_t samples) {
  auto values = as_floats(noise(static_cast<size_t>(samples)));
  for (size_t i = 0; i < values.size(); ++i) values[i] *= 1e-3f + static_cast<float>(i) / static_cast<float>(samples);
  return values;
}

struct Case {
  int64_t samples;
  bool rewindable;
};

class MelBlocks : public ::testing::TestWithParam<Case> {};

// What is asked for is drawn; both readers are asked the same.
TEST_P(MelBlocks, AreTheSameHoweverManyAreMadeAtOnce) {
  const auto [size, rewindable] = GetParam();
  const auto samples = quiet_then_loud(size);
  for (const int most : {2, 7, 63, 1000}) {
    Reading one(samples, rewindable, 1), many(samples, rewindable, most);
    std::mt19937 draw(static_cast<uint32_t>(size + most));
    int64_t furthest = 0;
    for (int turn = 0; turn < 12; ++turn) {
      const int64_t back = rewindable && turn % 5 == 4 ? 20000 : 3000;
      const int64_t seek = std::max<int64_t>(0, furthest - back + draw() % (back + 1500));
      const int frames = static_cast<int>(draw() % 4 == 0 ? draw() % 200 : 3000);
      if (draw() % 3 == 0) {
        one.reader.prepare(seek, seek + 2 * frames);
        many.reader.prepare(seek, seek + 2 * frames);
        furthest = std::max(furthest, seek + 2 * frames - kWindowFrames);
        ASSERT_EQ(one.read, many.read) << "prepare " << seek << " " << frames << " by " << most;
      }
      ASSERT_EQ(one.window(seek, frames), many.window(seek, frames)) << seek << " " << frames << " by " << most;
      ASSERT_EQ(one.read, many.read) << "window " << seek << " " << frames << " by " << most;
      furthest = std::max(furthest, seek);
      ASSERT_EQ(one.reader.has_content(furthest + 100), many.reader.has_content(furthest + 100));
      ASSERT_EQ(one.reader.content_frames(), many.reader.content_frames());
    }
    EXPECT_LT(many.maker->calls, std::max(2, one.maker->calls));
  }
}

INSTANTIATE_TEST_SUITE_P(Recordings, MelBlocks,
                         ::testing::Values(Case{0, true}, Case{1, true}, Case{201, true}, Case{2561, true},
                                           Case{2599, true}, Case{2460, true}, Case{2560 * 63 - 100, true},
                                           Case{2560 * 63 + 40, true}, Case{480161, true}, Case{200 * 16000, true},
                                           Case{0, false}, Case{2599, false}, Case{480161, false},
                                           Case{131 * 16000 + 55, false}));

TEST(MelBlocks, OfALeadingWindowAndOfSamplesInMemory) {
  for (const int64_t size : {300, 16000 * 5 + 33, 16000 * 40}) {
    const auto samples = quiet_then_loud(size);
    for (const int most : {2, 63, 1000}) {
      for (const bool rewindable : {true, false}) {
        Reading one(samples, rewindable, 1), many(samples, rewindable, most);
        std::vector<float> by_one(80 * kWindowFrames), by_many(80 * kWindowFrames, -99.0f);
        one.reader.leading_window(by_one.data());
        many.reader.leading_window(by_many.data());
        EXPECT_EQ(by_one, by_many) << size << " by " << most;
        EXPECT_EQ(one.read, many.read);
      }
      for (const int64_t padding : {0, 100, 480000}) {
        EXPECT_EQ(log_mel(samples, ManyAtOnce(most), padding), log_mel(samples, 80, padding)) << size << " by " << most;
      }
    }
  }
}

// Whoever listens to a live stream has just as much audio as the window takes.
TEST(MelBlocks, OfALiveStreamTakeNoMoreThanWasAskedFor) {
  const auto samples = quiet_then_loud(60 * 16000);
  Reading live(samples, false, 63);
  for (int frames = 16; frames <= 3000; frames += 96) {
    const int before = live.maker->calls;
    live.window(0, frames);
    EXPECT_EQ(live.read, (frames + 15) / 16 * 2560 + 40) << "the last block's frames see 40 samples beyond it";
    EXPECT_LE(live.maker->calls, before + 1);
  }
}

TEST(MelBlocks, OfAWholeFileAreMadeInFewCalls) {
  const auto samples = quiet_then_loud(600 * 16000);
  Reading file(samples, true, 63);
  int asked = 0;
  const auto until_20 = [](void* context) { return ++*static_cast<int*>(context) < 20; };
  try {
    file.reader.scan(until_20, &asked);
    FAIL() << "not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
  }
  EXPECT_EQ(file.maker->calls, 19);
  asked = -1000;
  file.reader.scan(until_20, &asked);
  EXPECT_EQ(file.reader.content_frames(), 60000);
  EXPECT_LE(file.maker->calls, 3751 / 63 + 2 + 8);  // 8 for the turns of the ring
}

TEST(MelBlocks, ThatFailAreTheReadersErrorAndCanBeMadeAgain) {
  const auto samples = quiet_then_loud(100 * 16000);
  Reading one(samples, true, 1), many(samples, true, 63);
  many.maker->failures = 1;
  try {
    many.window(0, 3000);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::device);
  }
  EXPECT_EQ(many.window(5000, 3000), one.window(5000, 3000));
}

}  // namespace
}  // namespace wtrt::audio
