// Teams: the blocks of a cluster along x; before sm_90 every block is a team of its own.
#pragma once

#include <cstdint>

#include "ptx_hopper.cuh"

namespace wtrt::kernels {

struct Team {
  int32_t rank, size;
};

__device__ __forceinline__ Team this_team() {
#if __CUDA_ARCH__ >= 900
  return {static_cast<int32_t>(ptx::cluster_rank()), static_cast<int32_t>(ptx::cluster_size())};
#else
  return {0, 1};
#endif
}

// A barrier of all threads of the team; what was written before it, in each other's shared memory too, is seen after
// it. Before the first access to another block's shared memory there must have been one.
__device__ __forceinline__ void team_arrive() {
#if __CUDA_ARCH__ >= 900
  ptx::cluster_arrive();
#endif
}
__device__ __forceinline__ void team_wait() {
#if __CUDA_ARCH__ >= 900
  ptx::cluster_wait();
#else
  __syncthreads();
#endif
}

// Where a variable in shared memory lies in the memory of the team's block `rank`.
template <typename T>
__device__ __forceinline__ T* at_rank(T* shared, int32_t rank) {
#if __CUDA_ARCH__ >= 900
  return ptx::cluster_address(shared, rank);
#else
  (void)rank;
  return shared;
#endif
}

}  // namespace wtrt::kernels
