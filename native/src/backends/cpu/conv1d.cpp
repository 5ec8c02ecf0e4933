#include "backends/cpu/conv1d.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "backends/cpu/isa.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

using ops::HostTensor;
using ops::Tensor;

constexpr int64_t kTaps = 3;
constexpr int64_t kStageFrames = 64;  // per task

Element element_for(const CpuSetup& setup) {
  return setup.compute_type != ops::ComputeType::f32 && has_bf16(setup.isa) ? Element::bf16 : Element::f32;
}

// [outputs, inputs, taps] → [outputs, taps, inputs], so that a tap meets a whole frame.
PackedMatrix pack_taps(ThreadPool& pool, const Kernels& kernels, Element element, const HostTensor& weight,
                       const HostTensor& bias) {
  const int64_t k = weight.cols, inputs = k / kTaps;
  if (weight.rows <= 0 || inputs <= 0 || k % kTaps != 0 || bias.rows * bias.cols != weight.rows) {
    throw Error(ErrorCode::internal, "make_conv1d: weight " + std::to_string(weight.rows) + " x " + std::to_string(k) +
                                         " with a bias of " + std::to_string(bias.rows * bias.cols));
  }
  const AlignedMemory turned(weight.rows * k * 4, "a convolution"), row(k * 4, "a convolution");
  for (int64_t n = 0; n < weight.rows; ++n) {
    const float* const from = row.as<float>();
    float* const to = turned.as<float>() + n * k;
    widen_row(weight, n, row.as<float>());
    for (int64_t tap = 0; tap < kTaps; ++tap) {
      for (int64_t c = 0; c < inputs; ++c) to[tap * inputs + c] = from[c * kTaps + tap];
    }
  }
  const ops::LinearPart part{{turned.as<float>(), DType::f32, weight.rows, k, nullptr}, bias};
  return pack_matrix(pool, kernels, element, {&part, 1});
}

int64_t size_of_element(Element element) { return element == Element::f32 ? 4 : 2; }

// Writes one frame's values in the product's element type.
void stage_frame(const Kernels& kernels, Element element, const float* frame, int64_t values, void* to) {
  if (element == Element::f32) {
    std::memcpy(to, frame, static_cast<size_t>(values) * sizeof(float));
  } else {
    kernels.stage_bf16(frame, values, values, static_cast<uint16_t*>(to));
  }
}

void clear(void* memory, int64_t bytes) { std::memset(memory, 0, static_cast<size_t>(bytes)); }

void check(bool fits, const char* what) {
  if (!fits) throw Error(ErrorCode::internal, std::string(what) + ": tensors do not fit the convolution");
}

}  // namespace

CpuConv1d::CpuConv1d(ThreadPool& pool, const CpuSetup& setup, const HostTensor& weight, const HostTensor& bias,
                     int32_t stride)
    : kernels_(window_kernels_for(setup.isa)),
      stride_(stride),
      matrix_(pack_taps(pool, kernels_, element_for(setup), weight, bias)) {
  check(stride >= 1, "make_conv1d");
}

void CpuConv1d::multiply_frames(ThreadPool& pool, const void* staged, int64_t frames, const RowsOut& out) const {
  const int64_t frame_bytes = inputs() * size_of_element(matrix_.element);
  multiply_staged(pool, kernels_, matrix_, staged, stride_ * frame_bytes, nullptr, frames / stride_, out);
}

void CpuConv1d::run_mel(ThreadPool& pool, const Tensor& mel, const Tensor& out, int32_t batch, Scratch& scratch) const {
  const int64_t bins = inputs(), frames = mel.cols, frame_bytes = bins * size_of_element(matrix_.element);
  check(stride_ == 1 && mel.rows == batch * bins && out.rows == batch * frames && out.cols == outputs(), "conv1d_mel");
  // One frame more than the padding: a last step of two bf16 may reach beyond an odd number of values, onto zero
  // weights.
  scratch.rows.reserve((frames + 3) * frame_bytes, "staged frames");
  auto* const staged = scratch.rows.as<char>();
  for (int64_t b = 0; b < batch; ++b) {
    const float* const from = static_cast<const float*>(mel.data) + b * bins * frames;
    clear(staged, frame_bytes);
    clear(staged + (frames + 1) * frame_bytes, 2 * frame_bytes);
    pool.parallel_for(static_cast<int32_t>((frames + kStageFrames - 1) / kStageFrames), [&](int32_t block) {
      constexpr int64_t kMostBins = 256;
      float frame[kMostBins];
      const int64_t first = block * kStageFrames, end = std::min(frames, first + kStageFrames);
      for (int64_t t = first; t < end; ++t) {
        for (int64_t at = 0; at < bins; at += kMostBins) {
          const int64_t some = std::min(kMostBins, bins - at);
          for (int64_t c = 0; c < some; ++c) frame[c] = from[(at + c) * frames + t];
          stage_frame(kernels_, matrix_.element, frame, some,
                      staged + (t + 1) * frame_bytes + at * size_of_element(matrix_.element));
        }
      }
    });
    multiply_frames(pool, staged, frames, {static_cast<float*>(out.data) + b * frames * outputs(), outputs(), true});
  }
}

void CpuConv1d::run_time(ThreadPool& pool, const Tensor& in, const Tensor& position, const Tensor& out, int32_t batch,
                         Scratch& scratch) const {
  const int64_t width = inputs(), frames = in.rows / batch, frame_bytes = width * size_of_element(matrix_.element);
  check(in.cols == width && in.rows == batch * frames && frames % stride_ == 0 && out.rows == in.rows / stride_ &&
            out.cols == outputs() && position.rows == frames / stride_ && position.cols == outputs(),
        "conv1d_time");
  scratch.rows.reserve((frames + 3) * frame_bytes, "staged frames");
  auto* const staged = scratch.rows.as<char>();
  for (int64_t b = 0; b < batch; ++b) {
    const float* const from = static_cast<const float*>(in.data) + b * frames * width;
    clear(staged, frame_bytes);
    clear(staged + (frames + 1) * frame_bytes, 2 * frame_bytes);
    pool.parallel_for(static_cast<int32_t>((frames + kStageFrames - 1) / kStageFrames), [&](int32_t block) {
      const int64_t first = block * kStageFrames, end = std::min(frames, first + kStageFrames);
      for (int64_t t = first; t < end; ++t) {
        stage_frame(kernels_, matrix_.element, from + t * width, width, staged + (t + 1) * frame_bytes);
      }
    });
    multiply_frames(pool, staged, frames,
                    {static_cast<float*>(out.data) + b * frames / stride_ * outputs(), outputs(), true,
                     static_cast<const float*>(position.data), outputs()});
  }
}

}  // namespace wtrt::cpu
