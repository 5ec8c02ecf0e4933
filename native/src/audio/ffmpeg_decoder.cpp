#include "audio/ffmpeg_decoder.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <exception>
#include <vector>

#include "common/error.hpp"

namespace wtrt::audio {
namespace {

constexpr const char* kModuleName = "libwhispertrt_ffmpeg.so";

std::filesystem::path own_folder() {
  Dl_info about{};
  if (::dladdr(reinterpret_cast<const void*>(&load_ffmpeg_module), &about) == 0 || about.dli_fname == nullptr)
    return {};
  std::error_code ignored;
  const auto whole = std::filesystem::canonical(about.dli_fname, ignored);
  return ignored ? std::filesystem::path() : whole.parent_path();
}

// Empty when the module can be used.
std::string examine(void* handle, const wtrt_ffmpeg_functions*& functions) {
  const auto entry = reinterpret_cast<wtrt_ffmpeg_entry>(::dlsym(handle, WTRT_FFMPEG_ENTRY));
  if (entry == nullptr) return "it is not a module of this library";
  const wtrt_ffmpeg_functions* found = entry();
  if (found->interface_version != WTRT_FFMPEG_INTERFACE) {
    return "it is of another version of this library (interface " + std::to_string(found->interface_version) +
           ", not " + std::to_string(WTRT_FFMPEG_INTERFACE) + ")";
  }
  if (found->refusal != nullptr) return found->refusal;
  functions = found;
  return {};
}

// The module's view of a ByteStream; an exception waits in `failure` until the C frames are gone.
struct Bytes {
  ByteStream& stream;
  std::exception_ptr failure;

  static int64_t read(void* self, uint8_t* out, int64_t count) {
    auto& bytes = *static_cast<Bytes*>(self);
    if (bytes.failure || count < 0) return -1;
    try {
      return static_cast<int64_t>(bytes.stream.read({reinterpret_cast<std::byte*>(out), static_cast<size_t>(count)}));
    } catch (...) {
      bytes.failure = std::current_exception();
      return -1;
    }
  }
  static int64_t seek(void* self, int64_t offset) {
    return static_cast<Bytes*>(self)->stream.seek(offset) ? offset : -1;
  }
};

class FfmpegDecoder final : public Decoder {
 public:
  FfmpegDecoder(ByteStream& stream, int channel)
      : bytes_{stream, nullptr}, channel_(channel), functions_(*ffmpeg_module().functions) {}
  ~FfmpegDecoder() override {
    if (decoder_ != nullptr) functions_.close(decoder_);
  }
  FfmpegDecoder(const FfmpegDecoder&) = delete;
  FfmpegDecoder& operator=(const FfmpegDecoder&) = delete;

  // Empty when the recording can be decoded, else why not.
  std::string open() {
    const bool seekable = bytes_.stream.can_rewind();
    const wtrt_ffmpeg_bytes bytes{&bytes_, Bytes::read, seekable ? Bytes::seek : nullptr, bytes_.stream.size()};
    char message[512] = {};
    const int status = functions_.open(&bytes, channel_, &decoder_, message, sizeof message);
    if (bytes_.failure) std::rethrow_exception(bytes_.failure);
    return status < 0 ? message : std::string();
  }

  size_t read(std::span<float> out) override {
    char message[512] = {};
    block_.resize(out.size());
    const int64_t count =
        functions_.read(decoder_, block_.data(), static_cast<int64_t>(out.size()), message, sizeof message);
    if (bytes_.failure) std::rethrow_exception(bytes_.failure);
    if (count < 0) throw Error(ErrorCode::invalid_audio, std::string("FFmpeg cannot decode this audio: ") + message);
    const auto got = static_cast<size_t>(count);
    std::transform(block_.begin(), block_.begin() + count, out.begin(),
                   [](int16_t sample) { return static_cast<float>(sample) / 32768.0f; });
    return got;
  }

  bool damaged() const override { return false; }  // damage is passed over
  int64_t length_hint() const override { return functions_.length(decoder_); }
  int channels() const override { return functions_.channels(decoder_); }

 private:
  Bytes bytes_;
  int channel_;
  const wtrt_ffmpeg_functions& functions_;
  wtrt_ffmpeg_decoder* decoder_ = nullptr;
  std::vector<int16_t> block_;
};

}  // namespace

FfmpegModule load_ffmpeg_module(std::span<const std::filesystem::path> candidates) {
  FfmpegModule module;
  for (const auto& candidate : candidates) {
    std::error_code ignored;
    if (candidate.has_parent_path() && !std::filesystem::exists(candidate, ignored)) {
      module.reason += (module.reason.empty() ? "" : "; ") + candidate.string() + ": not there";
      continue;
    }
    void* handle = ::dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
    // dlerror names the file that is missing, which may be one of FFmpeg's
    std::string reason =
        handle == nullptr ? ::dlerror() : candidate.string() + ": " + examine(handle, module.functions);
    if (module.functions != nullptr) {
      module.path = candidate.string();
      Dl_info about{};
      if (::dladdr(reinterpret_cast<const void*>(module.functions), &about) != 0) module.path = about.dli_fname;
      module.reason.clear();
      return module;
    }
    module.reason += (module.reason.empty() ? "" : "; ") + reason;
  }
  return module;
}

const FfmpegModule& ffmpeg_module() {
  static const FfmpegModule module = [] {
    std::vector<std::filesystem::path> candidates;
    if (const auto folder = own_folder(); !folder.empty()) {
      candidates = {folder / kModuleName, folder.parent_path() / "lib" / kModuleName};
    }
    candidates.emplace_back(kModuleName);
    return load_ffmpeg_module(candidates);
  }();
  return module;
}

Attempt try_ffmpeg(ByteStream& bytes, int channel) {
  if (ffmpeg_module().functions == nullptr)
    return {nullptr, "FFmpeg: not available (" + ffmpeg_module().reason + ")", true};
  auto decoder = std::make_unique<FfmpegDecoder>(bytes, channel);
  std::string reason = decoder->open();
  if (reason.empty()) return {std::move(decoder), {}};
  return {nullptr, "FFmpeg: " + reason};
}

}  // namespace wtrt::audio
