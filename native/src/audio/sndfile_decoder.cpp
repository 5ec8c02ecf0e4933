#include "audio/sndfile_decoder.hpp"

#ifdef WTRT_HAVE_SNDFILE

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <optional>

#include "audio/downmix.hpp"
#include "audio/pcm_source.hpp"
#include "audio/resampler.hpp"
#include "common/error.hpp"
#include "common/log.hpp"

namespace wtrt::audio {
namespace {

constexpr size_t kBlockFrames = 4096;
constexpr int kMostChannels = 256;

// libsndfile's view of a ByteStream. It is C and must not be unwound through: an exception waits in `failure`.
struct VirtualFile {
  ByteStream& bytes;
  int64_t position = 0;
  std::exception_ptr failure;

  // A pipe has no size: one that no header can exceed makes the reader trust the headers and stop at the end.
  int64_t size() const { return bytes.size() >= 0 ? bytes.size() : int64_t{1} << 60; }

  static sf_count_t length(void* self) { return static_cast<VirtualFile*>(self)->size(); }
  static sf_count_t tell(void* self) { return static_cast<VirtualFile*>(self)->position; }
  static sf_count_t write(const void*, sf_count_t, void*) { return 0; }

  static sf_count_t seek(sf_count_t offset, int whence, void* self) {
    auto& file = *static_cast<VirtualFile*>(self);
    if (whence == SEEK_END && file.bytes.size() < 0) return -1;
    const int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file.position : file.size();
    int64_t target = 0;
    if (__builtin_add_overflow(base, offset, &target) || !file.bytes.seek(target)) return -1;
    file.position = target;
    return target;
  }
  static sf_count_t read(void* out, sf_count_t count, void* self) {
    auto& file = *static_cast<VirtualFile*>(self);
    if (count <= 0 || file.failure) return 0;
    try {
      const size_t got = file.bytes.read({static_cast<std::byte*>(out), static_cast<size_t>(count)});
      file.position += static_cast<int64_t>(got);
      return static_cast<sf_count_t>(got);
    } catch (...) {
      file.failure = std::current_exception();
      return 0;
    }
  }
};

Speaker speaker_of(int channel) {
  switch (channel) {
    case SF_CHANNEL_MAP_LEFT:
    case SF_CHANNEL_MAP_FRONT_LEFT: return Speaker::front_left;
    case SF_CHANNEL_MAP_RIGHT:
    case SF_CHANNEL_MAP_FRONT_RIGHT: return Speaker::front_right;
    case SF_CHANNEL_MAP_MONO:
    case SF_CHANNEL_MAP_CENTER:
    case SF_CHANNEL_MAP_FRONT_CENTER: return Speaker::front_centre;
    case SF_CHANNEL_MAP_LFE: return Speaker::low_frequency;
    case SF_CHANNEL_MAP_FRONT_LEFT_OF_CENTER:
    case SF_CHANNEL_MAP_FRONT_RIGHT_OF_CENTER: return Speaker::other_front;
    case SF_CHANNEL_MAP_INVALID: return Speaker::unknown;
    default: return Speaker::other;
  }
}

// FLAC and Vorbis fix the meaning of a channel count; libsndfile does not pass it on.
std::vector<Speaker> fixed_layout(int container, int channels) {
  using enum Speaker;
  if (container != SF_FORMAT_FLAC && container != SF_FORMAT_OGG) return {};
  switch (channels) {
    case 3: return {front_left, front_right, front_centre};
    case 4: return {front_left, front_right, other, other};
    default: return {};
  }
}

// Audio that needs no resampling is given as openai/whisper sees it, in 16 bits: FFmpeg cuts wider integers off and
// rounds floating-point values.
void to_16_bits(std::span<float> samples, bool truncate) {
  for (float& sample : samples) {
    const float scaled = sample * 32768.0f;
    sample = std::clamp(truncate ? std::floor(scaled) : std::nearbyint(scaled), -32768.0f, 32767.0f) / 32768.0f;
  }
}

class SndfileDecoder final : public Decoder {
 public:
  SndfileDecoder(ByteStream& bytes, int channel) : file_{bytes, 0, nullptr}, channel_(channel) {
    SF_VIRTUAL_IO io{VirtualFile::length, VirtualFile::seek, VirtualFile::read, VirtualFile::write, VirtualFile::tell};
    handle_ = sf_open_virtual(&io, SFM_READ, &info_, &file_);
    if (file_.failure) {
      sf_close(handle_);
      std::rethrow_exception(file_.failure);
    }
  }
  ~SndfileDecoder() override { sf_close(handle_); }
  SndfileDecoder(const SndfileDecoder&) = delete;
  SndfileDecoder& operator=(const SndfileDecoder&) = delete;

  // Empty when the recording can be decoded, else why not.
  std::string prepare() {
    if (handle_ == nullptr) return sf_strerror(nullptr);
    if (info_.channels < 1 || info_.channels > kMostChannels) {
      return "it claims " + std::to_string(info_.channels) + " channels (1 to " + std::to_string(kMostChannels) + ")";
    }
    const int rate = info_.samplerate;
    if (rate < Resampler::kLowestRate || rate > Resampler::kHighestRate) {
      return "it claims a sample rate of " + std::to_string(rate) + " Hz";
    }
    if (rate != kSampleRate) {
      lacking_ = !Resampler::available();
      if (lacking_) {
        return "it is sampled at " + std::to_string(rate) +
               " Hz, and this build has no soxr (WTRT_WITH_SOXR=ON; Debian: " +
               "libsoxr-dev) to resample it to 16000 Hz";
      }
      resampler_.emplace(rate);
    }
    weights_ = channel_ == kMixed ? downmix_weights(speakers())
                                  : channel_weights(static_cast<size_t>(info_.channels), channel_);
    const int subtype = info_.format & SF_FORMAT_SUBMASK;
    truncates_ =
        (info_.channels == 1 || channel_ != kMixed) && (subtype == SF_FORMAT_PCM_24 || subtype == SF_FORMAT_PCM_32);
    interleaved_.resize(kBlockFrames * static_cast<size_t>(info_.channels));
    return {};
  }

  size_t read(std::span<float> out) override {
    while (ready_from_ == ready_.size() && !ended_) decode_block();
    const size_t count = std::min(out.size(), ready_.size() - ready_from_);
    std::copy_n(ready_.begin() + static_cast<ptrdiff_t>(ready_from_), count, out.begin());
    ready_from_ += count;
    return count;
  }

  bool lacking() const { return lacking_; }
  bool says_empty() const { return info_.frames == 0; }
  bool damaged() const override { return damaged_; }
  int channels() const override { return info_.channels; }

  int64_t length_hint() const override {
    if (file_.bytes.size() < 0 || info_.frames < 0) return -1;  // a header in a pipe often says "endless"
    return static_cast<int64_t>(static_cast<double>(info_.frames) * kSampleRate / info_.samplerate + 0.5);
  }

 private:
  std::vector<Speaker> speakers() {
    const auto channels = static_cast<size_t>(info_.channels);
    std::vector<int> map(channels, SF_CHANNEL_MAP_INVALID);
    std::vector<Speaker> result(channels, Speaker::unknown);
    if (sf_command(handle_, SFC_GET_CHANNEL_MAP_INFO, map.data(), static_cast<int>(channels * sizeof(int))) != 0) {
      std::ranges::transform(map, result.begin(), speaker_of);
    } else if (auto fixed = fixed_layout(info_.format & SF_FORMAT_TYPEMASK, info_.channels); !fixed.empty()) {
      result = std::move(fixed);
    }
    return result;
  }

  void decode_block() {
    ready_.clear();
    ready_from_ = 0;
    const sf_count_t frames = sf_readf_float(handle_, interleaved_.data(), static_cast<sf_count_t>(kBlockFrames));
    if (file_.failure) std::rethrow_exception(file_.failure);
    if (frames <= 0) {
      ended_ = true;
      if (sf_error(handle_) != SF_ERR_NO_ERROR) {
        damaged_ = true;
        log(LogLevel::warning, std::string("libsndfile: audio ends early: ") + sf_strerror(handle_));
      }
      if (resampler_) resampler_->process({}, ready_);
    } else {
      const auto count = static_cast<size_t>(frames);
      mono_.resize(count);
      downmix({interleaved_.data(), count * weights_.size()}, weights_, mono_);
      if (resampler_) {
        resampler_->process(mono_, ready_);
      } else {
        ready_.swap(mono_);
        to_16_bits(ready_, truncates_);
      }
    }
    for (float& sample : ready_) sample = std::clamp(sample, -1.0f, 1.0f);
  }

  VirtualFile file_;
  int channel_;
  SF_INFO info_{};
  SNDFILE* handle_ = nullptr;
  std::optional<Resampler> resampler_;
  std::vector<float> weights_;
  std::vector<float> interleaved_;
  std::vector<float> mono_;
  std::vector<float> ready_;
  size_t ready_from_ = 0;
  bool ended_ = false;
  bool damaged_ = false;
  bool lacking_ = false;
  bool truncates_ = false;
};

}  // namespace

Attempt try_sndfile(ByteStream& bytes, int channel) {
  auto decoder = std::make_unique<SndfileDecoder>(bytes, channel);
  std::string reason = decoder->prepare();
  if (reason.empty()) {
    // Programs that write into a pipe leave the length at zero, which libsndfile believes.
    if (decoder->says_empty()) reason = "libsndfile: its header says that there are no samples";
    return {std::move(decoder), reason};
  }
  return {nullptr, "libsndfile: " + reason, decoder->lacking()};
}

std::string sndfile_version() {
  std::string text = sf_version_string();
  const size_t digits = text.find_first_of("0123456789");
  return digits == std::string::npos ? text : text.substr(digits);
}

}  // namespace wtrt::audio

#else

namespace wtrt::audio {

Attempt try_sndfile(ByteStream&, int) {
  return {nullptr, "libsndfile: not in this build (WTRT_WITH_SNDFILE=ON; Debian: libsndfile1-dev)", true};
}
std::string sndfile_version() { return {}; }

}  // namespace wtrt::audio

#endif
