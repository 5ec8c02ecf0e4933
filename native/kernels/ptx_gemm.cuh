// The PTX instructions that the matrix products are made of, one function each.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

// Hopper's own instructions exist in code for sm_90a alone.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define WTRT_SM90A 1
#else
#define WTRT_SM90A 0
#endif

namespace wtrt::kernels::ptx {

__device__ inline uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// ---- Every GPU since sm_80 ----

// Sixteen bytes to shared memory; zeros where not `valid`.
__device__ inline void copy_async(uint32_t to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(valid ? 16 : 0) : "memory");
}
__device__ inline void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int kPending>
__device__ inline void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// Four 8x8 matrices of 16-bit elements; lane i gives the address of row i % 8 of matrix i / 8.
__device__ inline void load_matrices(uint32_t (&m)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
               : "r"(address)
               : "memory");
}

template <typename T>
__device__ inline void multiply_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t* b) {
  if constexpr (sizeof(T) == 2 && __is_same(T, __half)) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, "
        "%2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
}

__device__ inline float exp2_approximate(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

#if WTRT_SM90A

// ---- Programmatic dependent launch ----

// Until the kernels before this one are done and their writes seen.
__device__ inline void wait_for_earlier_kernels() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
// The next kernel may begin its own prologue wherever this one leaves room.
__device__ inline void let_next_kernel_start() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }

// ---- Clusters and barriers in shared memory ----

__device__ inline uint32_t rank_in_cluster() {
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
// All threads of the cluster meet; orders no memory but what barrier_init_fence() does.
__device__ inline void cluster_sync() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

__device__ inline void barrier_init(uint32_t barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
// Makes initialised barriers known to the copy engine and to the cluster.
__device__ inline void barrier_init_fence() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
__device__ inline void barrier_arrive_expecting(uint32_t barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ inline void barrier_arrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
// On the same barrier of the cluster's CTA `rank`.
__device__ inline void barrier_arrive_at(uint32_t barrier, uint32_t rank) {
  asm volatile(
      "{\n.reg .b32 remote;\nmapa.shared::cluster.u32 remote, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [remote];\n}" ::"r"(barrier),
      "r"(rank)
      : "memory");
}
__device__ inline void barrier_wait(uint32_t barrier, uint32_t phase) {
  asm volatile(
      "{\n.reg .pred done;\nAGAIN:\nmbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra AGAIN;\n}" ::"r"(barrier),
      "r"(phase)
      : "memory");
}

// ---- Tiles of tensors ----

__device__ inline void prefetch_map(const void* map) { asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory"); }
__device__ inline void load_tile(uint32_t to, const void* map, uint32_t barrier, int32_t x, int32_t y, int32_t z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
      "[%2];" ::"r"(to),
      "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z)
      : "memory");
}
// To the same place of every CTA in `mask`.
__device__ inline void load_tile_multicast(uint32_t to, const void* map, uint32_t barrier, int32_t x, int32_t y,
                                           int32_t z, uint32_t mask) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster"
      " [%0], [%1, {%3, %4, %5}], [%2], %6;" ::"r"(to),
      "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z), "h"(static_cast<uint16_t>(mask))
      : "memory");
}

// ---- Warpgroups ----

template <int kCount>
__device__ inline void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
}
template <int kCount>
__device__ inline void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
}

__device__ inline void multiply_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void multiply_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int kPending>
__device__ inline void multiply_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// What wgmma reads from shared memory: rows of 128 bytes along k, eight of them to a swizzled block of 1,024 bytes,
// block after block.
__device__ inline uint64_t matrix_descriptor(uint32_t address) {
  constexpr uint64_t kSwizzle128 = 1ull << 62, kBlockStride = 1024ull >> 4 << 32, kUnused = 1ull << 16;
  return kSwizzle128 | kBlockStride | kUnused | (address & 0x3ffff) >> 4;
}

// clang-format off
#define WTRT_TEN(t) "%" #t "0, %" #t "1, %" #t "2, %" #t "3, %" #t "4, %" #t "5, %" #t "6, %" #t "7, %" #t "8, %" #t "9, "
#define WTRT_D32 WTRT_TEN() WTRT_TEN(1) WTRT_TEN(2) "%30, %31"
#define WTRT_D64 WTRT_TEN() WTRT_TEN(1) WTRT_TEN(2) WTRT_TEN(3) WTRT_TEN(4) WTRT_TEN(5) "%60, %61, %62, %63"
#define WTRT_D96 WTRT_TEN() WTRT_TEN(1) WTRT_TEN(2) WTRT_TEN(3) WTRT_TEN(4) WTRT_TEN(5) WTRT_TEN(6) WTRT_TEN(7) WTRT_TEN(8) \
  "%90, %91, %92, %93, %94, %95"
#define WTRT_D128 WTRT_TEN() WTRT_TEN(1) WTRT_TEN(2) WTRT_TEN(3) WTRT_TEN(4) WTRT_TEN(5) WTRT_TEN(6) WTRT_TEN(7) WTRT_TEN(8) \
  WTRT_TEN(9) WTRT_TEN(10) WTRT_TEN(11) "%120, %121, %122, %123, %124, %125, %126, %127"
#define WTRT_F4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define WTRT_F32(i) WTRT_F4(i), WTRT_F4(i + 4), WTRT_F4(i + 8), WTRT_F4(i + 12), WTRT_F4(i + 16), WTRT_F4(i + 20), WTRT_F4(i + 24), \
  WTRT_F4(i + 28)
#define WTRT_MULTIPLY(columns, type, registers, a_at, b_at, p_at, ...)                                                          \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_at ", 0;\nwgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." type "." \
               type " {" registers "}, %" #a_at ", %" #b_at ", p, 1, 1, 0, 0;\n}"                                                \
               : __VA_ARGS__ : "l"(a), "l"(b), "r"(accumulate))
#define WTRT_MULTIPLY_BOTH(columns, ...)                                                                                        \
  if constexpr (__is_same(T, __half)) { WTRT_MULTIPLY(columns, "f16", __VA_ARGS__); }                                           \
  else { WTRT_MULTIPLY(columns, "bf16", __VA_ARGS__); }

// d [64, kColumns] = a · bᵀ (+ d): a [64, 16], b [kColumns, 16] in shared memory. Thread 32w + 4i + q of the warpgroup holds in
// d[4c + 2h + e] row 16w + i + 8h, column 8c + 2q + e.
template <typename T, int kColumns>
__device__ inline void multiply_64xNx16(float (&d)[kColumns / 2], uint64_t a, uint64_t b, int accumulate) {
  static_assert(kColumns == 64 || kColumns == 128 || kColumns == 192 || kColumns == 256);
  if constexpr (kColumns == 64) { WTRT_MULTIPLY_BOTH(64, WTRT_D32, 32, 33, 34, WTRT_F32(0)) }
  if constexpr (kColumns == 128) { WTRT_MULTIPLY_BOTH(128, WTRT_D64, 64, 65, 66, WTRT_F32(0), WTRT_F32(32)) }
  if constexpr (kColumns == 192) { WTRT_MULTIPLY_BOTH(192, WTRT_D96, 96, 97, 98, WTRT_F32(0), WTRT_F32(32), WTRT_F32(64)) }
  if constexpr (kColumns == 256) {
    WTRT_MULTIPLY_BOTH(256, WTRT_D128, 128, 129, 130, WTRT_F32(0), WTRT_F32(32), WTRT_F32(64), WTRT_F32(96))
  }
}
// clang-format on

#undef WTRT_MULTIPLY_BOTH
#undef WTRT_MULTIPLY
#undef WTRT_F32
#undef WTRT_F4
#undef WTRT_D128
#undef WTRT_D96
#undef WTRT_D64
#undef WTRT_D32
#undef WTRT_TEN

#endif  // WTRT_SM90A

}  // namespace wtrt::kernels::ptx
