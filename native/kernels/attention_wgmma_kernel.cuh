// Attention by Hopper's tensor copies and warpgroup products, head size 64.
//
// A block of two warpgroups, 64 queries each, walks along the keys and values that the copy engine brings into two
// rings of shared memory. Two blocks share a multiprocessor, so that the products of some warpgroups run under the
// softmax of others. That takes all registers, and so no warps are kept for fetching: one warpgroup asks for keys, the
// other for values, while their own products run.
#pragma once

#include "attention_softmax.cuh"
#include "attention_traits.cuh"
#include "ptx_hopper.cuh"
#include "ptx_wgmma.cuh"

namespace wtrt::kernels {

struct WgmmaMaps {
  CUtensorMap queries, keys, out;  // [batch, positions, columns], boxes of kRows, kKeys and 64 rows by 64 columns
};

// A place in a ring, and whether its walk around is an even or an odd one.
template <typename Shape>
struct TileCursor {
  int slot = 0;
  uint32_t parity = 0;
  __device__ __forceinline__ void advance() {
    if (++slot == Shape::kStages) slot = 0, parity ^= 1;
  }
};

// Tiles in shared memory: filled by the copy engine, read by all warps. Addresses.
template <typename Shape>
struct TileRing {
  uint32_t tiles, full, empty;

  __device__ __forceinline__ void init() const {
    for (int i = 0; i < Shape::kStages; ++i) {
      ptx::barrier_init(full + 8 * i, 1);
      ptx::barrier_init(empty + 8 * i, Shape::kThreads / 32);
    }
  }
  __device__ __forceinline__ void fill(TileCursor<Shape> at, const CUtensorMap* map, int column, int tile,
                                       int batch) const {
    if (tile >= Shape::kStages) ptx::barrier_wait(empty + 8 * at.slot, at.parity ^ 1);
    ptx::barrier_arrive_expecting(full + 8 * at.slot, Shape::kTileBytes);
    ptx::load_tile(tiles + at.slot * Shape::kTileBytes, map, column, tile * Shape::kKeys, batch, full + 8 * at.slot);
  }
  __device__ __forceinline__ uint32_t wait(TileCursor<Shape> at) const {
    ptx::barrier_wait(full + 8 * at.slot, at.parity);
    return tiles + at.slot * Shape::kTileBytes;
  }
  __device__ __forceinline__ void release(TileCursor<Shape> at) const {
    if (threadIdx.x % 32 == 0) ptx::barrier_arrive(empty + 8 * at.slot);
  }
};

// Tiles that one thread asks for, one after another.
template <typename Shape>
struct TileFetcher {
  TileRing<Shape> ring;
  const CUtensorMap* map;
  int column, batch, tiles;
  bool here;  // this thread
  TileCursor<Shape> at = {};
  int next = 0;

  __device__ __forceinline__ void fetch() {
    if (here && next < tiles) ring.fill(at, map, column, next, batch);
    __syncwarp();
    ++next;
    at.advance();
  }
};

template <typename Shape>
__device__ __forceinline__ void issue_scores(float (&s)[Shape::kKeys / 2], uint32_t queries, uint32_t keys) {
  const uint32_t q = ptx::tile_place(queries), k = ptx::tile_place(keys);
#pragma unroll
  for (int i = 0; i < Shape::kHead / 16; ++i) {
    const uint64_t rows = ptx::tile_descriptor(q + 2 * i), columns = ptx::tile_descriptor(k + 2 * i);
    ptx::wgmma<typename Shape::Type, Shape::kKeys>(s, rows, columns, i != 0);
  }
  ptx::wgmma_commit();
}

template <typename Shape>
__device__ __forceinline__ void issue_values(float (&o)[32], const uint32_t (&p)[Shape::kKeys / 4], uint32_t values) {
  const uint32_t v = ptx::tile_place(values);
#pragma unroll
  for (int i = 0; i < Shape::kKeys / 16; ++i) {
    ptx::wgmma_fragments<typename Shape::Type>(o, p + 4 * i, ptx::tile_descriptor(v + Shape::kRowBytes * i));
  }
  ptx::wgmma_commit();
}

// One warpgroup's step: the keys and values at `at`, of which `valid` count.
template <typename Shape, bool kLast>
__device__ __forceinline__ void attend(SoftmaxRows& rows, float (&o)[32], uint32_t queries, TileFetcher<Shape>& keys,
                                       TileFetcher<Shape>& values, TileCursor<Shape> at, int valid, float scale) {
  float s[Shape::kKeys / 2];
  uint32_t p[Shape::kKeys / 4];
  const uint32_t k = keys.ring.wait(at);
  ptx::wgmma_fence();
  issue_scores<Shape>(s, queries, k);
  if constexpr (!kLast) {
    keys.fetch();
    values.fetch();
  }
  ptx::wgmma_wait<0>();
  ptx::pin(s);
  keys.ring.release(at);
  if constexpr (kLast) mask_scores(s, valid);
  raise_base(rows, s, o, scale);
  exponentials<typename Shape::Type>(rows, s, p, scale);
  const uint32_t v = values.ring.wait(at);
  ptx::pin(o);
  ptx::wgmma_fence();
  issue_values<Shape>(o, p, v);
  ptx::wgmma_wait<0>();
  ptx::pin(o);
  values.ring.release(at);
}

// The warpgroup's rows leave through the memory that its queries came in.
template <typename T>
__device__ __forceinline__ void store_rows(const float (&o)[32], const float (&inverse)[2], uint32_t tile) {
  const int lane = threadIdx.x % 32, row = threadIdx.x / 32 % 4 * 16 + lane % 16;
#pragma unroll
  for (int g = 0; g < 8; g += 2) {
    const uint32_t chunk = static_cast<uint32_t>((g + lane / 16) ^ (row & 7));
    const float* const from = o + 4 * g;
    ptx::store_matrices(tile + row * 128 + chunk * 16, ptx::pack<T>(from[0] * inverse[0], from[1] * inverse[0]),
                        ptx::pack<T>(from[2] * inverse[1], from[3] * inverse[1]),
                        ptx::pack<T>(from[4] * inverse[0], from[5] * inverse[0]),
                        ptx::pack<T>(from[6] * inverse[1], from[7] * inverse[1]));
  }
}

template <typename Shape>
__global__ void __launch_bounds__(Shape::kThreads, 2)
    attention_wgmma_kernel(const __grid_constant__ WgmmaMaps maps, int positions, int heads, float scale) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ __align__(1024) unsigned char shared[];
  const int head = blockIdx.y, batch = blockIdx.z, first_row = blockIdx.x * Shape::kRows, group = threadIdx.x / 128;
  const uint32_t all_queries = ptx::shared_address(shared), queries = all_queries + group * Shape::kGroupBytes;
  const uint32_t tiles = all_queries + Shape::kGroups * Shape::kGroupBytes, barriers = tiles + 2 * Shape::kRingBytes;
  const uint32_t queries_full = barriers + 32 * Shape::kStages;
  const TileRing<Shape> key_ring{tiles, barriers, barriers + 8 * Shape::kStages};
  const TileRing<Shape> value_ring{tiles + Shape::kRingBytes, barriers + 16 * Shape::kStages,
                                   barriers + 24 * Shape::kStages};
  if (threadIdx.x == 0) {
    key_ring.init();
    value_ring.init();
    ptx::barrier_init(queries_full, 1);
    ptx::barrier_init_fence();
    ptx::barrier_arrive_expecting(queries_full, Shape::kGroups * Shape::kGroupBytes);
    ptx::load_tile(all_queries, &maps.queries, head * Shape::kHead, first_row, batch, queries_full);
  }
  __syncthreads();

  const int count = (positions + Shape::kKeys - 1) / Shape::kKeys;
  TileFetcher<Shape> keys{key_ring, &maps.keys, (heads + head) * Shape::kHead, batch, count, threadIdx.x == 0};
  TileFetcher<Shape> values{value_ring, &maps.keys, (2 * heads + head) * Shape::kHead,
                            batch,      count,      threadIdx.x == Shape::kThreads - 128};
  keys.fetch();
  values.fetch();
  keys.fetch();
  float o[32] = {};
  SoftmaxRows rows;
  TileCursor<Shape> at;
  ptx::barrier_wait(queries_full, 0);
  for (int tile = 0; tile + 1 < count; ++tile, at.advance()) {
    attend<Shape, false>(rows, o, queries, keys, values, at, Shape::kKeys, scale);
  }
  attend<Shape, true>(rows, o, queries, keys, values, at, positions - (count - 1) * Shape::kKeys, scale);

  float inverse[2];
  finish_rows(rows, inverse);
  ptx::named_wait(1 + group, 128);
  store_rows<typename Shape::Type>(o, inverse, queries);
  ptx::async_fence();
  ptx::named_wait(1 + group, 128);
  if (threadIdx.x % 128 == 0) {
    ptx::store_tile(&maps.out, head * Shape::kHead, first_row + 64 * group, batch, queries);
    ptx::store_tile_wait();
  }
#endif
}

}  // namespace wtrt::kernels
