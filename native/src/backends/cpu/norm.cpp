#include "backends/cpu/norm.hpp"

#include <algorithm>
#include <string>

#include "backends/cpu/vector_kernels.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

std::vector<float> as_floats(const ops::HostTensor& tensor, const char* name) {
  const auto count = static_cast<size_t>(tensor.rows * tensor.cols);
  std::vector<float> values(count);
  const auto* halves = static_cast<const uint16_t*>(tensor.data);
  for (size_t i = 0; i < count; ++i) {
    switch (tensor.dtype) {
      case DType::f32: values[i] = static_cast<const float*>(tensor.data)[i]; break;
      case DType::f16: values[i] = f16_to_f32(halves[i]); break;
      case DType::bf16: values[i] = bf16_to_f32(halves[i]); break;
      default:
        throw Error(ErrorCode::unsupported, std::string("the ") + name + " of a layer norm is of element type " +
                                                std::to_string(static_cast<int>(tensor.dtype)) +
                                                "; it must be F32, F16 or BF16");
    }
  }
  return values;
}

constexpr int64_t kRowsPerTask = 16;

}  // namespace

CpuLayerNorm::CpuLayerNorm(const ops::HostTensor& gain, const ops::HostTensor& bias)
    : gain_(as_floats(gain, "gain")), bias_(as_floats(bias, "bias")) {
  if (gain_.empty() || gain_.size() != bias_.size()) {
    throw Error(ErrorCode::invalid_argument, "a layer norm has " + std::to_string(gain_.size()) + " gains and " +
                                                 std::to_string(bias_.size()) +
                                                 " biases; it needs as many of both, at least one");
  }
}

void layer_norm(Isa isa, ThreadPool& pool, const CpuLayerNorm& norm, const ops::Tensor& in, const ops::Tensor& out) {
  if (in.dtype != DType::f32 || out.dtype != DType::f32 || in.cols != norm.width() || out.cols != in.cols ||
      out.rows != in.rows) {
    throw Error(ErrorCode::internal, "layer norm of width " + std::to_string(norm.width()) + " met a tensor [" +
                                         std::to_string(in.rows) + ", " + std::to_string(in.cols) +
                                         "]; both must be f32 and agree");
  }
  const auto row = vector_kernels(isa).norm_row;
  const auto* from = static_cast<const float*>(in.data);
  auto* to = static_cast<float*>(out.data);
  const auto tasks = static_cast<int32_t>((in.rows + kRowsPerTask - 1) / kRowsPerTask);
  const auto body = [&](int32_t task) {
    const int64_t first = task * kRowsPerTask, end = std::min(first + kRowsPerTask, in.rows);
    for (int64_t r = first; r < end; ++r) row(from + r * in.cols, norm.gain(), norm.bias(), to + r * in.cols, in.cols);
  };
  if (tasks == 1) {
    body(0);
  } else {
    pool.parallel_for(tasks, body);
  }
}

}  // namespace wtrt::cpu
