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

// Letters of 16 bytes from the team's blocks to each other's shared memory, and the bell that rings when all have come:
// quicker than a barrier of the team. Before the first letter there must have been one, behind expect_letters().
struct Letter {
  uint64_t low, high;
};
struct Bell {
  uint64_t barrier;
};

// By one thread of the block that is written to.
__device__ inline void expect_letters(Bell& bell, int32_t letters) {
#if __CUDA_ARCH__ >= 900
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(&bell.barrier));
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(address) : "memory");
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address), "r"(letters * 16) : "memory");
#else
  (void)bell;
  (void)letters;
#endif
}

// To the same variables of the team's block `rank`.
__device__ inline void send(const Team& team, const Letter& letter, Letter& to, Bell& bell, int32_t rank) {
  if (team.size == 1) {
    to = letter;
    return;
  }
#if __CUDA_ARCH__ >= 900
  uint32_t remote, remote_bell;
  asm("mapa.shared::cluster.u32 %0, %1, %2;"
      : "=r"(remote)
      : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(&to))), "r"(rank));
  asm("mapa.shared::cluster.u32 %0, %1, %2;"
      : "=r"(remote_bell)
      : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(&bell.barrier))), "r"(rank));
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.b64 [%0], {%1, %2}, [%3];" ::"r"(remote),
               "l"(letter.low), "l"(letter.high), "r"(remote_bell)
               : "memory");
#else
  (void)bell;
  (void)rank;
#endif
}

// By all threads of the block, before they read letters.
__device__ inline void await_letters(const Team& team, Bell& bell) {
  if (team.size == 1) {
    __syncthreads();
    return;
  }
#if __CUDA_ARCH__ >= 900
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(&bell.barrier));
  uint32_t rung = 0;
  while (rung == 0) {
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], 0; selp.u32 %0, 1, 0, p; }"
        : "=r"(rung)
        : "r"(address)
        : "memory");
  }
#else
  (void)bell;
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
