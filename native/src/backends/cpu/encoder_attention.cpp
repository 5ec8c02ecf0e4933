#include <algorithm>
#include <string>

#include "backends/cpu/attention.hpp"
#include "backends/cpu/vector_kernels.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

constexpr int64_t kTilesPerTask = 5;

int64_t whole(int64_t n, int64_t panel) { return (n + panel - 1) / panel * panel; }

// Where a head's packed keys and values lie, in bytes from its beginning.
struct HeadLayout {
  int64_t values, key_units, value_units, bytes;

  HeadLayout(const EncoderKernels& kernels, int64_t positions, int64_t size) {
    const int64_t padded = whole(positions, kernels.position_panel);
    values = whole(padded * whole(size, 4) * kernels.element_bytes, 64);
    key_units = values + whole(padded * whole(size, kernels.column_panel) * kernels.element_bytes, 64);
    value_units = key_units + whole(padded * 4, 64);
    bytes = value_units + whole((padded + 1) * 4, 64);
  }
  EncoderHead head(std::byte* memory, int64_t positions, int64_t size) const {
    return {memory,
            memory + values,
            reinterpret_cast<float*>(memory + key_units),
            reinterpret_cast<float*>(memory + value_units),
            positions,
            size};
  }
};

}  // namespace

struct EncoderAttention::State {
  Isa isa;
  ops::ComputeType compute_type;
  AlignedMemory memory;
};

EncoderAttention::EncoderAttention(Isa isa, ops::ComputeType compute_type)
    : state_(std::make_unique<State>(isa, compute_type)) {}

EncoderAttention::~EncoderAttention() = default;

void EncoderAttention::run(ThreadPool& pool, const ops::Tensor& qkv, const ops::Tensor& out, int32_t batch,
                           int32_t heads) {
  const int64_t width = out.cols, positions = batch > 0 ? out.rows / batch : 0, size = heads > 0 ? width / heads : 0;
  if (qkv.dtype != DType::f32 || out.dtype != DType::f32 || qkv.cols != 3 * width || qkv.rows != out.rows ||
      positions < 1 || positions * batch != out.rows || size < 1 || size > kMaxHeadSize || size * heads != width) {
    throw Error(ErrorCode::internal, "attention of " + std::to_string(batch) + " windows and " + std::to_string(heads) +
                                         " heads over a tensor [" + std::to_string(qkv.rows) + ", " +
                                         std::to_string(qkv.cols) + "]");
  }
  const EncoderKernels& kernels = encoder_kernels(state_->isa, state_->compute_type, size);
  const HeadLayout layout(kernels, positions, size);
  state_->memory.reserve(heads * layout.bytes, "the encoder's attention");
  const int64_t rows = kTilesPerTask * kernels.rows, blocks = (positions + rows - 1) / rows;
  for (int32_t window = 0; window < batch; ++window) {  // one window's keys and values stay in the cache
    const float* base = static_cast<const float*>(qkv.data) + window * positions * qkv.cols;
    float* results = static_cast<float*>(out.data) + window * positions * width;
    const auto head_of = [&](int32_t head) {
      return layout.head(state_->memory.as<std::byte>() + head * layout.bytes, positions, size);
    };
    pool.parallel_for(2 * heads, [&](int32_t task) {
      const int32_t head = task / 2;
      const auto pack = task % 2 == 0 ? kernels.pack_keys : kernels.pack_values;
      pack(base + (1 + task % 2) * width + head * size, qkv.cols, head_of(head));
    });
    pool.parallel_for(static_cast<int32_t>(heads * blocks), [&](int32_t task) {
      const auto head = static_cast<int32_t>(task / blocks);
      const int64_t first = task % blocks * rows;
      kernels.attend({base + first * qkv.cols + head * size, qkv.cols, std::min(rows, positions - first),
                      results + first * width + head * size, width},
                     head_of(head));
    });
  }
}

}  // namespace wtrt::cpu
