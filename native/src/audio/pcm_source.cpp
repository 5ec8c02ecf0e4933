#include "audio/pcm_source.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "audio/byte_stream.hpp"
#include "audio/container.hpp"
#include "audio/ffmpeg_decoder.hpp"
#include "audio/resampler.hpp"
#include "audio/sndfile_decoder.hpp"
#include "common/error.hpp"

namespace wtrt::audio {
namespace {

using Try = Attempt (*)(ByteStream&, int channel);
constexpr size_t kHeadBytes = 512;

struct Refusals {
  std::string reasons;
  bool no_sndfile = false;
  bool no_ffmpeg = false;
};

[[noreturn]] void refuse(const std::string& name, std::span<const std::byte> head, const Refusals& tried) {
  if (head.empty()) throw Error(ErrorCode::invalid_audio, "'" + name + "' is empty: it holds no audio");
  const Container container = recognise_container(head);
  const std::string named = "'" + name + "' is " + std::string(container.name) + ", ";
  if (container.reader == ReadBy::ffmpeg && tried.no_ffmpeg) {
    throw Error(ErrorCode::unsupported,
                named + "which is read by FFmpeg's libraries: install them (Debian: libavformat59 libavcodec59 " +
                    "libavutil57 libswresample4) beside libwhispertrt_ffmpeg.so (built with WTRT_WITH_FFMPEG=ON), or " +
                    "convert the file to WAV or FLAC; tried: " + tried.reasons);
  }
  if (container.reader == ReadBy::sndfile && tried.no_ffmpeg && tried.no_sndfile) {
    throw Error(ErrorCode::unsupported, named +
                                            "which this build cannot read: build with the libraries named here, or " +
                                            "pass 16 kHz mono samples; tried: " + tried.reasons);
  }
  const std::string what = container.name.empty() ? "no known audio container" : std::string(container.name);
  throw Error(ErrorCode::invalid_audio, "'" + name + "' cannot be decoded (" + what + "); tried: " + tried.reasons);
}

class EncodedSource final : public PcmSource {
 public:
  EncodedSource(std::unique_ptr<ByteStream> bytes, std::string name, int channel)
      : bytes_(std::move(bytes)), name_(std::move(name)), channel_(channel) {
    const auto head = peek(*bytes_, kHeadBytes);
    Refusals tried;
    bool empty_by_header = false;
    for (const Try attempt : {try_sndfile, try_ffmpeg}) {
      Attempt made = start(attempt);
      if (made.decoder && made.reason.empty()) {
        decoder_ = std::move(made.decoder);
        again_ = attempt;
        return;
      }
      empty_by_header = empty_by_header || made.decoder;
      (attempt == try_sndfile ? tried.no_sndfile : tried.no_ffmpeg) = made.lacking;
      tried.reasons += (tried.reasons.empty() ? "" : "; ") + made.reason;
    }
    if (!empty_by_header) refuse(name_, head, tried);
    again_ = try_sndfile;
    decoder_ = start(again_).decoder;
    if (!decoder_) refuse(name_, head, tried);
  }

  size_t read(std::span<float> out) override {
    if (out.empty()) return 0;
    try {
      size_t count = decoder_->read(out);
      if (count == 0 && decoder_->damaged() && pass_over_damage()) count = decoder_->read(out);
      given_ += static_cast<int64_t>(count);
      return count;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_audio) throw;
      throw Error(error.code(), "'" + name_ + "': " + error.what());  // decoders do not know the name
    }
  }
  bool can_rewind() const override { return bytes_->can_rewind(); }
  int64_t length_hint() const override { return decoder_->length_hint(); }
  int channels() const override { return decoder_->channels(); }

  // A fresh decoding: seeking inside a compressed stream is not sample-exact everywhere.
  void rewind() override {
    if (!can_rewind()) throw Error(ErrorCode::invalid_argument, "'" + name_ + "' is a pipe and cannot be rewound");
    decoder_.reset();
    given_ = 0;
    Attempt made = start(again_);
    if (!made.decoder) {
      throw Error(ErrorCode::io, "'" + name_ + "' changed while it was read: " + made.reason);
    }
    decoder_ = std::move(made.decoder);
  }

 private:
  Attempt start(Try attempt) {
    if (!bytes_->seek(0)) return {nullptr, "the pipe has moved on too far for another attempt"};
    return attempt(*bytes_, channel_);
  }

  // libsndfile ends at the first damaged frame; FFmpeg goes on after it. False where the audio does end here.
  bool pass_over_damage() {
    if (can_rewind() && ffmpeg_module().functions != nullptr) {
      Attempt made = start(try_ffmpeg);
      if (made.decoder) {
        decoder_ = std::move(made.decoder);
        skip(given_);
        return true;
      }
    }
    if (given_ == 0) {
      throw Error(ErrorCode::invalid_audio,
                  "'" + name_ + "' is damaged from its first frame on: nothing can be decoded");
    }
    return false;
  }

  void skip(int64_t count) {
    std::vector<float> block(4096);
    while (count > 0) {
      const size_t got = decoder_->read(std::span(block).first(static_cast<size_t>(std::min<int64_t>(count, 4096))));
      if (got == 0) return;
      count -= static_cast<int64_t>(got);
    }
  }

  std::unique_ptr<ByteStream> bytes_;  // outlives decoder_
  std::string name_;
  int channel_;
  int64_t given_ = 0;
  std::unique_ptr<Decoder> decoder_;
  Try again_ = nullptr;
};

class SampleSource final : public PcmSource {
 public:
  explicit SampleSource(std::vector<float> samples) : samples_(std::move(samples)) {}

  size_t read(std::span<float> out) override {
    const size_t count = std::min(out.size(), samples_.size() - position_);
    std::copy_n(samples_.begin() + static_cast<ptrdiff_t>(position_), count, out.begin());
    position_ += count;
    return count;
  }
  bool can_rewind() const override { return true; }
  void rewind() override { position_ = 0; }
  int64_t length_hint() const override { return static_cast<int64_t>(samples_.size()); }

 private:
  std::vector<float> samples_;
  size_t position_ = 0;
};

class RawPipeSource final : public PcmSource {
 public:
  explicit RawPipeSource(std::unique_ptr<ByteStream> bytes) : bytes_(std::move(bytes)) {}

  size_t read(std::span<float> out) override {
    const size_t count = bytes_->read(std::span(block_).first(std::min(block_.size(), 2 * out.size()))) / 2;
    for (size_t i = 0; i < count; ++i) {
      const auto low = static_cast<unsigned>(block_[2 * i]);
      const auto high = static_cast<unsigned>(block_[2 * i + 1]);
      out[i] = static_cast<float>(static_cast<int16_t>(low | high << 8)) / 32768.0f;
    }
    return count;
  }
  bool can_rewind() const override { return false; }
  void rewind() override { throw Error(ErrorCode::invalid_argument, "a pipe cannot be rewound"); }
  int64_t length_hint() const override { return -1; }

 private:
  std::unique_ptr<ByteStream> bytes_;
  std::vector<std::byte> block_ =
      std::vector<std::byte>(size_t{1} << 13);  // a quarter of a second: live audio flows on
};

}  // namespace

std::unique_ptr<PcmSource> open_file(const std::filesystem::path& utf8_path, int channel) {
  return std::make_unique<EncodedSource>(open_bytes(utf8_path), utf8_path.string(), channel);
}

std::unique_ptr<PcmSource> open_encoded(std::vector<std::byte> bytes, std::string name, int channel) {
  return std::make_unique<EncodedSource>(bytes_in_memory(std::move(bytes)), std::move(name), channel);
}

std::unique_ptr<PcmSource> open_samples(std::vector<float> samples) {
  for (float& sample : samples) {
    // NaN would spread over a whole mel window
    if (!(sample >= -3.0e38f && sample <= 3.0e38f)) sample = 0.0f;
  }
  return std::make_unique<SampleSource>(std::move(samples));
}

std::unique_ptr<PcmSource> open_descriptor(int descriptor, bool raw) {
  auto bytes = bytes_of_pipe(descriptor, false, "descriptor " + std::to_string(descriptor));
  if (raw) return std::make_unique<RawPipeSource>(std::move(bytes));
  return std::make_unique<EncodedSource>(std::move(bytes), "descriptor " + std::to_string(descriptor), kMixed);
}

std::string describe_audio_support() {
  const auto version_or_null = [](const std::string& version) {
    return version.empty() ? nlohmann::json() : nlohmann::json(version);
  };
  const FfmpegModule& module = ffmpeg_module();
  nlohmann::json ffmpeg = {{"found", module.functions != nullptr}};
  if (module.functions != nullptr) {
    ffmpeg["path"] = module.path;
    ffmpeg["version"] = module.functions->version;
  } else {
    ffmpeg["reason"] = module.reason;
  }
  return nlohmann::json{{"libsndfile", version_or_null(sndfile_version())},
                        {"soxr", version_or_null(Resampler::version())},
                        {"ffmpeg", ffmpeg}}
      .dump();
}

}  // namespace wtrt::audio
