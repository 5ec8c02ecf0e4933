#include "audio/resampler.hpp"

#include "audio/pcm_source.hpp"
#include "common/error.hpp"

#ifdef WTRT_HAVE_SOXR
#include <soxr.h>
#endif

namespace wtrt::audio {

#ifdef WTRT_HAVE_SOXR

struct Resampler::State {
  soxr_t soxr = nullptr;
  double ratio = 1.0;
  ~State() { soxr_delete(soxr); }
};

bool Resampler::available() { return true; }

std::string Resampler::version() {
  std::string text = soxr_version();
  if (text.starts_with("libsoxr-")) text.erase(0, 8);
  return text;
}

Resampler::Resampler(int rate) : state_(std::make_unique<State>()) {
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
  soxr_error_t error = nullptr;
  state_->ratio = static_cast<double>(kSampleRate) / rate;
  state_->soxr = soxr_create(rate, kSampleRate, 1, &error, &io, &quality, &runtime);
  if (state_->soxr == nullptr) {
    throw Error(ErrorCode::invalid_audio, "cannot resample from " + std::to_string(rate) +
                                              " Hz to 16000 Hz: " + (error != nullptr ? error : "unknown reason"));
  }
}

Resampler::~Resampler() = default;

void Resampler::process(std::span<const float> in, std::vector<float>& out) {
  const bool flush = in.empty();
  for (;;) {
    const size_t room = static_cast<size_t>(static_cast<double>(in.size()) * state_->ratio) + 1024;
    const size_t before = out.size();
    out.resize(before + room);
    size_t taken = 0;
    size_t given = 0;
    const soxr_error_t error =
        soxr_process(state_->soxr, flush ? nullptr : in.data(), in.size(), &taken, out.data() + before, room, &given);
    out.resize(before + given);
    if (error != nullptr) throw Error(ErrorCode::internal, std::string("soxr: ") + error);
    in = in.subspan(taken);
    if (flush ? given < room : in.empty() && given < room) return;
  }
}

#else

struct Resampler::State {};

bool Resampler::available() { return false; }
std::string Resampler::version() { return {}; }

Resampler::Resampler(int rate) {
  throw Error(ErrorCode::unsupported, "audio at " + std::to_string(rate) +
                                          " Hz needs resampling: build with WTRT_WITH_SOXR=ON (Debian: libsoxr-dev), "
                                          "or convert it to 16000 Hz first");
}

Resampler::~Resampler() = default;
void Resampler::process(std::span<const float>, std::vector<float>&) {}

#endif

}  // namespace wtrt::audio
