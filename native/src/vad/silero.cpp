#include "vad/silero.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "checkpoint/safetensors.hpp"
#include "common/error.hpp"

extern "C" const unsigned char wtrt_silero_weights[], wtrt_silero_weights_end[];  // silero_weights.cpp

namespace wtrt::vad {
namespace {

using checkpoint::StoredTensor;
using Values = std::vector<float>;

// What is no number, or so large that the sums overflow, would be remembered for ever.
float sane(float sample) { return sample > -1e6f && sample < 1e6f ? sample : 0.0f; }

std::string text_of(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

// One file's tensors by name, each checked as it is asked for.
class File {
 public:
  File(std::span<const std::byte> bytes, const std::string& what)
      : what_(what), tensors_(checkpoint::read_safetensors(bytes, what)) {}

  Values read(std::string_view name, const std::vector<int64_t>& shape) const {
    const auto found = std::find_if(tensors_.begin(), tensors_.end(), [&](const auto& t) { return t.name == name; });
    const std::string wanted = what_ + ": tensor '" + std::string(name) + "' ";
    if (found == tensors_.end())
      throw Error(ErrorCode::invalid_checkpoint, wanted + "is missing; is this Silero VAD 6?");
    if (found->view.shape != shape || found->view.dtype != DType::f32) {
      throw Error(ErrorCode::invalid_checkpoint,
                  wanted + "is of shape " + text_of(found->view.shape) + "; Silero VAD has F32 " + text_of(shape));
    }
    Values values(static_cast<size_t>(found->view.elements()));
    std::copy(found->view.data.begin(), found->view.data.end(), std::as_writable_bytes(std::span(values)).begin());
    checkpoint::check_finite({DType::f32, shape, std::as_bytes(std::span(values))}, what_ + ": " + std::string(name));
    return values;
  }

 private:
  const std::string& what_;
  std::vector<StoredTensor> tensors_;
};

// Rows of `columns` weights to blocks of kBlock rows, in a block column by column.
Values in_blocks(const Values& rows, size_t columns) {
  constexpr auto kRows = static_cast<size_t>(kBlock);
  Values blocks(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t row = i / columns, column = i % columns;
    blocks[(row / kRows * columns + column) * kRows + row % kRows] = rows[i];
  }
  return blocks;
}

// Each frequency's real row before its imaginary one; a row of zeros fills the last block.
Values paired_rows(const Values& stored) {
  Values rows(static_cast<size_t>(kStftRows) * kFilter);
  for (size_t i = 0; i < 2 * kBins; ++i) {
    std::copy_n(stored.begin() + static_cast<ptrdiff_t>((i % 2 * kBins + i / 2) * kFilter), kFilter,
                rows.begin() + static_cast<ptrdiff_t>(i * kFilter));
  }
  return rows;
}

Values middle_taps(const Values& taps) {
  Values middle;
  for (size_t i = 1; i < taps.size(); i += 3) middle.push_back(taps[i]);
  return middle;
}

Values sum(Values a, const Values& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

Values transposed(const Values& rows, size_t columns) {
  Values out(rows.size());
  const size_t count = rows.size() / columns;
  for (size_t i = 0; i < rows.size(); ++i) out[i % columns * count + i / columns] = rows[i];
  return out;
}

}  // namespace

SileroWeights::SileroWeights(std::span<const std::byte> bytes, const std::string& what) {
  const File file(bytes, what);
  std::vector<std::pair<const float**, size_t>> places;
  const auto keep = [&](const float*& pointer, const Values& values) {
    places.emplace_back(&pointer, values_.size());
    values_.insert(values_.end(), values.begin(), values.end());
  };
  const auto keep_convolution = [&](const float*& weight, const float*& bias, const std::string& name, int64_t out,
                                    int64_t in) {
    const Values taps = file.read(name + ".weight", {out, in, 3});
    const bool one_step = name == "conv4";
    keep(weight, in_blocks(one_step ? middle_taps(taps) : taps, static_cast<size_t>(one_step ? in : 3 * in)));
    keep(bias, file.read(name + ".bias", {out}));
  };
  keep(tables_.stft, in_blocks(paired_rows(file.read("stft_conv.weight", {2 * kBins, 1, kFilter})), kFilter));
  keep_convolution(tables_.conv1, tables_.conv1_bias, "conv1", 128, kBins);
  keep_convolution(tables_.conv2, tables_.conv2_bias, "conv2", 64, 128);
  keep_convolution(tables_.conv3, tables_.conv3_bias, "conv3", 64, 64);
  keep_convolution(tables_.conv4, tables_.conv4_bias, "conv4", 128, 64);
  keep(tables_.input, in_blocks(file.read("lstm_cell.weight_ih", {kGates, kHidden}), kHidden));
  keep(tables_.gate_bias, sum(file.read("lstm_cell.bias_ih", {kGates}), file.read("lstm_cell.bias_hh", {kGates})));
  keep(tables_.recurrent, transposed(file.read("lstm_cell.weight_hh", {kGates, kHidden}), kHidden));
  keep(tables_.final, file.read("final_conv.weight", {1, kHidden, 1}));
  tables_.final_bias = file.read("final_conv.bias", {1}).front();
  for (const auto& [pointer, offset] : places) *pointer = values_.data() + offset;
}

std::shared_ptr<const SileroWeights> SileroWeights::bundled() {
  static const auto weights = std::make_shared<const SileroWeights>(
      std::as_bytes(std::span(wtrt_silero_weights, wtrt_silero_weights_end)), "the built-in Silero VAD");
  return weights;
}

SileroDetector::SileroDetector(std::shared_ptr<const SileroWeights> weights)
    : SileroDetector(std::move(weights), silero_kernels().front()) {}

SileroDetector::SileroDetector(std::shared_ptr<const SileroWeights> weights, SileroKernel kernel)
    : weights_(std::move(weights)), kernel_(kernel), work_(std::make_unique<SileroWork>()) {}

void SileroDetector::restart() { *work_ = {}; }

void SileroDetector::detect(std::span<const float> samples, std::span<float> probabilities) {
  if (samples.size() != probabilities.size() * kFrameSamples) {
    throw Error(ErrorCode::invalid_argument, std::to_string(samples.size()) + " samples for " +
                                                 std::to_string(probabilities.size()) + " frames of 512");
  }
  SileroWork& work = *work_;
  for (size_t first = 0; first < probabilities.size(); first += kBatchFrames) {
    const size_t count = std::min<size_t>(kBatchFrames, probabilities.size() - first);
    for (size_t frame = 0; frame < count; ++frame) {
      const auto fresh = samples.subspan((first + frame) * kFrameSamples, kFrameSamples);
      for (size_t i = 0; i < kContext; ++i) work.frames[i][frame] = work.context[i];
      for (size_t i = 0; i < kFrameSamples; ++i) work.frames[kContext + i][frame] = sane(fresh[i]);
      constexpr size_t end = kContext + kFrameSamples;
      for (size_t i = 0; i < kContext; ++i) work.frames[end + i][frame] = work.frames[end - 2 - i][frame];
      for (size_t i = 0; i < kContext; ++i) work.context[i] = work.frames[end - kContext + i][frame];
    }
    kernel_.function(weights_->tables(), work, static_cast<int>(count), probabilities.data() + first);
  }
}

}  // namespace wtrt::vad
