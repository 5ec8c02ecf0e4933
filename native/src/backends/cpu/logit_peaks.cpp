#include "backends/cpu/logit_peaks.hpp"

#include <string>

#include "common/error.hpp"

namespace wtrt::cpu {

void check_logits(const ops::Tensor& logits, int32_t count) {
  if (logits.dtype != DType::f32 || logits.rows < count || logits.cols < 1) {
    throw Error(ErrorCode::internal, "token policy of " + std::to_string(count) + " rows over logits [" +
                                         std::to_string(logits.rows) + ", " + std::to_string(logits.cols) +
                                         "]; they must be f32 and as many");
  }
}

Peak peak_of(const VectorKernels& kernels, const float* values, Range range) {
  Peak peak{kForbidden, range.first, 0.0};
  if (range.count < 1) return peak;
  kernels.largest(values + range.first, range.count, &peak.most, &peak.index);
  peak.index += range.first;
  if (peak.most != kForbidden) peak.sum = kernels.sum_exp(values + range.first, range.count, peak.most);
  return peak;
}

}  // namespace wtrt::cpu
