#include "backends/cpu/linear.hpp"

#include <limits>
#include <string>

#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

using ops::ComputeType;
using ops::HostTensor;
using ops::Tensor;

Element element_of(ComputeType type) {
  switch (type) {
    case ComputeType::f32: return Element::f32;
    case ComputeType::bf16: return Element::bf16;
    case ComputeType::i8: return Element::i8;
    case ComputeType::f16: break;  // not the CPU's
  }
  return Element::f32;
}

// Our kernels are as fast with the epilogue as oneDNN without, need nothing compiled at start, and make a row's bits
// independent of the number of rows (docs/decisions/0004 and 0009). Only bf16 windows on tiles still go to oneDNN.
bool window_by_onednn(Isa isa, Element element, ops::LinearUse use) {
  return use == ops::LinearUse::window && isa == Isa::amx && element == Element::bf16 && onednn_serves(isa);
}

bool is_weight_type(const HostTensor& tensor) {
  return tensor.dtype == DType::f32 || tensor.dtype == DType::f16 || tensor.dtype == DType::bf16 ||
         (tensor.dtype == DType::i8 && tensor.scale != nullptr);
}

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::internal, "make_linear: " + what); }

// Shapes come checked from the model; what is wrong here is a defect, not bad input.
std::span<const ops::LinearPart> checked(std::span<const ops::LinearPart> parts) {
  if (parts.empty()) refuse("no parts");
  int64_t outputs = 0;
  for (const ops::LinearPart& part : parts) {
    const HostTensor& weight = part.weight;
    if (weight.data == nullptr || weight.rows <= 0 || weight.cols <= 0 || weight.cols != parts.front().weight.cols) {
      refuse("a part of " + std::to_string(weight.rows) + " x " + std::to_string(weight.cols) + " beside one with " +
             std::to_string(parts.front().weight.cols) + " columns");
    }
    if (!is_weight_type(weight)) refuse("weights must be f32, f16, bf16 or int8 with scales");
    const bool bias_fits = part.bias.data == nullptr || (part.bias.rows * part.bias.cols == weight.rows &&
                                                         is_weight_type(part.bias) && part.bias.dtype != DType::i8);
    if (!bias_fits) refuse("a bias must have one float per output");
    outputs += weight.rows;
  }
  if (outputs > std::numeric_limits<int32_t>::max()) refuse(std::to_string(outputs) + " outputs");
  return parts;
}

bool is_f32(const Tensor& tensor, int64_t rows, int64_t cols) {
  return tensor.dtype == DType::f32 && tensor.rows == rows && tensor.cols == cols;
}

}  // namespace

CpuLinear::CpuLinear(ThreadPool& pool, const CpuSetup& setup, std::span<const ops::LinearPart> parts,
                     ops::LinearUse use, WeightMemory* memory)
    : kernels_(use == ops::LinearUse::window ? window_kernels_for(setup.isa) : kernels_for(setup.isa)) {
  const Element element = element_of(setup.compute_type);
  if (window_by_onednn(setup.isa, element, use)) {
    by_onednn_ = std::make_unique<OneDnnMatrix>(pool, kernels_, element, checked(parts));
    inputs_ = by_onednn_->k();
    outputs_ = by_onednn_->n();
  } else {
    packed_ = std::make_unique<PackedMatrix>(pack_matrix(pool, kernels_, element, checked(parts), memory));
    inputs_ = packed_->k;
    outputs_ = packed_->n;
  }
}

void CpuLinear::run(ThreadPool& pool, const Tensor& in, ops::Activation activation, const Tensor* residual,
                    const Tensor& out, Scratch& scratch) const {
  if (!is_f32(in, in.rows, inputs()) || !is_f32(out, in.rows, outputs()) ||
      (residual != nullptr && !is_f32(*residual, in.rows, outputs()))) {
    throw Error(ErrorCode::internal, "linear: tensors must be f32 [rows, " + std::to_string(inputs()) +
                                         "] and [rows, " + std::to_string(outputs()) + "]");
  }
  const RowsIn from{static_cast<const float*>(in.data), in.rows, in.cols};
  RowsOut to{static_cast<float*>(out.data), out.cols, activation == ops::Activation::gelu};
  if (residual != nullptr) {
    to.residual = static_cast<const float*>(residual->data);
    to.residual_stride = residual->cols;
  }
  if (by_onednn_) {
    by_onednn_->multiply(pool, from, to, scratch);
  } else {
    multiply(pool, kernels_, *packed_, from, to, scratch);
  }
}

}  // namespace wtrt::cpu
