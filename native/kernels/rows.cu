#include "rows.hpp"

namespace wtrt::kernels {
namespace {

__global__ void gather_kernel(const int32_t* in, const int32_t* rows, int64_t words, int32_t* out) {
  const int64_t from = rows[blockIdx.x] * words, to = blockIdx.x * words;
  for (int64_t i = threadIdx.x; i < words; i += blockDim.x) out[to + i] = in[from + i];
}

}  // namespace

cudaError_t gather(const void* in, const int32_t* rows, int32_t count, int64_t bytes, void* out, cudaStream_t stream) {
  gather_kernel<<<count, 128, 0, stream>>>(static_cast<const int32_t*>(in), rows, bytes / 4, static_cast<int32_t*>(out));
  return cudaGetLastError();
}

}  // namespace wtrt::kernels
