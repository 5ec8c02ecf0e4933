// Instructions of sm_90a's warpgroups, one function each: their registers and their products. For code compiled for
// sm_90a alone.
#pragma once

#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

namespace wtrt::kernels::ptx {

template <int kCount>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
}
template <int kCount>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
}

__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int kPending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// Keeps the compiler from moving work on registers across this point: wgmma writes them after its instruction.
template <int kCount>
__device__ __forceinline__ void pin(float (&values)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+f"(values[i])::"memory");
}

// A tile of 128-byte rows in the copy engine's 128-byte swizzle, 1024-byte aligned, eight rows being 1024 bytes: the
// half of its descriptor that says where it is, in units of 16 bytes. 16 columns on are 2 more, 16 rows on 128.
__device__ __forceinline__ uint32_t tile_place(uint32_t address) {
  return (address & 0x3ffffu) >> 4 | 1024u / 16 << 16;
}
__device__ __forceinline__ uint64_t tile_descriptor(uint32_t place) {
  constexpr uint32_t kSwizzle128 = 1u << 30;
  uint64_t descriptor;
  asm("mov.b64 %0, {%1, %2};" : "=l"(descriptor) : "r"(place), "r"(kSwizzle128 | 1024 / 16));
  return descriptor;
}

// The same in one piece. The first stride, of which these shapes make no use, is another.
__device__ __forceinline__ uint64_t matrix_descriptor(uint32_t address) {
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
#define WTRT_WGMMA(columns, type, registers, a_at, b_at, p_at, ...)                                                             \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_at ", 0;\nwgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." type "." \
               type " {" registers "}, %" #a_at ", %" #b_at ", p, 1, 1, 0, 0;\n}"                                                \
               : __VA_ARGS__ : "l"(a), "l"(b), "r"(accumulate))
#define WTRT_WGMMA_BOTH(columns, ...)                                                                                           \
  if constexpr (std::is_same_v<T, __half>) { WTRT_WGMMA(columns, "f16", __VA_ARGS__); }                                         \
  else { WTRT_WGMMA(columns, "bf16", __VA_ARGS__); }
#define WTRT_WGMMA_FRAGMENTS(type)                                                                                              \
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type " {" WTRT_D32 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;" \
               : WTRT_F32(0) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))

// d [64, kColumns] = a · bᵀ (+ d): a [64, 16], b [kColumns, 16] in shared memory. Thread 32w + 4i + q of the warpgroup holds in
// d[4c + 2h + e] row 16w + i + 8h, column 8c + 2q + e.
template <typename T, int kColumns>
__device__ __forceinline__ void wgmma(float (&d)[kColumns / 2], uint64_t a, uint64_t b, int accumulate) {
  static_assert(kColumns == 64 || kColumns == 128 || kColumns == 192 || kColumns == 256);
  if constexpr (kColumns == 64) { WTRT_WGMMA_BOTH(64, WTRT_D32, 32, 33, 34, WTRT_F32(0)) }
  if constexpr (kColumns == 128) { WTRT_WGMMA_BOTH(128, WTRT_D64, 64, 65, 66, WTRT_F32(0), WTRT_F32(32)) }
  if constexpr (kColumns == 192) { WTRT_WGMMA_BOTH(192, WTRT_D96, 96, 97, 98, WTRT_F32(0), WTRT_F32(32), WTRT_F32(64)) }
  if constexpr (kColumns == 256) {
    WTRT_WGMMA_BOTH(256, WTRT_D128, 128, 129, 130, WTRT_F32(0), WTRT_F32(32), WTRT_F32(64), WTRT_F32(96))
  }
}

// d [64, 64] += a · b: a [64, 16] in fragments, four registers; b [16, 64] in shared memory, rows of 128 bytes along its columns.
template <typename T>
__device__ __forceinline__ void wgmma_fragments(float (&d)[32], const uint32_t* a, uint64_t b) {
  if constexpr (std::is_same_v<T, __half>) { WTRT_WGMMA_FRAGMENTS("f16"); }
  else { WTRT_WGMMA_FRAGMENTS("bf16"); }
}
// clang-format on

#undef WTRT_WGMMA_FRAGMENTS
#undef WTRT_WGMMA_BOTH
#undef WTRT_WGMMA
#undef WTRT_F32
#undef WTRT_F4
#undef WTRT_D128
#undef WTRT_D96
#undef WTRT_D64
#undef WTRT_D32
#undef WTRT_TEN

}  // namespace wtrt::kernels::ptx
