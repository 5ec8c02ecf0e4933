// How kernels of this folder follow each other and work together, where the GPU can: Hopper's programmatic dependent
// launch (a kernel is set up while the one before it still runs, and touches nothing of its before wait_for_previous()
// returns) and clusters.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <utility>

#include "device.hpp"

namespace wtrt::kernels {

__device__ inline void wait_for_previous() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

__device__ inline void let_next_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// ---- teams: the blocks of a cluster; before sm_90 every block is a team of its own ----

struct Team {
  int32_t rank, size;
};

__device__ inline Team this_team() {
#if __CUDA_ARCH__ >= 900
  Team team;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(team.rank));
  asm("mov.u32 %0, %%cluster_nctaid.x;" : "=r"(team.size));
  return team;
#else
  return {0, 1};
#endif
}

// A barrier of all threads of the team; what was written before it, in each other's shared memory too, is seen after
// it. Before the first access to another block's shared memory there must have been one.
__device__ inline void team_arrive() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive;" ::: "memory");
#endif
}
__device__ inline void team_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait;" ::: "memory");
#else
  __syncthreads();
#endif
}

// Where a variable in shared memory lies in the memory of the team's block `rank`.
template <typename T>
__device__ T* at_rank(T* shared, int32_t rank) {
#if __CUDA_ARCH__ >= 900
  T* there;
  asm("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(shared), "r"(rank));
  return there;
#else
  (void)rank;
  return shared;
#endif
}

struct Launch {
  dim3 grid;
  int threads;
  int team = 1;            // blocks along x that form a team; above 1 from sm_90 on
  bool dependent = false;  // the kernel calls wait_for_previous() first of all; from sm_90 on
};

template <typename... Parameters, typename... Arguments>
cudaError_t launch(const Launch& how, cudaStream_t stream, void (*kernel)(Parameters...), Arguments&&... arguments) {
  cudaLaunchAttribute attributes[2] = {};
  cudaLaunchConfig_t config{};
  config.gridDim = how.grid;
  config.blockDim = dim3(static_cast<unsigned>(how.threads));
  config.stream = stream;
  config.attrs = attributes;
  if (how.dependent) {
    cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
  }
  if (how.team > 1) {
    cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim = {static_cast<unsigned>(how.team), 1, 1};
  }
  return cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
}

}  // namespace wtrt::kernels
