// Jobs in parts: chunks of speech that decode together, and channels by themselves. Each part says what it would say
// alone, times stay those of the recording, and nothing depends on which part is done first.
#include <algorithm>
#include <fstream>
#include <thread>

#include "engine_fixture.hpp"
#include "runtime/parts.hpp"
#include "vad/chunk_reader.hpp"
#include "vad/silero.hpp"

namespace wtrt::runtime {
namespace {

// ---- the order of what parts say ----

output::Segment at(double start) {
  output::Segment segment;
  segment.start = start;
  return segment;
}

std::vector<double> starts(const std::vector<output::Segment>& segments) {
  std::vector<double> all;
  for (const auto& segment : segments) all.push_back(segment.start);
  return all;
}

TEST(Parts, AreGivenInOrderOfTimeWhoeverIsFirst) {
  Parts parts;
  for (const double from : {0.0, 10.0, 20.0}) parts.add(from);
  parts.say(1, {at(11), at(12)});
  parts.end(1);
  EXPECT_TRUE(parts.take().empty());
  EXPECT_EQ(parts.open(), 3u);
  parts.say(0, {at(1)});
  EXPECT_EQ(starts(parts.take()), (std::vector<double>{1}));
  parts.reach(0, 9);
  EXPECT_TRUE(parts.take().empty());
  EXPECT_EQ(parts.reached(), 9);
  parts.end(0);
  EXPECT_EQ(starts(parts.take()), (std::vector<double>{11, 12}));
  EXPECT_EQ(parts.open(), 1u);
  EXPECT_FALSE(parts.ended());
  parts.end(2);
  EXPECT_TRUE(parts.ended());
}

TEST(Parts, OfOneTimeComeInTheOrderOfTheirNumbers) {
  for (const bool second_first : {false, true}) {
    Parts parts;
    parts.add(0);
    parts.add(0);
    std::vector<double> all;
    const auto take = [&] {
      for (const auto& segment : parts.take()) all.push_back(static_cast<double>(segment.channel) + 10 * segment.start);
    };
    const auto say = [&](size_t part) {
      output::Segment one = at(0), two = at(3);
      one.channel = two.channel = static_cast<int32_t>(part);
      parts.say(part, {one, two});
      take();
      parts.end(part);
      take();
    };
    say(second_first ? 1 : 0);
    say(second_first ? 0 : 1);
    EXPECT_EQ(all, (std::vector<double>{0, 1, 30, 31}));
  }
}

// ---- chunks ----

vad::VadOptions short_pauses() {
  vad::VadOptions options;
  options.min_silence_duration_ms = 500;
  options.max_speech_duration_s = 30;
  return options;
}

// The clip `times` over with silence in between, each a quarter of a second shorter than the one before.
std::vector<float> with_pauses(int times) {
  std::vector<float> all(8000);
  for (int i = 0; i < times; ++i) {
    const auto once = demo_samples();
    all.insert(all.end(), once.begin() + i * 4000, once.end());
    all.resize(all.size() + 24000);
  }
  return all;
}

std::vector<vad::ChunkReader::Chunk> chunks_of(std::vector<float> samples, const std::shared_ptr<vad::SpeechMap>& map) {
  vad::ChunkReader reader(
      std::make_unique<vad::SpeechSource>(audio::open_samples(std::move(samples)),
                                          std::make_unique<vad::SileroDetector>(), short_pauses(), map),
      map, 30 * audio::kSampleRate);
  std::vector<vad::ChunkReader::Chunk> all;
  while (true) {
    if (auto chunk = reader.next()) {
      all.push_back(std::move(*chunk));
    } else if (reader.ended()) {
      return all;
    } else {
      reader.advance();
    }
  }
}

JobOptions batched() {
  JobOptions options = greedy();
  options.vad = short_pauses();
  options.batched = true;
  return options;
}

std::vector<output::Segment> segments_of(Engine& engine, AudioInput input, const JobOptions& options) {
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, std::move(input), options);
  const Outcome outcome = wait_for(*queue, options.tag);
  EXPECT_TRUE(outcome.finished);
  std::vector<int32_t> tokens;
  const auto segments = job->result()->transcript.segments;
  for (const auto& segment : segments) tokens.insert(tokens.end(), segment.tokens.begin(), segment.tokens.end());
  EXPECT_EQ(tokens, outcome.tokens) << "events and result differ";
  return segments;
}

std::vector<int32_t> tokens_of(const std::vector<output::Segment>& segments, int32_t channel = -1) {
  std::vector<int32_t> tokens;
  for (const auto& segment : segments) {
    if (segment.channel == channel) tokens.insert(tokens.end(), segment.tokens.begin(), segment.tokens.end());
  }
  return tokens;
}

TEST(Chunked, SpeechIsCutAsItIsFoundLikeAllOfItAtOnce) {
  const auto map = std::make_shared<vad::SpeechMap>();
  const auto chunks = chunks_of(with_pauses(3), map);
  const auto whole = vad::merge_spans(map->spans(), 30 * audio::kSampleRate);
  ASSERT_EQ(chunks.size(), whole.size());
  int64_t start = 0;
  const auto samples = with_pauses(3);
  for (size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i].start, start);
    std::vector<float> expected;
    for (const auto& span : whole[i].spans)
      expected.insert(expected.end(), samples.begin() + span.start, samples.begin() + span.end);
    EXPECT_EQ(chunks[i].samples, expected);
    start += whole[i].samples;
  }
  EXPECT_GE(chunks.size(), 2u);
}

TEST(Chunked, EachChunkSaysWhatItSaysAloneAndTimesStayTrue) {
  const auto samples = with_pauses(7);
  const auto map = std::make_shared<vad::SpeechMap>();
  Engine engine(demo_model(), {.max_batch = 8});
  std::vector<int32_t> expected;
  JobOptions alone = greedy();
  alone.transcribe.condition_on_previous_text = false;
  const auto chunks = chunks_of(samples, map);
  for (const auto& chunk : chunks) {
    const auto tokens = tokens_of(segments_of(engine, sound(chunk.samples), alone));
    expected.insert(expected.end(), tokens.begin(), tokens.end());
  }
  ASSERT_GE(chunks.size(), 3u);

  const EngineStats before = engine.stats();
  const auto segments = segments_of(engine, sound(samples), batched());
  EXPECT_EQ(tokens_of(segments), expected);
  const EngineStats after = engine.stats();
  EXPECT_GT(after.step_rows - before.step_rows, after.steps - before.steps) << "no two chunks were decoded together";

  double reached = 0;
  const auto spans = map->spans();
  for (size_t i = 0; i < segments.size(); ++i) {
    EXPECT_EQ(segments[i].id, static_cast<int64_t>(i));
    EXPECT_LE(reached, segments[i].start + 1e-9) << segments[i].text;
    EXPECT_LE(segments[i].start, segments[i].end);
    reached = segments[i].start;
    const auto inside = [&](double seconds) {
      return std::any_of(spans.begin(), spans.end(), [&](const vad::SpeechSpan& span) {
        return seconds * 16000 >= static_cast<double>(span.start) - 200 &&
               seconds * 16000 <= static_cast<double>(span.end) + 200;
      });
    };
    EXPECT_TRUE(inside(segments[i].start)) << segments[i].start << segments[i].text;
    EXPECT_TRUE(inside(segments[i].end)) << segments[i].end << segments[i].text;
  }
  // Fewer windows in flight, other company: the same.
  Engine narrow(demo_model(), {.max_batch = 1});
  EXPECT_EQ(tokens_of(segments_of(narrow, sound(samples), batched())), expected);
}

TEST(Chunked, ManyJobsInChunksGiveEachOtherRoom) {
  Engine engine(demo_model(), {.max_batch = 2});
  const auto samples = with_pauses(2);
  const auto expected = tokens_of(segments_of(engine, sound(samples), batched()));
  std::vector<std::shared_ptr<EventQueue>> queues;
  for (int i = 0; i < 7; ++i) {
    queues.push_back(std::make_shared<EventQueue>());
    engine.submit(queues.back(), sound(samples), batched());
  }
  for (const auto& queue : queues) EXPECT_EQ(wait_for(*queue, 0).tokens, expected);
}

TEST(Chunked, WordsLieInTheirSegments) {
  Engine engine(demo_model(), {.max_batch = 4});
  JobOptions options = batched();
  options.transcribe.word_timestamps = true;
  double reached = 0;
  int words = 0;
  for (const auto& segment : segments_of(engine, sound(with_pauses(2)), options)) {
    for (const auto& word : segment.words) {
      EXPECT_GE(word.start, reached - 1e-9) << word.text;
      EXPECT_LE(segment.start, word.start);
      EXPECT_LE(word.end, segment.end);
      reached = word.start;
      ++words;
    }
  }
  EXPECT_GT(words, 20);
}

TEST(Chunked, SilenceAndNothingEndAtOnce) {
  Engine engine(demo_model(), {});
  for (const size_t samples : {48000, 0}) {
    const auto queue = std::make_shared<EventQueue>();
    const auto job = engine.submit(queue, sound(std::vector<float>(samples)), batched());
    EXPECT_TRUE(wait_for(*queue, 0).finished);
    EXPECT_TRUE(job->result()->transcript.segments.empty());
    EXPECT_EQ(job->result()->transcript.language, "en");
  }
}

TEST(Chunked, CancelledAtAnyTimeEndsAndLeavesTheEngineWhole) {
  Engine engine(demo_model(), {.max_batch = 2});
  const auto samples = with_pauses(4);
  for (const int milliseconds : {0, 20, 100, 300, 700}) {
    const auto queue = std::make_shared<EventQueue>();
    const auto job = engine.submit(queue, sound(samples), batched());
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    job->cancel();
    EXPECT_TRUE(wait_for(*queue, 0).finished);
    EXPECT_NO_THROW(job->result());
  }
  EXPECT_FALSE(segments_of(engine, sound(demo_samples()), greedy()).empty());
}

TEST(Chunked, PushedSoundIsCutToo) {
  Engine engine(demo_model(), {.max_batch = 4});
  const auto samples = with_pauses(2);
  const auto expected = tokens_of(segments_of(engine, sound(samples), batched()));
  AudioInput input;
  input.kind = AudioKind::pushed;
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, std::move(input), batched());
  for (size_t from = 0; from < samples.size(); from += 50000) {
    job->push(std::span(samples).subspan(from, std::min<size_t>(50000, samples.size() - from)));
  }
  job->end_audio();
  EXPECT_EQ(wait_for(*queue, 0).tokens, expected);
}

// ---- channels ----

// 16-bit samples of two channels as a WAV file.
AudioInput stereo(const std::vector<float>& left, const std::vector<float>& right) {
  const auto frames = static_cast<uint32_t>(std::max(left.size(), right.size()));
  AudioInput input;
  input.kind = AudioKind::bytes;
  const auto put = [&](const auto& value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    input.bytes.insert(input.bytes.end(), bytes, bytes + sizeof value);
  };
  const auto name = [&](const char* four) {
    for (int i = 0; i < 4; ++i) input.bytes.push_back(static_cast<std::byte>(four[i]));
  };
  name("RIFF"), put(uint32_t{36 + frames * 4}), name("WAVE"), name("fmt "), put(uint32_t{16}), put(uint16_t{1}),
      put(uint16_t{2});
  put(uint32_t{16000}), put(uint32_t{64000}), put(uint16_t{4}), put(uint16_t{16}), name("data"),
      put(uint32_t{frames * 4});
  for (size_t i = 0; i < frames; ++i) {
    put(static_cast<int16_t>(i < left.size() ? left[i] * 32768.0f : 0.0f));
    put(static_cast<int16_t>(i < right.size() ? right[i] * 32768.0f : 0.0f));
  }
  return input;
}

TEST(Channels, AreTranscribedByThemselvesAndPutInOrder) {
  const auto left = demo_samples();
  std::vector<float> right(40000);
  right.insert(right.end(), left.begin() + 24000, left.end());
  std::vector<float> left_to_the_end = left;
  left_to_the_end.resize(std::max(left.size(), right.size()));
  right.resize(left_to_the_end.size());
  Engine engine(demo_model(), {.max_batch = 4});
  JobOptions split = greedy();
  split.split_channels = true;
  const auto segments = segments_of(engine, stereo(left_to_the_end, right), split);
  EXPECT_EQ(tokens_of(segments, 0), tokens_of(segments_of(engine, sound(left_to_the_end), greedy())));
  EXPECT_EQ(tokens_of(segments, 1), tokens_of(segments_of(engine, sound(right), greedy())));
  EXPECT_FALSE(tokens_of(segments, 0).empty());
  EXPECT_FALSE(tokens_of(segments, 1).empty());
  EXPECT_TRUE(
      std::is_sorted(segments.begin(), segments.end(), [](const auto& a, const auto& b) { return a.start < b.start; }));

  split.vad = short_pauses();
  split.batched = true;
  const auto chunked = segments_of(engine, stereo(left_to_the_end, right), split);
  EXPECT_FALSE(tokens_of(chunked, 0).empty());
  EXPECT_EQ(tokens_of(chunked, 1), tokens_of(segments_of(engine, sound(right), batched())));
}

TEST(Channels, OfAMonoRecordingAreOne) {
  Engine engine(demo_model(), {});
  JobOptions split = greedy();
  split.split_channels = true;
  EXPECT_EQ(tokens_of(segments_of(engine, sound(demo_samples()), split), 0),
            tokens_of(segments_of(engine, sound(demo_samples()), greedy())));
}

TEST(Channels, OfADamagedRecordingFailByName) {
  Engine engine(demo_model(), {});
  JobOptions split = greedy();
  split.split_channels = true;
  AudioInput input;
  input.kind = AudioKind::bytes;
  input.bytes.resize(100, std::byte{7});
  const auto queue = std::make_shared<EventQueue>();
  const auto job = engine.submit(queue, std::move(input), split);
  EXPECT_EQ(wait_for(*queue, 0).error, ErrorCode::invalid_audio);
}

// A FLAC file whose head is whole and whose first frame is not: it opens, and fails when it is read.
TEST(InParts, APartThatFailsFailsTheWholeOnce) {
  std::ifstream in(test::repository() / "samples" / "reader.flac", std::ios::binary);
  std::string file{std::istreambuf_iterator<char>(in), {}};
  std::fill(file.begin() + 10000, file.end(), '\0');
  Engine engine(demo_model(), {.max_batch = 2});
  for (const bool split : {false, true}) {
    for (const bool chunks : {false, true}) {
      JobOptions options = chunks ? batched() : greedy();
      options.split_channels = split;
      AudioInput input;
      input.kind = AudioKind::bytes;
      const auto* first = reinterpret_cast<const std::byte*>(file.data());
      input.bytes.assign(first, first + file.size());
      const auto queue = std::make_shared<EventQueue>();
      const auto job = engine.submit(queue, std::move(input), options);
      EXPECT_EQ(wait_for(*queue, 0).error, ErrorCode::invalid_audio) << split << chunks;
      EXPECT_EQ(code_of([&] { job->result(); }), ErrorCode::invalid_audio);
      EXPECT_FALSE(queue->next(50ms)) << "something came after the end";
    }
  }
  EXPECT_FALSE(segments_of(engine, sound(demo_samples()), greedy()).empty());
}

// ---- what does not go together ----

TEST(InParts, PairsThatDoNotGoTogetherAreRefused) {
  Engine engine(demo_model(), {});
  const auto queue = std::make_shared<EventQueue>();
  const auto refused = [&](AudioKind kind, const JobOptions& options) {
    AudioInput input;
    input.kind = kind;
    return code_of([&] { engine.submit(queue, std::move(input), options); }) == ErrorCode::invalid_argument;
  };
  JobOptions options = greedy();
  options.batched = true;
  EXPECT_TRUE(refused(AudioKind::samples, options));
  options = batched();
  options.transcribe.clip_timestamps = {0, 1};
  EXPECT_TRUE(refused(AudioKind::samples, options));
  options = greedy();
  options.split_channels = true;
  EXPECT_TRUE(refused(AudioKind::pushed, options));
}

TEST(ClippedJob, SaysOnlyWhatIsInItsClips) {
  Engine engine(demo_model(), {});
  JobOptions options = greedy();
  options.transcribe.clip_timestamps = {1, 4, 6, 9};
  const auto segments = segments_of(engine, sound(demo_samples()), options);
  ASSERT_GE(segments.size(), 2u);
  EXPECT_EQ(segments.front().seek, 100);
  EXPECT_GE(segments.front().start, 1.0);
  EXPECT_EQ(engine.stats().windows >= 2, true);
  for (const auto& segment : segments)
    EXPECT_TRUE((segment.seek >= 100 && segment.seek < 400) || (segment.seek >= 600 && segment.seek < 900));
}

}  // namespace
}  // namespace wtrt::runtime
