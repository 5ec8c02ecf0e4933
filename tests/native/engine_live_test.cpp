// Live transcription: what is stable stays, however the audio comes.
#include <fstream>
#include <string>

#include "engine_fixture.hpp"

namespace wtrt::runtime {
namespace {

JobOptions live_options() {
  JobOptions options = greedy();
  options.transcribe.live_interval = 1.0;
  return options;
}

AudioInput pushed() {
  AudioInput input;
  input.kind = AudioKind::pushed;
  return input;
}

struct Heard {
  std::string stable, tentative;
  int segments = 0, tentatives = 0;
  double last_end = 0;
  bool finished = false, cancelled = false;
};

// Takes events until the job has ended, for none in `patience`, or, if it reports progress, until `one` hypothesis was made.
Heard listen(EventQueue& queue, std::chrono::milliseconds patience = 60s, bool one = false) {
  Heard heard;
  while (auto event = queue.next(patience)) {
    if (event->kind == EventKind::segment) {
      heard.stable += event->segment.text;
      ++heard.segments;
      EXPECT_GE(event->segment.start, heard.last_end);
      EXPECT_GE(event->segment.end, event->segment.start);
      heard.last_end = event->segment.end;
    } else if (event->kind == EventKind::tentative) {
      heard.tentative = event->segment.text;
      ++heard.tentatives;
    } else if (event->kind == EventKind::progress && one) {
      break;
    } else if (event->kind == EventKind::finished) {
      heard.finished = true;
      heard.cancelled = event->cancelled;
      break;
    } else if (event->kind == EventKind::failed) {
      ADD_FAILURE() << event->text;
      break;
    }
  }
  return heard;
}

std::string lower_letters(const std::string& text) {
  std::string letters;
  for (const char c : text) {
    if (std::isalpha(static_cast<unsigned char>(c)))
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return letters;
}

int64_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6));
  }
  return 0;
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

TEST(Live, SaysTheTextBitByBit) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  const auto whole = engine.submit(queue, sound(demo_samples()), greedy());
  EXPECT_TRUE(wait_for(*queue, 0).finished);
  JobOptions options = live_options();
  options.transcribe.live_interval = 0.5;
  options.report_progress = true;
  const auto job = engine.submit(queue, pushed(), options);
  const auto samples = demo_samples();
  Heard before;
  // Each second waits for what is made of the one before, so that the run does not depend on the machine's speed.
  std::string stable;
  size_t at = 0;
  for (; at + audio::kSampleRate <= samples.size(); at += audio::kSampleRate) {
    job->push(std::span(samples).subspan(at, audio::kSampleRate));
    const Heard now = listen(*queue, 60s, true);
    stable += now.stable;
    before.segments += now.segments;
    before.tentatives += now.tentatives;
  }
  EXPECT_GT(before.tentatives, 3);
  EXPECT_GT(before.segments, 1);
  job->push(std::span(samples).subspan(at));
  job->end_audio();
  const Heard rest = listen(*queue);
  EXPECT_TRUE(rest.finished);
  EXPECT_EQ(rest.tentative, "");
  stable += rest.stable;
  EXPECT_EQ(stable, job->result()->transcript.text);
  EXPECT_EQ(lower_letters(stable), lower_letters(whole->result()->transcript.text));
  EXPECT_NEAR(job->result()->duration_seconds, static_cast<double>(samples.size()) / audio::kSampleRate, 0.01);
}

TEST(Live, HoweverItComesTheEventsAreTheResult) {
  Engine engine(demo_model(), {});
  const auto samples = repeated(3);
  uint32_t random = 7;
  for (const size_t most : {300u, 20000u, 2000000u}) {
    const auto queue = std::make_shared<EventQueue>();
    const auto job = engine.submit(queue, pushed(), live_options());
    for (size_t at = 0; at < samples.size();) {
      random = random * 1664525u + 1013904223u;
      const size_t count = std::min(samples.size() - at, 1 + random / 256 % most);
      job->push(std::span(samples).subspan(at, count));
      at += count;
    }
    job->end_audio();
    const Heard heard = listen(*queue);
    EXPECT_TRUE(heard.finished);
    EXPECT_GT(heard.stable.size(), 100u);
    EXPECT_EQ(heard.stable, job->result()->transcript.text);
  }
}

TEST(Live, EndsRightAfterItsBeginning) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, pushed(), live_options());
  job->end_audio();
  const Heard heard = listen(*queue);
  EXPECT_TRUE(heard.finished);
  EXPECT_EQ(heard.segments + heard.tentatives, 0);
}

TEST(Live, IsCancelledWhileItListens) {
  Engine engine(demo_model(), {});
  for (const auto wait : {0ms, 30ms, 300ms}) {
    const auto queue = std::make_shared<EventQueue>();
    const auto job = engine.submit(queue, pushed(), live_options());
    job->push(demo_samples());
    listen(*queue, wait);
    job->cancel();
    const Heard heard = listen(*queue);
    EXPECT_TRUE(heard.finished);
    EXPECT_TRUE(heard.cancelled);
  }
}

TEST(Live, AReaderWhoDoesNotReadFindsOneTentativeText) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  JobOptions options = live_options();
  options.max_pending_segments = 1;
  const auto job = engine.submit(queue, pushed(), options);
  const auto samples = demo_samples();
  for (size_t at = 0; at < samples.size(); at += audio::kSampleRate) {
    job->push(std::span(samples).subspan(at, std::min<size_t>(audio::kSampleRate, samples.size() - at)));
    std::this_thread::sleep_for(150ms);
  }
  const Heard waiting = listen(*queue, 0ms);
  EXPECT_LE(waiting.segments, 1);  // its credit; then it pauses
  EXPECT_LE(waiting.tentatives, 1);
  job->end_audio();
  const Heard rest = listen(*queue);
  EXPECT_TRUE(rest.finished);
  EXPECT_EQ(waiting.stable + rest.stable, job->result()->transcript.text);
}

TEST(Live, SilenceSaysNothing) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, pushed(), live_options());
  for (int i = 0; i < 5; ++i) {
    job->push(std::vector<float>(audio::kSampleRate));
    std::this_thread::sleep_for(100ms);
  }
  job->end_audio();
  const Heard heard = listen(*queue);
  EXPECT_TRUE(heard.finished);
  EXPECT_EQ(job->result()->transcript.text, heard.stable);
}

TEST(Live, TenMinutesTakeNoMoreMemoryThanThree) {
  if (kSanitized) GTEST_SKIP() << "AddressSanitizer keeps freed memory: what is resident says nothing";
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  JobOptions options = live_options();
  options.report_progress = true;
  const auto job = engine.submit(queue, pushed(), options);
  const auto samples = demo_samples();
  std::string stable;
  double pushed_seconds = 0, done = 0;
  // Pushes as fast as it is transcribed: a window that is full moves on.
  const auto push_until = [&](double seconds) {
    while (pushed_seconds < seconds) {
      job->push(samples);
      pushed_seconds += static_cast<double>(samples.size()) / audio::kSampleRate;
      while (done < pushed_seconds - 31) {
        const auto event = queue->next(60s);
        ASSERT_TRUE(event) << "nothing came behind second " << done << " of " << pushed_seconds;
        if (event->kind == EventKind::progress) done = event->done_seconds;
        if (event->kind == EventKind::segment) stable += event->segment.text;
      }
    }
  };
  push_until(180);
  const int64_t after_three = resident_kib();
  push_until(600);
  const int64_t grown = resident_kib() - after_three;
  job->end_audio();
  stable += listen(*queue).stable;
  EXPECT_EQ(stable, job->result()->transcript.text);
  EXPECT_LT(grown, 4 * 1024) << "KiB";  // seven minutes of samples are 26 MiB
}

TEST(Live, RefusesWhatItCannotDo) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  EXPECT_EQ(code_of([&] { engine.submit(queue, sound({}), live_options()); }), ErrorCode::invalid_argument);
  JobOptions filtered = live_options();
  filtered.vad.emplace();
  EXPECT_EQ(code_of([&] { engine.submit(queue, pushed(), filtered); }), ErrorCode::unsupported);
  JobOptions prefixed = live_options();
  prefixed.transcribe.prefix = "So";
  EXPECT_EQ(code_of([&] { engine.submit(queue, pushed(), prefixed); }), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace wtrt::runtime
