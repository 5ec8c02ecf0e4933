#include "device.hpp"

namespace wtrt::kernels {
namespace {

// __CUDA_ARCH__ of the code that runs, and whether it has what sm_90a alone has.
struct Compiled {
  int32_t architecture, wgmma;
};
__device__ Compiled compiled;

__global__ void tell_compiled() {
#ifdef __CUDA_ARCH__
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  compiled = {__CUDA_ARCH__, 1};
#else
  compiled = {__CUDA_ARCH__, 0};
#endif
#endif
}

}  // namespace

cudaError_t this_device(Device& device) {
  Compiled found{};
  int index = 0;
  const cudaStream_t stream = cudaStreamPerThread;  // waits for nobody else's
  tell_compiled<<<1, 1, 0, stream>>>();
  cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess) {
    status = cudaMemcpyFromSymbolAsync(&found, compiled, sizeof found, 0, cudaMemcpyDeviceToHost, stream);
  }
  if (status == cudaSuccess) status = cudaStreamSynchronize(stream);
  if (status == cudaSuccess) status = cudaGetDevice(&index);
  if (status == cudaSuccess) {
    status = cudaDeviceGetAttribute(&device.processors, cudaDevAttrMultiProcessorCount, index);
  }
  if (status == cudaSuccess) {
    status = cudaDeviceGetAttribute(&device.shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, index);
  }
  device.sm = found.architecture / 10;
  device.wgmma = found.wgmma != 0;
  return status;
}

}  // namespace wtrt::kernels
