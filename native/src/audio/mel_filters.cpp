#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "audio/log_mel.hpp"
#include "common/error.hpp"

namespace wtrt::audio {
namespace {

// Slaney's mel scale: linear below 1 kHz, logarithmic above.
constexpr double kLinearHz = 200.0 / 3.0;  // Hz per mel below the knee
constexpr double kKneeHz = 1000.0;
constexpr double kKneeMel = kKneeHz / kLinearHz;  // 15
const double kLogStep = std::log(6.4) / 27.0;     // ln(Hz) per mel above the knee

double mel_of(double hz) { return hz < kKneeHz ? hz / kLinearHz : kKneeMel + std::log(hz / kKneeHz) / kLogStep; }
double hz_of(double mel) { return mel < kKneeMel ? mel * kLinearHz : kKneeHz * std::exp((mel - kKneeMel) * kLogStep); }

}  // namespace

std::vector<float> mel_filters(int n_mels) {
  if (n_mels != 80 && n_mels != 128) {
    throw Error(ErrorCode::invalid_argument, "n_mels is " + std::to_string(n_mels) + ": Whisper models have 80 or 128");
  }
  constexpr int kBins = kFftSize / 2 + 1;
  constexpr double kNyquist = kSampleRate / 2.0;
  std::vector<double> edges(static_cast<size_t>(n_mels) + 2);
  for (size_t i = 0; i < edges.size(); ++i) {
    edges[i] = hz_of(mel_of(kNyquist) * static_cast<double>(i) / static_cast<double>(n_mels + 1));
  }
  std::vector<float> filters(static_cast<size_t>(n_mels) * kBins);
  for (size_t m = 0; m < static_cast<size_t>(n_mels); ++m) {
    const double low = edges[m], centre = edges[m + 1], high = edges[m + 2];
    for (size_t k = 0; k < kBins; ++k) {
      const double hz = kNyquist * static_cast<double>(k) / (kBins - 1);
      const double triangle = std::min((hz - low) / (centre - low), (high - hz) / (high - centre));
      filters[m * kBins + k] = static_cast<float>(std::max(0.0, triangle) * 2.0 / (high - low));  // unit area
    }
  }
  return filters;
}

}  // namespace wtrt::audio
