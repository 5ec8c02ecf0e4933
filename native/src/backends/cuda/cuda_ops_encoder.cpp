// The ops of windows: convolution, encoder, cross-KV phase, and those that the decoder shares with them.
#include <string>

#include "attention.hpp"
#include "backends/cuda/cuda_ops.hpp"
#include "backends/cuda/own.hpp"
#include "common/error.hpp"
#include "gemm.hpp"
#include "rows.hpp"
#include "token_linear.hpp"

namespace wtrt::cuda {
namespace {

using ops::Tensor;

int32_t size32(int64_t size) { return static_cast<int32_t>(size); }

// A plain product of `linear`: one batch, rows without gaps.
kernels::GemmArgs product(DType type, const CudaLinear& linear, const Tensor& in) {
  kernels::GemmArgs args{};
  args.type = type;
  args.a = in.data;
  args.a_row = linear.k;
  args.a_batch = in.rows * linear.k;
  args.w = linear.weight;
  args.bias = linear.bias;
  args.batches = 1;
  args.rows = size32(in.rows);
  args.n = size32(linear.n);
  args.k = size32(linear.k);
  return args;
}

}  // namespace

// Both convolutions are products whose rows overlap: time by time, a frame with its neighbours is a run of memory.
void CudaOps::convolve(const ops::Conv1d& over_mel, const ops::Conv1d& over_time, const Tensor& mel,
                       const Tensor& position, const Tensor& scratch, const Tensor& out, int32_t batch) {
  const auto& first = own<CudaConv1d>(over_mel);
  const auto& second = own<CudaConv1d>(over_time);
  const int32_t frames = size32(mel.cols), width = first.outputs, mels = first.inputs_padded;
  const int64_t element = static_cast<int64_t>(size_of(type_)), padded_frames = frames + 2;
  auto* const packed = static_cast<std::byte*>(scratch.data);
  std::byte* const between = packed + batch * padded_frames * mels * element;
  check(kernels::pack_mel(static_cast<const float*>(mel.data), batch, first.inputs, frames, mels, packed, type_,
                          stream_.get()),
        "packing the log-mel");
  const int64_t row = width * element;
  for (int32_t b = 0; b < batch; ++b) {  // the rows of zeros before and behind a window
    std::byte* const window = between + b * padded_frames * row;
    check(cudaMemsetAsync(window, 0, static_cast<size_t>(row), stream_.get()), "clearing a row");
    check(cudaMemsetAsync(window + (padded_frames - 1) * row, 0, static_cast<size_t>(row), stream_.get()),
          "clearing a row");
  }
  kernels::GemmArgs args{};
  args.type = type_;
  args.a = packed;
  args.a_row = mels;
  args.a_batch = padded_frames * mels;
  args.w = first.weight;
  args.bias = first.bias;
  args.gelu = true;
  args.out = between + row;
  args.out_row = width;
  args.out_batch = padded_frames * width;
  args.batches = batch;
  args.rows = frames;
  args.n = width;
  args.k = 3 * mels;
  check(kernels::gemm(context_->device, args, kernels::GemmTactic::automatic, stream_.get()), "the first convolution");

  void* const table = scratch_.of(position.rows * width * element);  // the positions in the activations' type
  check(kernels::convert(position.data, DType::f32, table, type_, position.rows * width, stream_.get()),
        "converting positions");
  args.a = between;
  args.a_row = static_cast<int64_t>(second.stride) * width;
  args.a_batch = padded_frames * width;
  args.w = second.weight;
  args.bias = second.bias;
  args.residual = table;
  args.residual_batch = 0;
  args.out = out.data;
  args.out_row = width;
  args.out_batch = out.rows / batch * width;
  args.rows = size32(out.rows / batch);
  args.n = second.outputs;
  args.k = 3 * width;
  check(kernels::gemm(context_->device, args, kernels::GemmTactic::automatic, stream_.get()), "the second convolution");
}

void CudaOps::attention(const Tensor& qkv, const Tensor& out, int32_t batch, int32_t heads) {
  const kernels::AttentionArgs args{
      type_, qkv.data, out.data, batch, size32(qkv.rows / batch), heads, size32(out.cols / heads)};
  check(kernels::attention(context_->device, args, kernels::AttentionTactic::automatic, stream_.get()),
        "the encoder's attention");
}

void CudaOps::norm(const ops::LayerNorm& norm, const Tensor& in, const Tensor& out) {
  const auto& of = own<CudaLayerNorm>(norm);
  check(kernels::layer_norm({type_, in.data, of.gain, of.shift, out.data, size32(in.rows), size32(in.cols)},
                            stream_.get()),
        "a layer norm");
}

void CudaOps::norm_linear(const ops::LayerNorm& norm, const ops::Linear& linear, const Tensor& in, const Tensor& normed,
                          ops::Activation activation, const Tensor& out) {
  const auto& to = own<CudaLinear>(linear);
  if (to.use == ops::LinearUse::token) {
    token_linear(&own<CudaLayerNorm>(norm), to, in, activation, nullptr, out);
    return;
  }
  this->norm(norm, in, normed);
  window_linear(to, normed, activation, nullptr, out);
}

void CudaOps::linear(const ops::Linear& linear, const Tensor& in, ops::Activation activation, const Tensor* residual,
                     const Tensor& out) {
  const auto& to = own<CudaLinear>(linear);
  if (to.use == ops::LinearUse::token) {
    token_linear(nullptr, to, in, activation, residual, out);
  } else {
    window_linear(to, in, activation, residual, out);
  }
}

void CudaOps::window_linear(const CudaLinear& linear, const Tensor& in, ops::Activation activation,
                            const Tensor* residual, const Tensor& out) {
  kernels::GemmArgs args = product(type_, linear, in);
  args.gelu = activation == ops::Activation::gelu;
  args.residual = residual == nullptr ? nullptr : residual->data;
  args.out = out.data;
  args.out_row = linear.n;
  args.out_batch = in.rows * linear.n;
  args.residual_batch = args.out_batch;
  check(kernels::gemm(context_->device, args, kernels::GemmTactic::automatic, stream_.get()), "a linear over windows");
}

void CudaOps::token_linear(const CudaLayerNorm* norm, const CudaLinear& linear, const Tensor& in,
                           ops::Activation activation, const Tensor* residual, const Tensor& out) {
  kernels::TokenLinearArgs args{};
  args.type = type_;
  args.in = in.data;
  args.gain = norm == nullptr ? nullptr : norm->gain;
  args.shift = norm == nullptr ? nullptr : norm->shift;
  args.packed = linear.weight;
  args.bias = linear.bias;
  args.gelu = activation == ops::Activation::gelu;
  args.residual = residual == nullptr ? nullptr : residual->data;
  args.out = out.data;
  args.out_type = out.dtype;
  args.rows = size32(in.rows);
  args.n = size32(linear.n);
  args.k = size32(linear.k);
  check(kernels::token_linear(context_->device, args, stream_.get()), "a linear over tokens");
}

// Straight into the layout that the steps read.
void CudaOps::project_cross_kv(const ops::Linear& linear, const Tensor& in, ops::CrossKv& cache, int32_t layer,
                               const Tensor&, std::span<const int32_t> slots) {
  const auto& to = own<CudaLinear>(linear);
  const kernels::CrossKv& view = own<CudaCrossKv>(cache).view();
  const auto windows = size32(static_cast<int64_t>(slots.size()));
  const int64_t positions = in.rows / windows, element = static_cast<int64_t>(size_of(type_));
  if (positions > view.positions || windows > kernels::GemmArgs::kMostHeadBatches) {
    throw Error(ErrorCode::internal, std::to_string(windows) + " windows of " + std::to_string(positions) +
                                         " positions do not fit the cross-attention KV cache");
  }
  kernels::GemmArgs args = product(type_, to, in);
  args.batches = windows;
  args.rows = size32(positions);
  args.a_batch = positions * to.k;
  args.head_size = view.head_size;
  args.head_stride = static_cast<int64_t>(view.positions) * view.head_size;
  for (int32_t b = 0; b < windows; ++b) {
    const int64_t block = static_cast<int64_t>(slots[static_cast<size_t>(b)]) * view.layers + layer;
    args.heads_out[b] = static_cast<std::byte*>(view.data) + block * view.layer_elements() * element;
  }
  check(kernels::gemm(context_->device, args, kernels::GemmTactic::automatic, stream_.get()), "the cross-KV phase");
  if (layer == 0) {
    check(kernels::set_cross_lengths(view, slots.data(), windows, size32(positions), stream_.get()),
          "writing the windows' lengths");
  }
}

}  // namespace wtrt::cuda
