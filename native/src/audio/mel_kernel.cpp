#include "audio/mel_kernel.hpp"

#include <cmath>
#include <numbers>

namespace wtrt::audio {

void mel_block_portable(const MelTables& tables, const float* samples, float* out);
#ifdef WTRT_X86
void mel_block_avx2(const MelTables& tables, const float* samples, float* out);
void mel_block_avx512(const MelTables& tables, const float* samples, float* out);
#endif

struct MelKernel::State {
  std::vector<float> window, weights;
  std::vector<double> twiddle25_re, twiddle25_im, twiddle400_re, twiddle400_im;
  std::vector<uint16_t> slot, first_bin, bin_count;
  std::vector<uint32_t> first_weight;
  MelTables tables{};
  MelKernelFunction function = nullptr;
};

namespace {

void add_twiddle(std::vector<double>& re, std::vector<double>& im, int numerator, int denominator) {
  const double angle = -2.0 * std::numbers::pi * numerator / denominator;
  re.push_back(std::cos(angle));
  im.push_back(std::sin(angle));
}

// PyTorch's window: its angles are rounded to single precision, which shows in the quiet bands of loud frames.
std::vector<float> hann_window() {
  std::vector<float> window;
  constexpr auto kStep = static_cast<float>(2.0 * std::numbers::pi / kFftSize);
  for (int i = 0; i < kFftSize; ++i) {
    const float angle = static_cast<float>(i) * kStep;
    window.push_back(0.5f - 0.5f * static_cast<float>(std::cos(static_cast<double>(angle))));
  }
  return window;
}

}  // namespace

MelKernel::MelKernel(int n_mels) : state_(std::make_unique<State>()) {
  State& s = *state_;
  const std::vector<float> filters = mel_filters(n_mels);
  s.window = hann_window();
  for (int i = 0; i < 25; ++i) add_twiddle(s.twiddle25_re, s.twiddle25_im, (i / 5) * (i % 5), 25);
  for (int k = 0; k <= kFftSize / 4; ++k) add_twiddle(s.twiddle400_re, s.twiddle400_im, k, kFftSize);
  for (int k = 0; k < kFftSize / 2; ++k) {
    s.slot.push_back(static_cast<uint16_t>(k % 8 * 25 + k % 25 % 5 * 5 + k % 25 / 5));
  }
  constexpr size_t kBins = kFftSize / 2 + 1;
  for (size_t m = 0; m < static_cast<size_t>(n_mels); ++m) {
    const float* row = filters.data() + m * kBins;
    size_t first = 0;
    size_t last = kBins;
    while (first < last && row[first] == 0.0f) ++first;
    while (last > first && row[last - 1] == 0.0f) --last;
    s.first_bin.push_back(static_cast<uint16_t>(first));
    s.bin_count.push_back(static_cast<uint16_t>(last - first));
    s.first_weight.push_back(static_cast<uint32_t>(s.weights.size()));
    s.weights.insert(s.weights.end(), row + first, row + last);
  }
  s.tables = {s.window.data(),
              s.twiddle25_re.data(),
              s.twiddle25_im.data(),
              s.twiddle400_re.data(),
              s.twiddle400_im.data(),
              s.slot.data(),
              n_mels,
              s.first_bin.data(),
              s.bin_count.data(),
              s.first_weight.data(),
              s.weights.data()};
  s.function = variants().front().function;
}

MelKernel::~MelKernel() = default;
int MelKernel::n_mels() const { return state_->tables.n_mels; }
const MelTables& MelKernel::tables() const { return state_->tables; }
void MelKernel::make(const float* samples, int blocks, float* out) const {
  for (int64_t i = 0; i < blocks; ++i) {
    state_->function(state_->tables, samples + i * kBlockAdvance, out + i * n_mels() * kBlockFrames);
  }
}

std::vector<MelKernelVariant> MelKernel::variants() {
  std::vector<MelKernelVariant> usable;
#ifdef WTRT_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    usable.push_back({"avx512", mel_block_avx512});
  }
  if (__builtin_cpu_supports("avx2")) usable.push_back({"avx2", mel_block_avx2});
#endif
  usable.push_back({"portable", mel_block_portable});
  return usable;
}

}  // namespace wtrt::audio
