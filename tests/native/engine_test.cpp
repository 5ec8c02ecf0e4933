// The engine over the repository's own model and clip: batching, cancelling, closing, credit, limits.
#include <fcntl.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "common/log.hpp"
#include "engine_fixture.hpp"

namespace wtrt::runtime {
namespace {

std::vector<int32_t> alone(AudioInput input) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, std::move(input), greedy());
  return wait_for(*queue, 0).tokens;
}

TEST(Engine, TranscribesTheSample) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, sound(demo_samples()), greedy());
  EXPECT_TRUE(wait_for(*queue, 0).finished);
  const auto result = job->result();
  EXPECT_GT(result->transcript.text.size(), 20u);
  EXPECT_EQ(result->transcript.language, "en");
  EXPECT_NEAR(result->duration_seconds, static_cast<double>(demo_samples().size()) / audio::kSampleRate, 0.02);
}

TEST(Engine, CompanyChangesNoToken) {
  std::vector<std::vector<float>> sounds;
  for (int i = 0; i < 6; ++i) {
    auto samples = repeated(1 + i % 3);
    samples.erase(samples.begin(), samples.begin() + i * 8000);
    sounds.push_back(std::move(samples));
  }
  std::vector<std::vector<int32_t>> expected;
  for (const auto& samples : sounds) expected.push_back(alone(sound(samples)));

  Engine engine(demo_model(), {.max_batch = 4});
  std::vector<std::shared_ptr<EventQueue>> queues;
  for (const auto& samples : sounds) {
    queues.push_back(std::make_shared<EventQueue>());
    engine.submit(queues.back(), sound(samples), greedy());
  }
  for (size_t i = 0; i < sounds.size(); ++i) EXPECT_EQ(wait_for(*queues[i], 0).tokens, expected[i]) << "job " << i;
  const EngineStats stats = engine.stats();
  EXPECT_GT(stats.step_rows, stats.steps) << "no step had more than one row";
  EXPECT_GT(stats.windows, stats.encoder_batches) << "no two windows were encoded together";
}

TEST(Engine, PushedAudioIsTheSameAsAFile) {
  const auto samples = repeated(3);
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  AudioInput input;
  input.kind = AudioKind::pushed;
  const auto job = engine.submit(queue, std::move(input), greedy());
  for (size_t at = 0; at < samples.size(); at += 4000) {
    job->push(std::span(samples).subspan(at, std::min<size_t>(4000, samples.size() - at)));
  }
  job->end_audio();
  EXPECT_EQ(code_of([&] { job->push(samples); }), ErrorCode::invalid_argument);
  const Outcome pushed = wait_for(*queue, 0);
  EXPECT_TRUE(pushed.finished);
  // The running maximum of a stream differs from the whole file's only until the loudest moment has come.
  EXPECT_GT(pushed.tokens.size(), 20u);
  EXPECT_EQ(code_of([&] { job->push(samples); }), ErrorCode::invalid_argument);
}

TEST(Engine, ReadsAPipe) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::thread writer([&] {
    const auto samples = demo_samples();
    std::vector<int16_t> raw;
    for (const float sample : samples) raw.push_back(static_cast<int16_t>(std::lround(sample * 32767)));
    const char* data = reinterpret_cast<const char*>(raw.data());
    for (size_t left = raw.size() * 2; left > 0;) {
      const ssize_t written = ::write(ends[1], data, left);
      if (written <= 0) break;
      data += written;
      left -= static_cast<size_t>(written);
    }
    ::close(ends[1]);
  });
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  AudioInput input;
  input.kind = AudioKind::descriptor_raw;
  input.descriptor = ends[0];
  const auto job = engine.submit(queue, std::move(input), greedy());
  EXPECT_GT(wait_for(*queue, 0).tokens.size(), 10u);
  writer.join();
  ::close(ends[0]);
}

TEST(Engine, CancelsAtAnyMoment) {
  Engine engine(demo_model(), {});
  std::mt19937 random(7);
  for (int i = 0; i < (test::kSanitized ? 20 : 60); ++i) {
    const auto queue = std::make_shared<EventQueue>();
    const auto job = engine.submit(queue, sound(repeated(3)), greedy());
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution<>(0, 250000)(random)));
    job->cancel();
    const auto begin = std::chrono::steady_clock::now();
    const Outcome outcome = wait_for(*queue, 0);
    EXPECT_TRUE(outcome.finished);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
    EXPECT_NO_THROW(job->result());
    job->cancel();  // again, after the end
  }
}

TEST(Engine, CancelWakesAJobThatWaitsForPushes) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  AudioInput input;
  input.kind = AudioKind::pushed;
  const auto job = engine.submit(queue, std::move(input), greedy());
  job->push(std::vector<float>(1000));
  std::this_thread::sleep_for(50ms);
  job->cancel();
  EXPECT_TRUE(wait_for(*queue, 0).cancelled);
  EXPECT_EQ(code_of([&] { job->push(std::vector<float>(1000)); }), ErrorCode::closed);
}

TEST(Engine, CloseCancelsWakesAndRefuses) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, sound(repeated(6)), greedy());
  std::this_thread::sleep_for(30ms);
  engine.close();
  engine.close();
  EXPECT_TRUE(wait_for(*queue, 0).cancelled);
  const auto last = queue->next(1s);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->kind, EventKind::closed);
  EXPECT_EQ(code_of([&] { engine.submit(queue, sound({}), greedy()); }), ErrorCode::closed);
  EXPECT_NO_THROW(job->result());
}

TEST(Engine, MayBeReleasedWhileItWorks) {
  const auto queue = std::make_shared<EventQueue>();
  std::shared_ptr<Job> job;
  {
    Engine engine(demo_model(), {});
    job = engine.submit(queue, sound(repeated(6)), greedy());
    std::this_thread::sleep_for(30ms);
  }
  EXPECT_TRUE(wait_for(*queue, 0).finished);
  EXPECT_NO_THROW(job->result());
}

TEST(Engine, AReaderWhoStopsReadingStallsNobodyElse) {
  Engine engine(demo_model(), {.max_batch = 2});
  const auto unread = std::make_shared<EventQueue>(), queue = std::make_shared<EventQueue>();
  const auto slow =
      engine.submit(unread, sound(repeated(8)), {.transcribe = greedy().transcribe, .max_pending_segments = 1});
  const auto quick = engine.submit(queue, sound(repeated(3)), greedy());
  EXPECT_TRUE(wait_for(*queue, 0).finished);
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(code_of([&] { slow->result(); }), ErrorCode::busy) << "the unread job ran on without credit";
  EXPECT_TRUE(wait_for(*unread, 0).finished) << "reading gives the credit back";
}

TEST(Engine, AClosedQueueLetsItsJobsRunOn) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  const auto job =
      engine.submit(queue, sound(repeated(4)), {.transcribe = greedy().transcribe, .max_pending_segments = 1});
  queue->close();
  for (int i = 0; i < 600 && code_of([&] { job->result(); }) == ErrorCode::busy; ++i) std::this_thread::sleep_for(50ms);
  EXPECT_NO_THROW(job->result());
  EXPECT_EQ(code_of([&] {
              while (queue->next(0ms)) continue;
            }),
            ErrorCode::closed);
}

TEST(Engine, ManyJobsAreRefusedBusyNotLost) {
  Engine engine(demo_model(), {.max_batch = 2, .max_queued_jobs = 3});
  const auto queue = std::make_shared<EventQueue>();
  std::vector<std::shared_ptr<Job>> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(engine.submit(queue, sound(repeated(2)), greedy()));
  EXPECT_EQ(code_of([&] { engine.submit(queue, sound({}), greedy()); }), ErrorCode::busy);
  for (int ended = 0; ended < 3;) {
    const auto event = queue->next(60s);
    ASSERT_TRUE(event);
    if (event->kind == EventKind::finished) ++ended;
  }
  EXPECT_NO_THROW(engine.submit(queue, sound({}), greedy()));
}

TEST(Engine, DamagedAudioFailsItsOwnJobOnly) {
  Engine engine(demo_model(), {});
  const auto good = std::make_shared<EventQueue>(), bad = std::make_shared<EventQueue>();
  AudioInput nonsense;
  nonsense.kind = AudioKind::bytes;
  nonsense.bytes.assign(5000, std::byte{0x5a});
  engine.submit(bad, std::move(nonsense), greedy());
  AudioInput missing;
  missing.path = "no such file.wav";
  const auto lost = std::make_shared<EventQueue>();
  engine.submit(lost, std::move(missing), greedy());
  const auto job = engine.submit(good, sound(demo_samples()), greedy());
  EXPECT_EQ(wait_for(*bad, 0).error, ErrorCode::invalid_audio);
  EXPECT_EQ(wait_for(*lost, 0).error, ErrorCode::not_found);
  EXPECT_TRUE(wait_for(*good, 0).finished);
}

TEST(Engine, NoSoundIsAnEmptyResult) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, sound({}), greedy());
  EXPECT_TRUE(wait_for(*queue, 0).finished);
  EXPECT_EQ(job->result()->transcript.segments.size(), 0u);
}

TEST(Engine, TwoEnginesShareOneModelAndOneQueue) {
  const auto expected = alone(sound(demo_samples()));
  Engine first(demo_model(), {.max_batch = 2}), second(demo_model(), {.max_batch = 2});
  const auto queue = std::make_shared<EventQueue>();
  first.submit(queue, sound(demo_samples()), {.transcribe = greedy().transcribe, .tag = 1});
  second.submit(queue, sound(demo_samples()), {.transcribe = greedy().transcribe, .tag = 2});
  std::vector<int32_t> tokens[3];
  for (int ended = 0; ended < 2;) {
    const auto event = queue->next(60s);
    ASSERT_TRUE(event);
    if (event->kind == EventKind::segment) {
      auto& to = tokens[event->tag];
      to.insert(to.end(), event->segment.tokens.begin(), event->segment.tokens.end());
    }
    if (event->kind == EventKind::finished) ++ended;
  }
  EXPECT_EQ(tokens[1], expected);
  EXPECT_EQ(tokens[2], expected);
}

TEST(Engine, ThePlanIsWhatIsTaken) {
  const auto ops = demo_model()->make_ops();
  const MemoryPlan plan = plan_memory(demo_model()->whisper(), *ops, {.max_batch = 4});
  const Engine engine(demo_model(), {.max_batch = 4});
  const MemoryPlan real = engine.memory();
  EXPECT_EQ(real.self_kv, plan.self_kv);
  EXPECT_EQ(real.cross_kv, plan.cross_kv);
  EXPECT_EQ(real.workspace, plan.workspace);
}

TEST(Engine, ACapLowersTheBatchOrRefuses) {
  const auto ops = demo_model()->make_ops();
  const auto& whisper = demo_model()->whisper();
  const MemoryPlan four = plan_memory(whisper, *ops, {.max_batch = 4}), sixteen = plan_memory(whisper, *ops, {});
  ASSERT_GT(sixteen.beside_weights(), four.beside_weights());
  const MemoryPlan capped = plan_memory(whisper, *ops, {.memory_limit = four.beside_weights()});
  EXPECT_EQ(capped.max_batch, 4);
  EXPECT_EQ(code_of([&] { plan_memory(whisper, *ops, {.memory_limit = 1000}); }), ErrorCode::out_of_memory);
  EXPECT_EQ(code_of([&] { plan_memory(whisper, *ops, {.max_batch = 0}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { plan_memory(whisper, *ops, {.max_batch = 257}); }), ErrorCode::invalid_argument);
}

TEST(Engine, CannotBeClosedInsideTheLogSink) {
  Engine engine(demo_model(), {});
  ErrorCode seen{};
  set_log_sink([&](LogLevel, std::string_view) { seen = code_of([&] { engine.close(); }); }, LogLevel::info);
  log(LogLevel::info, "a line");
  set_log_sink({}, LogLevel::info);
  EXPECT_EQ(seen, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace wtrt::runtime
