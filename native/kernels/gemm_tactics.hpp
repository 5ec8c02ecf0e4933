// The tactics behind gemm(), and what each can do.
#pragma once

#include "gemm.hpp"

namespace wtrt::kernels {

// Rows as a kernel's tiles see them. Where a batch's rows follow those of the batch before without a gap, all rows are
// one batch's. Row i of batch j of this space is row (j * rows + i) % args.rows of batch (j * rows + i) / args.rows of
// the product.
struct RowSpace {
  int32_t batches, rows;
};
RowSpace row_space(const GemmArgs& args);

// Whether a and w can be read, and out written, 16 bytes at a time.
bool reads_wide(const GemmArgs& args);
bool writes_wide(const GemmArgs& args);

cudaError_t gemm_reference(const GemmArgs& args, cudaStream_t stream);
cudaError_t gemm_mma(const Device& device, const GemmArgs& args, cudaStream_t stream);
// `tile` is a number of gemm_plan.hpp's kWgmmaTiles.
cudaError_t gemm_wgmma(const Device& device, const GemmArgs& args, int32_t tile, cudaStream_t stream);

}  // namespace wtrt::kernels
