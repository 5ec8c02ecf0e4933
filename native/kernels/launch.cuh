// How kernels are launched, and how they follow each other where the GPU can: by Hopper's programmatic dependent launch
// a kernel is set up while the one before it still runs.
#pragma once

#include <cuda_runtime.h>

#include <utility>

namespace wtrt::kernels {

// Until the launches before this one have ended and all they wrote can be seen. A kernel that overlaps calls it, in
// every block, before it touches what they write or read.
__device__ __forceinline__ void wait_for_previous() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// The launch behind this one may begin once every block of this one said so or ended.
__device__ __forceinline__ void let_next_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

struct LaunchShape {
  dim3 grid;
  int threads;
  size_t shared_bytes = 0;  // that the launch adds to the kernel's own
  int cluster = 1;          // neighbours along x; above 1 from sm_90 on
  bool overlap = false;     // may begin before the launch in front of it has ended; from sm_90 on
};

template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
                   Arguments&&... arguments) {
  constexpr size_t kAlwaysAllowed = 48 * 1024;
  const auto* const function = reinterpret_cast<const void*>(kernel);
  // A multiprocessor has to run empty before it divides its memory into cache and shared memory anew: so that launches
  // overlap, all of them want the same division.
  cudaError_t status =
      cudaFuncSetAttribute(function, cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared);
  if (status == cudaSuccess && shape.shared_bytes > kAlwaysAllowed) {
    status = cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  static_cast<int>(shape.shared_bytes));
  }
  if (status != cudaSuccess) return status;
  cudaLaunchAttribute attributes[2] = {};
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = dim3(static_cast<unsigned>(shape.threads));
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  config.attrs = attributes;
  if (shape.cluster > 1) {
    cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim = {static_cast<unsigned>(shape.cluster), 1, 1};
  }
  if (shape.overlap) {
    cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
  }
  return cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
}

// For launchers that are not told the GPU: the kernel overlaps where it was compiled to wait.
template <typename... Parameters, typename... Arguments>
cudaError_t launch_overlapping(void (*kernel)(Parameters...), LaunchShape shape, cudaStream_t stream,
                               Arguments&&... arguments) {
  cudaFuncAttributes about{};
  const cudaError_t status = cudaFuncGetAttributes(&about, reinterpret_cast<const void*>(kernel));
  if (status != cudaSuccess) return status;
  shape.overlap = about.ptxVersion >= 90;
  return launch(kernel, shape, stream, std::forward<Arguments>(arguments)...);
}

}  // namespace wtrt::kernels
