#include <algorithm>
#include <string>

#include "backends/cpu/attention.hpp"
#include "backends/cpu/vector_kernels.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

constexpr int64_t kTilesPerTask = 5;

}  // namespace

struct EncoderAttention::State {
  const EncoderKernels* kernels;
  int64_t bytes = 0;
  std::unique_ptr<KvMemory> memory;
};

EncoderAttention::EncoderAttention(Isa isa, ops::ComputeType compute_type) : state_(std::make_unique<State>()) {
  const EncoderKernels* bf16 = compute_type == ops::ComputeType::f32 ? nullptr : encoder_kernels_bf16(isa);
  state_->kernels = bf16 != nullptr ? bf16 : &vector_kernels(isa).encoder;
}

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
  const EncoderKernels& kernels = *state_->kernels;
  const auto panels = [&](int64_t n) { return (n + kernels.panel - 1) / kernels.panel * kernels.panel; };
  const int64_t key_bytes = (panels(positions) * (size + 1) * kernels.element_bytes + 63) / 64 * 64;
  const int64_t value_bytes = panels(positions) * panels(size) * kernels.element_bytes;
  if (state_->bytes < heads * (key_bytes + value_bytes)) {
    state_->bytes = heads * (key_bytes + value_bytes);
    state_->memory = nullptr;
    state_->memory = std::make_unique<KvMemory>(state_->bytes);
  }
  const int64_t rows = kTilesPerTask * kernels.rows, blocks = (positions + rows - 1) / rows;
  for (int32_t window = 0; window < batch; ++window) {  // one window's keys and values stay in the cache
    const float* base = static_cast<const float*>(qkv.data) + window * positions * qkv.cols;
    float* results = static_cast<float*>(out.data) + window * positions * width;
    const auto head_of = [&](int32_t head) {
      std::byte* memory = state_->memory->data() + head * (key_bytes + value_bytes);
      return EncoderHead{memory, memory + key_bytes, positions, size};
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
