// Sources on recordings made here: every door, every refusal, and memory that does not grow.
#include <fcntl.h>

#include <algorithm>
#include <atomic>

#include "audio/container.hpp"
#include "audio/downmix.hpp"
#include "audio/ffmpeg_decoder.hpp"
#include "audio/log_mel.hpp"
#include "audio/resampler.hpp"
#include "audio/sndfile_decoder.hpp"
#include "audio_files.hpp"
#include "common/error.hpp"

namespace wtrt::audio {
namespace {

using test::as_floats;
using test::noise;
using test::wav_file;

#define WTRT_NEEDS_SNDFILE() \
  if (sndfile_version().empty()) GTEST_SKIP() << "this build has no libsndfile"

template <typename Act>
Error refusal_of(Act act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was refused";
  return Error(ErrorCode::internal, "nothing was refused");
}

std::vector<std::byte> as_bytes(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  if (!bytes.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

TEST(Source, SamplesPassThrough) {
  const auto samples = as_floats(noise(10000));
  auto source = open_samples(samples);
  EXPECT_TRUE(source->can_rewind());
  EXPECT_EQ(source->length_hint(), 10000);
  EXPECT_EQ(test::read_all(*source), samples);
  source->rewind();
  EXPECT_EQ(test::read_all(*source, 1), samples);
  EXPECT_TRUE(test::read_all(*open_samples({})).empty());
  const float nan = std::nanf("");
  EXPECT_EQ(test::read_all(*open_samples({nan, 0.5f, -1.0f / 0.0f})), (std::vector<float>{0.0f, 0.5f, 0.0f}));
}

TEST(Source, PcmIsExactAndRewinds) {
  WTRT_NEEDS_SNDFILE();
  auto samples = noise(40000);
  samples[5] = -32768;
  samples[6] = 32767;
  auto source = open_encoded(wav_file(samples), "a.wav");
  EXPECT_EQ(source->length_hint(), 40000);
  EXPECT_EQ(test::read_all(*source, 999), as_floats(samples));
  source->rewind();
  std::vector<float> some(123);
  source->read(some);
  source->rewind();  // in the middle
  EXPECT_EQ(test::read_all(*source), as_floats(samples));
}

TEST(Source, AnyPathAnyName) {
  WTRT_NEEDS_SNDFILE();
  const test::TemporaryFolder folder;
  const auto samples = noise(5000);
  for (const char* name :
       {"plain.wav", "liar.mp3", "no extension", "日本語 – ñandú 🎙.wav", "'quote\"s.wav"}) {
    EXPECT_EQ(test::read_all(*open_file(folder.write(name, wav_file(samples)))), as_floats(samples)) << name;
  }
}

TEST(Source, MissingAndImproperPaths) {
  const test::TemporaryFolder folder;
  const auto missing = refusal_of([&] { open_file(folder.path() / "не там.wav"); });
  EXPECT_EQ(missing.code(), ErrorCode::not_found);
  EXPECT_NE(std::string(missing.what()).find("не там.wav"), std::string::npos);
  EXPECT_EQ(refusal_of([&] { open_file(folder.path()); }).code(), ErrorCode::io);
  EXPECT_EQ(refusal_of([&] { open_file(""); }).code(), ErrorCode::not_found);
  const auto file = folder.write("file", as_bytes("x"));
  EXPECT_EQ(refusal_of([&] { open_file(file / "below"); }).code(), ErrorCode::not_found);
  EXPECT_EQ(refusal_of([&] { test::read_all(*open_descriptor(-1, true)); }).code(), ErrorCode::io);
  EXPECT_EQ(refusal_of([&] { open_descriptor(-1, false); }).code(), ErrorCode::io);
}

TEST(Source, NotAudio) {
  for (const std::string_view text :
       {"", "R", "RIFF", "RIFF\x10\x00\x00\x00WAVE", "Just a letter, and a long one at that.\n", "<html>", "fLaC",
        "OggS", "ID3\x04"}) {
    const auto error = refusal_of([&] { test::read_all(*open_encoded(as_bytes(text), "letter.txt")); });
    EXPECT_TRUE(error.code() == ErrorCode::invalid_audio || error.code() == ErrorCode::unsupported) << text;
    EXPECT_NE(std::string(error.what()).find("letter.txt"), std::string::npos) << error.what();
  }
}

TEST(Source, AHeaderWithoutSamplesIsEmpty) {
  WTRT_NEEDS_SNDFILE();
  EXPECT_TRUE(test::read_all(*open_encoded(wav_file({}), "empty.wav")).empty());
  EXPECT_TRUE(test::read_all(*open_encoded(wav_file({}, {.rate = 44100, .channels = 2}), "empty.wav")).empty());
}

TEST(Source, ACutFileGivesWhatIsThere) {
  WTRT_NEEDS_SNDFILE();
  const auto samples = noise(3000);
  const auto bytes = wav_file(samples, {.declared_bytes = 2'000'000'000});
  EXPECT_EQ(test::read_all(*open_encoded(bytes, "cut.wav")), as_floats(samples));
}

TEST(Source, HostileHeadersAreRefusedOrEnd) {
  uint32_t seed = 3;
  const auto random = [&seed](size_t below) {
    seed = seed * 1664525u + 1013904223u;
    return static_cast<size_t>(seed >> 8) % below;
  };
  const auto good = wav_file(noise(500), {.rate = 16000, .channels = 2, .mask = 3});
  for (int round = 0; round < 3000; ++round) {
    auto bytes = good;
    for (size_t flips = random(6) + 1; flips > 0; --flips) {
      constexpr unsigned char kNasty[] = {0x00, 0xff, 0x7f, 0x80, 0x01};
      bytes[4 + random(64)] = static_cast<std::byte>(random(2) == 0 ? kNasty[random(5)] : random(256));
    }
    if (random(4) == 0) bytes.resize(random(bytes.size()));
    try {
      const auto samples = test::read_all(*open_encoded(std::move(bytes), "hostile.wav"));
      ASSERT_TRUE(std::ranges::all_of(samples, [](float sample) { return sample >= -1.0f && sample <= 1.0f; }));
      ASSERT_LT(samples.size(), 2'000'000u);
    } catch (const Error& error) {
      ASSERT_TRUE(error.code() == ErrorCode::invalid_audio || error.code() == ErrorCode::unsupported) << error.what();
    }
  }
}

TEST(Source, ResamplesToSixteenKilohertz) {
  WTRT_NEEDS_SNDFILE();
  if (!Resampler::available()) GTEST_SKIP() << "this build has no soxr";
  for (const int rate : {8000, 11025, 22050, 44100, 48000, 96000}) {
    std::vector<int16_t> tone(static_cast<size_t>(rate) * 2);
    for (size_t i = 0; i < tone.size(); ++i) {
      tone[i] = static_cast<int16_t>(20000 * std::sin(2 * M_PI * 440 * static_cast<double>(i) / rate));
    }
    const auto out = test::read_all(*open_encoded(wav_file(tone, {.rate = rate}), "tone.wav"), 313);
    ASSERT_NEAR(static_cast<double>(out.size()), 32000.0, 1.0) << rate;
    for (size_t i = 500; i < 31500; ++i) {
      ASSERT_NEAR(out[i], 20000.0 / 32768 * std::sin(2 * M_PI * 440 * static_cast<double>(i) / 16000), 1e-3)
          << rate << " " << i;
    }
  }
}

TEST(Source, ExtremeRatesAreBounded) {
  WTRT_NEEDS_SNDFILE();
  for (const int rate : {1, 999, 2'000'001, 2'147'483'647}) {
    EXPECT_EQ(
        refusal_of([&] { test::read_all(*open_encoded(wav_file(noise(100), {.rate = rate}), "rate.wav")); }).code(),
        ErrorCode::invalid_audio)
        << rate;
  }
  if (!Resampler::available()) return;
  EXPECT_NEAR(static_cast<double>(test::read_all(*open_encoded(wav_file(noise(1000), {.rate = 1000}), "r")).size()),
              16000, 16);
  EXPECT_LT(test::read_all(*open_encoded(wav_file(noise(9000), {.rate = 2'000'000}), "r")).size(), 100u);
}

TEST(Source, StereoIsAveraged) {
  WTRT_NEEDS_SNDFILE();
  const auto out =
      test::read_all(*open_encoded(wav_file({1000, 3000, -8, -8, 32767, -32768}, {.channels = 2}), "s.wav"));
  ASSERT_EQ(out.size(), 3u);
  EXPECT_FLOAT_EQ(out[0], 2000.0f / 32768);
  EXPECT_FLOAT_EQ(out[1], -8.0f / 32768);
  EXPECT_NEAR(out[2], 0.0f, 1.0f / 32768);
}

TEST(Source, OneChannelIsReadAloneAndExactly) {
  WTRT_NEEDS_SNDFILE();
  const auto left = noise(5000, 1), right = noise(5000, 2);
  std::vector<int16_t> both;
  for (size_t i = 0; i < left.size(); ++i) both.insert(both.end(), {left[i], right[i]});
  const auto file = wav_file(both, {.channels = 2});
  EXPECT_EQ(open_encoded(file, "s.wav")->channels(), 2);
  EXPECT_EQ(test::read_all(*open_encoded(file, "s.wav", 0)), test::read_all(*open_encoded(wav_file(left), "l.wav")));
  EXPECT_EQ(test::read_all(*open_encoded(file, "s.wav", 1)), test::read_all(*open_encoded(wav_file(right), "r.wav")));
  for (const float sample : test::read_all(*open_encoded(file, "s.wav", 2))) EXPECT_EQ(sample, 0.0f);
}

// What `ffmpeg -ac 1` made of one channel at 20000, by layout.
TEST(Downmix, HasTheWeightsOfFfmpeg) {
  WTRT_NEEDS_SNDFILE();
  const struct {
    int channels;
    uint32_t mask;
    std::vector<float> weights;
  } layouts[] = {
      {2, 0x3, {0.5f, 0.5f}},
      {3, 0x7, {0.2929f, 0.2929f, 0.4142f}},
      {3, 0xb, {0.5f, 0.5f, 0.0f}},
      {4, 0x33, {0.2929f, 0.2929f, 0.2071f, 0.2071f}},
      {4, 0x107, {0.2426f, 0.2426f, 0.3432f, 0.1716f}},
      {5, 0x37, {0.2071f, 0.2071f, 0.2929f, 0.1464f, 0.1464f}},
      {6, 0x3f, {0.2071f, 0.2071f, 0.2929f, 0.0f, 0.1464f, 0.1464f}},
      {6, 0x60f, {0.2071f, 0.2071f, 0.2929f, 0.0f, 0.1464f, 0.1464f}},
      {8, 0x63f, {0.1602f, 0.1602f, 0.2266f, 0.0f, 0.1133f, 0.1133f, 0.1133f, 0.1133f}},
      {8, 0xff, {0.1464f, 0.1464f, 0.2071f, 0.0f, 0.1036f, 0.1036f, 0.1464f, 0.1464f}},
      {3, 0, {0.5f, 0.5f, 0.0f}},
      {4, 0, {0.2426f, 0.2426f, 0.3432f, 0.1716f}},
      {6, 0, {0.2071f, 0.2071f, 0.2929f, 0.0f, 0.1464f, 0.1464f}},
      {8, 0, {0.1602f, 0.1602f, 0.2266f, 0.0f, 0.1133f, 0.1133f, 0.1133f, 0.1133f}},
  };
  for (const auto& layout : layouts) {
    const auto channels = static_cast<size_t>(layout.channels);
    std::vector<int16_t> frames(channels * channels);
    for (size_t c = 0; c < channels; ++c) frames[c * channels + c] = 20000;
    const auto out =
        test::read_all(*open_encoded(wav_file(frames, {.channels = layout.channels, .mask = layout.mask}), "l"));
    ASSERT_EQ(out.size(), channels);
    for (size_t c = 0; c < channels; ++c) {
      EXPECT_NEAR(out[c] * 32768 / 20000, layout.weights[c], 1.1e-4) << std::hex << layout.mask << " channel " << c;
    }
  }
  const std::vector<float> many = downmix_weights(std::vector<Speaker>(12, Speaker::unknown));
  EXPECT_TRUE(std::ranges::all_of(many, [](float weight) { return std::fabs(weight - 1.0f / 12) < 1e-7f; }));
}

TEST(Pipe, RawSamplesComeAsTheyCome) {
  auto samples = noise(50000);
  std::vector<std::byte> bytes(samples.size() * 2 + 1);  // and half a sample at the end
  std::memcpy(bytes.data(), samples.data(), samples.size() * 2);
  test::Feed feed(bytes);
  auto source = open_descriptor(feed.descriptor(), true);
  EXPECT_FALSE(source->can_rewind());
  EXPECT_EQ(source->length_hint(), -1);
  EXPECT_EQ(test::read_all(*source, 70001), as_floats(samples));
}

TEST(Pipe, EndlessHeadersAreReadToTheEnd) {
  WTRT_NEEDS_SNDFILE();
  const auto samples = noise(2'000'000);  // longer than what a pipe keeps
  for (const int64_t declared : {int64_t{-1}, int64_t{0xffffffff}, int64_t{0x7fffffff}, int64_t{0}}) {
    test::Feed feed(wav_file(samples, {.declared_bytes = declared}));
    const auto out = test::read_all(*open_descriptor(feed.descriptor(), false));
    if (declared == 0 && !test::have_ffmpeg_module()) {
      EXPECT_TRUE(out.empty()) << "libsndfile believes it";
    } else {
      EXPECT_TRUE(out == as_floats(samples)) << declared << ": " << out.size();
    }
  }
}

TEST(Pipe, AFifoByItsPath) {
  WTRT_NEEDS_SNDFILE();
  const auto samples = noise(30000);
  test::Feed feed(wav_file(samples));
  auto source = open_file("/dev/fd/" + std::to_string(feed.descriptor()));
  EXPECT_FALSE(source->can_rewind());
  EXPECT_EQ(test::read_all(*source), as_floats(samples));
}

TEST(Pipe, NotAudio) {
  test::Feed feed(as_bytes(std::string(3'000'000, 'x')));
  const auto error = refusal_of([&] { open_descriptor(feed.descriptor(), false); });
  EXPECT_TRUE(error.code() == ErrorCode::invalid_audio || error.code() == ErrorCode::unsupported) << error.what();
  test::Feed nothing(std::vector<std::byte>{});
  EXPECT_EQ(refusal_of([&] { open_descriptor(nothing.descriptor(), false); }).code(), ErrorCode::invalid_audio);
}

// Resident memory of this process in bytes.
int64_t resident() {
  std::ifstream in("/proc/self/statm");
  int64_t pages = 0;
  in >> pages >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

int64_t growth_over_windows(MelReader& reader) {
  std::vector<float> out(size_t{80} * kWindowFrames);
  reader.window(0, kWindowFrames, out.data());
  const int64_t before = resident();
  int64_t most = 0;
  for (int64_t seek = 0; reader.has_content(seek); seek += 2900) {
    reader.window(seek, kWindowFrames, out.data());
    most = std::max(most, resident() - before);
  }
  return most;
}

// Three hours; half an hour, which is far more than may stay as well, where it takes long.
constexpr int64_t kLong = int64_t{test::kSanitized ? 1800 : 3 * 3600} * kSampleRate;

TEST(Memory, DoesNotGrowWithAFile) {
  WTRT_NEEDS_SNDFILE();
  const test::TemporaryFolder folder;
  const auto path = folder.write("long.wav", test::wav_header({}, kLong * 2));
  std::filesystem::resize_file(path, 44 + static_cast<uintmax_t>(kLong) * 2);  // sparse: silence
  const int64_t before = resident();
  MelReader reader(open_file(path), 80);
  reader.scan(nullptr, nullptr);
  EXPECT_EQ(reader.content_frames(), kLong / kHopLength);
  EXPECT_LT(resident() - before, test::kSanitized ? 64 << 20 : 16 << 20);
  EXPECT_LT(growth_over_windows(reader), 4 << 20);
}

TEST(Memory, DoesNotGrowWithAPipe) {
  const auto second = noise(kSampleRate);
  test::Feed feed([second](auto put) {
    for (int64_t i = 0; i < kLong / kSampleRate; ++i) {
      if (!put(second.data(), second.size() * 2)) return;
    }
  });
  MelReader reader(open_descriptor(feed.descriptor(), true), 80);
  EXPECT_LT(growth_over_windows(reader), 6 << 20);  // of which what a pipe keeps is 2 MiB
  EXPECT_EQ(reader.content_frames(), kLong / kHopLength);
}

TEST(Source, WhatTheBuildLacksIsNamed) {
  if (Resampler::available() && !sndfile_version().empty()) GTEST_SKIP() << "this build lacks nothing";
  if (test::have_ffmpeg_module()) GTEST_SKIP() << "the FFmpeg module reads and resamples it";
  const auto error = refusal_of([] { open_encoded(wav_file(noise(100), {.rate = 8000}), "phone.wav"); });
  EXPECT_EQ(error.code(), ErrorCode::unsupported);
  for (const char* part : {"phone.wav", "WAV", sndfile_version().empty() ? "WTRT_WITH_SNDFILE" : "WTRT_WITH_SOXR"}) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Container, IsRecognisedByContent) {
  using namespace std::string_view_literals;
  const struct {
    std::string_view head;
    const char* name;
  } cases[] = {
      {"RIFF....WAVEfmt ", "WAV"},
      {"RIFF....AVI LIST", "AVI"},
      {"\0\0\0\x20"
       "ftypM4A "sv,
       "MP4/M4A"},
      {"\x1a\x45\xdf\xa3..webm", "WebM/Matroska"},
      {"#!AMR\n", "AMR"},
      {"\x30\x26\xb2\x75\x8e\x66\xcf\x11.."sv, "ASF/WMA"},
      {"NIST_1A\n   1024", "NIST SPHERE"},
      {"ID3\x04", "MP3"},
      {"\xff\xfb\x90\x64", "MP3"},
      {"\xff\xf1\x50\x80", "AAC (ADTS)"},
      {"fLaC", "FLAC"},
      {"hello", ""},
      {"", ""},
  };
  for (const auto& [head, name] : cases) {
    EXPECT_EQ(recognise_container(std::as_bytes(std::span(head.data(), head.size()))).name, name);
  }
}

TEST(FfmpegModule, ItsAbsenceSaysWhereItWasLookedFor) {
  const std::filesystem::path nowhere[] = {"/nonexistent/libwhispertrt_ffmpeg.so", "libwhispertrt_no_such_module.so"};
  const FfmpegModule module = load_ffmpeg_module(nowhere);
  EXPECT_EQ(module.functions, nullptr);
  EXPECT_NE(module.reason.find("/nonexistent/libwhispertrt_ffmpeg.so"), std::string::npos) << module.reason;
  EXPECT_NE(module.reason.find("libwhispertrt_no_such_module.so"), std::string::npos) << module.reason;
  const std::filesystem::path wrong[] = {"libm.so.6"};
  EXPECT_NE(load_ffmpeg_module(wrong).reason.find("not a module"), std::string::npos);
}

TEST(FfmpegModule, WithoutItTheErrorNamesTheContainer) {
  if (test::have_ffmpeg_module()) GTEST_SKIP() << "the module is here";
  const auto error = refusal_of([] { open_encoded(as_bytes("\x1a\x45\xdf\xa3 webm"), "talk.webm"); });
  EXPECT_EQ(error.code(), ErrorCode::unsupported);
  for (const char* part : {"talk.webm", "WebM", "libavformat"}) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Support, IsDescribedAsJson) {
  const auto about = nlohmann::json::parse(describe_audio_support());
  for (const char* key : {"libsndfile", "soxr"})
    EXPECT_TRUE(about.at(key).is_string() || about.at(key).is_null()) << about;
  const auto& ffmpeg = about.at("ffmpeg");
  if (ffmpeg.at("found").get<bool>()) {
    EXPECT_TRUE(std::filesystem::exists(ffmpeg.at("path").get<std::string>())) << about;
    EXPECT_FALSE(ffmpeg.at("version").get<std::string>().empty());
  } else {
    EXPECT_FALSE(ffmpeg.at("reason").get<std::string>().empty());
  }
}

}  // namespace
}  // namespace wtrt::audio
