#include "gemm.hpp"

#include "gemm_plan.hpp"
#include "gemm_tactics.hpp"

namespace wtrt::kernels {
namespace {

bool aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

// Elements of 16 bytes.
int64_t elements(const GemmArgs& args) { return static_cast<int64_t>(16 / size_of(args.type)); }

bool valid(const GemmArgs& args) {
  const bool heads = args.head_size > 0;
  return args.batches >= 0 && args.rows >= 0 && args.n >= 0 && args.k > 0 && args.head_size >= 0 &&
         (!heads || args.batches <= GemmArgs::kMostHeadBatches);
}

}  // namespace

RowSpace row_space(const GemmArgs& args) {
  const bool one = args.batches == 1 || args.a_batch == args.rows * args.a_row;
  return one ? RowSpace{1, args.batches * args.rows} : RowSpace{args.batches, args.rows};
}

bool reads_wide(const GemmArgs& args) {
  const int64_t wide = elements(args);
  return aligned(args.a) && aligned(args.w) && args.k % wide == 0 && args.a_row % wide == 0 &&
         (args.batches == 1 || args.a_batch % wide == 0);
}

bool writes_wide(const GemmArgs& args) {
  const int64_t wide = elements(args);
  bool out = args.n % wide == 0 && aligned(args.bias) && aligned(args.residual) && args.residual_batch % wide == 0;
  if (args.head_size > 0) {
    out = out && args.head_size % wide == 0 && args.head_stride % wide == 0;
    for (int32_t b = 0; b < args.batches; ++b) out = out && aligned(args.heads_out[b]);
    return out;
  }
  return out && aligned(args.out) && args.out_row % wide == 0 && (args.batches == 1 || args.out_batch % wide == 0);
}

cudaError_t gemm(const Device& device, const GemmArgs& args, GemmTactic tactic, cudaStream_t stream) {
  if (args.batches == 0 || args.rows == 0 || args.n == 0) return cudaSuccess;
  if (!valid(args)) return cudaErrorInvalidValue;
  const RowSpace space = row_space(args);
  const int32_t tile = choose_wgmma_tile(space.batches, space.rows, args.n, args.k, device.processors);
  switch (tactic) {
    case GemmTactic::reference: return gemm_reference(args, stream);
    case GemmTactic::mma: return gemm_mma(device, args, stream);
    case GemmTactic::wgmma: return gemm_wgmma(device, args, tile, stream);
    case GemmTactic::automatic: break;
  }
  cudaError_t status = gemm_wgmma(device, args, tile, stream);
  if (status == cudaErrorNotSupported) status = gemm_mma(device, args, stream);
  if (status == cudaErrorNotSupported) status = gemm_reference(args, stream);
  return status;
}

}  // namespace wtrt::kernels
