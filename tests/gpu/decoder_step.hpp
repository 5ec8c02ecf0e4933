// A whole decoder step out of its launches, with random weights of large-v2's shape: what the kernels together take.
#pragma once

#include <memory>

#include "decoder.hpp"
#include "decoder_cross_kernel.cuh"
#include "reference.hpp"
#include "token_linear.hpp"

namespace wtrt::gpu_test {

// Values in -scale … scale.
__global__ inline void fill_kernel(__half* out, int64_t count, float scale, uint32_t seed) {
  for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    uint32_t x = static_cast<uint32_t>(i) * 2654435761u ^ static_cast<uint32_t>(i >> 32) ^ seed;
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    x ^= x >> 16;
    out[i] = __float2half(scale * (static_cast<float>(x) * 0x1p-31f - 1.0f));
  }
}

struct DecoderStepShape {
  int layers = 32, rows = 1, windows = 1, vocabulary = 51865;
  int heads = 20, width = 1280, ffn = 5120, cross_positions = 1500, length = 100, page_tokens = 32, text_context = 448;
};

class DecoderStep {
 public:
  enum Kind { qkv, self, self_out, cross_q, cross, cross_out, fc1, fc2, logits_product, kinds };

  explicit DecoderStep(const DecoderStepShape& s)
      : shape_(s),
        weights_(s.layers * layer_bytes() + weight_bytes(s.vocabulary, s.width)),
        floats_(random_values(static_cast<size_t>(std::max(s.ffn, s.text_context) * s.width), 7, 0.1f)),
        gain_(std::vector<float>(static_cast<size_t>(s.width), 1.0f)),
        lengths_(std::vector<int32_t>(static_cast<size_t>(s.windows), s.cross_positions)),
        paged_data_(paged(nullptr).bytes()),
        cross_data_(cross_kv(nullptr).bytes()),
        x_(int64_t{2} * s.rows * s.width),
        wide_(int64_t{2} * s.rows * s.ffn),
        q_(int64_t{2} * s.rows * s.width),
        mixed_(int64_t{2} * s.rows * s.width),
        logits_(int64_t{4} * s.rows * s.vocabulary) {
    fill(weights_, weights_bytes(), 0.04f, 1);
    fill(paged_data_, paged(nullptr).bytes(), 1, 2);
    fill(cross_data_, cross_kv(nullptr).bytes(), 1, 3);
    std::vector<ops::RowState> states(static_cast<size_t>(s.rows));
    std::vector<ops::TokenSlot> tokens;
    std::vector<int32_t> pages;
    for (int r = 0; r < s.rows; ++r) {
      states[static_cast<size_t>(r)].length = s.length;
      states[static_cast<size_t>(r)].token = 1000 + r;
      states[static_cast<size_t>(r)].cross_slot = r * s.windows / s.rows;
      tokens.push_back({r, -1, -1});
      for (int p = 0; p < pages_per_row(); ++p)
        pages.push_back((r * pages_per_row() + p) * 5 % (s.rows * pages_per_row()));
    }
    states_ = std::make_unique<DeviceArray>(states);
    tokens_ = std::make_unique<DeviceArray>(tokens);
    pages_ = std::make_unique<DeviceArray>(pages);
    check(cudaDeviceSynchronize());
  }

  // Milliseconds of a step: the median over replays of its graph.
  double time(bool overlap, int replays) {
    return graph_milliseconds(
        1, [&](cudaStream_t stream, int) { enqueue(stream, overlap); }, replays);
  }
  std::vector<std::byte> logits() const { return logits_.read<std::byte>(); }

  void report() {
    const double bytes = static_cast<double>(weights_bytes()) + static_cast<double>(cross_kv(nullptr).bytes()) +
                         2.0 * 2 * shape_.rows * shape_.length * shape_.width * shape_.layers;
    const double floor = bytes / 3.0e9, apart = time(false, 31), together = time(true, 31);
    std::printf("[ BENCH ] step of %d rows, %d windows: %.3f ms overlapping, %.3f ms not; floor %.3f ms (%.0f%%)\n",
                shape_.rows, shape_.windows, together, apart, floor, 100 * floor / together);
    const char* const names[kinds] = {"norm, qkv", "self-attention",  "out", "norm, q",     "cross-attention",
                                      "out",       "norm, fc1, gelu", "fc2", "norm, logits"};
    for (int kind = 0; kind < kinds; ++kind) {
      double times[2];
      for (int overlap = 0; overlap < 2; ++overlap) {
        times[overlap] = graph_milliseconds(
            shape_.layers,
            [&](cudaStream_t stream, int i) {
              enqueue_kind(stream, static_cast<Kind>(kind), i % shape_.layers, overlap == 1);
            },
            9);
      }
      const double least = kind_bytes(static_cast<Kind>(kind)) / 3.0e6;
      std::printf("[ BENCH ]   %-16s %7.2f us overlapping itself, %7.2f us not; floor %6.2f us (%.0f%%)\n", names[kind],
                  1e3 * times[1], 1e3 * times[0], least, 100 * least / (1e3 * times[1]));
    }
  }

  // Microseconds of one of its kinds.
  double time_kind(Kind kind) {
    return 1e3 * graph_milliseconds(
                     shape_.layers, [&](cudaStream_t stream, int i) { enqueue_kind(stream, kind, i, true); }, 31);
  }
  // The same of cross-attention whose positions so many blocks share.
  template <int kBlocks>
  double time_cross() {
    namespace cross = kernels::cross;
    return 1e3 * graph_milliseconds(
                     shape_.layers,
                     [&](cudaStream_t stream, int layer) {
                       const cross::Parameters p{cross_kv(cross_data_.get()),
                                                 layer,
                                                 q_.get(),
                                                 mixed_.get(),
                                                 {state(), tokens_->as<ops::TokenSlot>(), shape_.rows}};
                       check(cross::launch_mma<__half, kBlocks>(device_, p, true, stream), "cross_attention");
                     },
                     31);
  }

  void enqueue(cudaStream_t stream, bool overlap) {
    kernels::EmbedArgs embed{
        DType::f16, weight(logits_product, 0),     floats_.as<float>(), shape_.vocabulary, shape_.width,
        state(),    tokens_->as<ops::TokenSlot>(), shape_.rows,         x_.get()};
    check(kernels::embed(embed, stream), "embed");
    for (int layer = 0; layer < shape_.layers; ++layer) {
      for (int kind = 0; kind < logits_product; ++kind) enqueue_kind(stream, static_cast<Kind>(kind), layer, overlap);
    }
    enqueue_kind(stream, logits_product, 0, overlap);
  }

 private:
  static int64_t weight_bytes(int n, int k) { return kernels::token_weight_bytes(DType::f16, n, k); }
  int pages_per_row() const { return (shape_.text_context + shape_.page_tokens - 1) / shape_.page_tokens; }
  int64_t kind_weight(int kind) const {
    const int w = shape_.width;
    switch (kind) {
      case qkv: return weight_bytes(3 * w, w);
      case self_out:
      case cross_q:
      case cross_out: return weight_bytes(w, w);
      case fc1: return weight_bytes(shape_.ffn, w);
      case fc2: return weight_bytes(w, shape_.ffn);
      case logits_product: return weight_bytes(shape_.vocabulary, w);
      default: return 0;
    }
  }
  int64_t layer_bytes() const {
    int64_t bytes = 0;
    for (int kind = 0; kind < logits_product; ++kind) bytes += kind_weight(kind);
    return bytes;
  }
  int64_t weights_bytes() const { return shape_.layers * layer_bytes() + kind_weight(logits_product); }
  const void* weight(Kind of, int layer) const {
    int64_t at = of == logits_product ? shape_.layers * layer_bytes() : layer * layer_bytes();
    for (int kind = 0; of != logits_product && kind < of; ++kind) at += kind_weight(kind);
    return weights_.as<std::byte>() + at;
  }
  double kind_bytes(Kind kind) const {
    if (kind == self) return 4.0 * shape_.rows * (shape_.length + 1) * shape_.width;
    if (kind == cross) return 4.0 * shape_.windows * shape_.cross_positions * shape_.width;
    return static_cast<double>(kind_weight(kind));
  }

  kernels::PagedKv paged(void* data) const {
    return {DType::f16,
            data,
            shape_.layers,
            shape_.rows * pages_per_row(),
            shape_.page_tokens,
            shape_.heads,
            shape_.width / shape_.heads};
  }
  kernels::CrossKv cross_kv(void* data) const {
    return {DType::f16,
            data,
            lengths_.as<int32_t>(),
            shape_.layers,
            shape_.windows,
            shape_.cross_positions,
            shape_.heads,
            shape_.width / shape_.heads};
  }
  ops::StepState state() const {
    ops::StepState state{};
    state.rows = states_->as<ops::RowState>();
    state.pages = pages_->as<int32_t>();
    state.pages_per_row = pages_per_row();
    return state;
  }

  void enqueue_kind(cudaStream_t stream, Kind kind, int layer, bool overlap) {
    const int w = shape_.width;
    switch (kind) {
      case qkv: return linear(stream, kind, layer, x_, true, 3 * w, w, wide_, overlap);
      case self: {
        kernels::SelfAttentionArgs args{
            paged(paged_data_.get()), layer,        wide_.get(), state(), tokens_->as<ops::TokenSlot>(), shape_.rows,
            shape_.text_context,      mixed_.get(), nullptr,     overlap};
        return check(kernels::self_attention(device_, args, stream), "self_attention");
      }
      case self_out: return linear(stream, kind, layer, mixed_, false, w, w, x_, overlap);
      case cross_q: return linear(stream, kind, layer, x_, true, w, w, q_, overlap);
      case cross: {
        kernels::CrossAttentionArgs args{cross_kv(cross_data_.get()),
                                         layer,
                                         q_.get(),
                                         state(),
                                         tokens_->as<ops::TokenSlot>(),
                                         shape_.rows,
                                         mixed_.get(),
                                         nullptr,
                                         overlap};
        return check(kernels::cross_attention(device_, args, stream), "cross_attention");
      }
      case cross_out: return linear(stream, kind, layer, mixed_, false, w, w, x_, overlap);
      case fc1: return linear(stream, kind, layer, x_, true, shape_.ffn, w, wide_, overlap);
      case fc2: return linear(stream, kind, layer, wide_, false, w, shape_.ffn, x_, overlap);
      default: return linear(stream, kind, layer, x_, true, shape_.vocabulary, w, logits_, overlap);
    }
  }

  void linear(cudaStream_t stream, Kind kind, int layer, const DeviceArray& in, bool norm, int n, int k,
              const DeviceArray& out, bool overlap) {
    kernels::TokenLinearArgs args{};
    args.type = DType::f16;
    args.in = in.get();
    if (norm) args.gain = gain_.as<float>(), args.shift = floats_.as<float>();
    args.packed = weight(kind, layer);
    args.bias = kind == logits_product ? nullptr : floats_.as<float>() + shape_.width;
    args.gelu = kind == fc1;
    if (out.get() == x_.get()) args.residual = x_.get();
    args.out = out.get();
    args.out_type = kind == logits_product ? DType::f32 : DType::f16;
    args.rows = shape_.rows;
    args.n = n;
    args.k = k;
    args.overlap = overlap;
    check(kernels::token_linear(device_, args, stream), "token_linear");
  }

  static void fill(const DeviceArray& array, int64_t bytes, float scale, uint32_t seed) {
    fill_kernel<<<1024, 256>>>(array.as<__half>(), bytes / 2, scale, seed);
    check(cudaGetLastError());
  }

  DecoderStepShape shape_;
  kernels::Device device_ = this_device();
  DeviceArray weights_, floats_, gain_, lengths_, paged_data_, cross_data_, x_, wide_, q_, mixed_, logits_;
  std::unique_ptr<DeviceArray> states_, tokens_, pages_;
};

}  // namespace wtrt::gpu_test
