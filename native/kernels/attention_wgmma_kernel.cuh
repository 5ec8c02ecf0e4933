// Attention by Hopper's tensor copies and warpgroup products, head size 64.
#pragma once

#include "attention_softmax.cuh"
#include "ptx_attention_hopper.cuh"

namespace wtrt::kernels {

template <typename T, int kGroups_, int kKeys_, int kBlocks_, bool kAhead_, bool kTurns_, int kPieces_>
struct WgmmaShape {
  using Type = T;
  static constexpr int kHead = 64, kRowBytes = 2 * kHead;
  static constexpr int kGroups = kGroups_;  // warpgroups, 64 queries each
  static constexpr int kKeys = kKeys_;      // keys and values of a tile
  static constexpr int kStages = 3;
  static constexpr int kBlocks = kBlocks_;  // blocks per multiprocessor
  static constexpr bool kAhead = kAhead_, kTurns = kTurns_;
  static constexpr int kPieces = kPieces_;
  static constexpr int kThreads = 128 * kGroups, kRows = 64 * kGroups;
  static constexpr int kTileBytes = kKeys * kRowBytes, kQueryBytes = kRows * kRowBytes;
  static constexpr int kSharedBytes = kQueryBytes + 2 * kStages * kTileBytes + 128;
};

struct WgmmaMaps {
  CUtensorMap queries, keys, out;  // [batch, positions, columns], boxes of kRows, kKeys and 64 rows by 64 columns
};

// A ring of tiles in shared memory: filled by the copy engine, read by all warps.
template <typename Shape>
struct TileRing {
  uint32_t tiles, full, empty;  // addresses

  static __device__ __forceinline__ uint32_t slot(int tile) { return static_cast<uint32_t>(tile % Shape::kStages); }
  static __device__ __forceinline__ uint32_t round(int tile) {
    return static_cast<uint32_t>(tile / Shape::kStages % 2);
  }

  __device__ __forceinline__ void init() const {
    for (int i = 0; i < Shape::kStages; ++i) {
      ptx::barrier_init(full + 8 * i, 1);
      ptx::barrier_init(empty + 8 * i, Shape::kThreads / 32);
    }
  }
  __device__ __forceinline__ void fill(int tile, const CUtensorMap* map, int column, int batch) const {
    const uint32_t at = slot(tile);
    if (tile >= Shape::kStages) ptx::barrier_wait(empty + 8 * at, round(tile) ^ 1);
    ptx::barrier_arrive_expecting(full + 8 * at, Shape::kTileBytes);
    ptx::tensor_load(tiles + at * Shape::kTileBytes, map, column, tile * Shape::kKeys, batch, full + 8 * at);
  }
  __device__ __forceinline__ uint32_t wait(int tile) const {
    ptx::barrier_wait(full + 8 * slot(tile), round(tile));
    return tiles + slot(tile) * Shape::kTileBytes;
  }
  __device__ __forceinline__ void release(int tile) const {
    if (threadIdx.x % 32 == 0) ptx::barrier_arrive(empty + 8 * slot(tile));
  }
};

template <typename Shape>
__device__ __forceinline__ void issue_scores(float (&s)[Shape::kKeys / 2], uint32_t queries, uint32_t keys) {
  const uint64_t q = ptx::tile_descriptor(queries), k = ptx::tile_descriptor(keys);
#pragma unroll
  for (int i = 0; i < Shape::kHead / 16; ++i) ptx::wgmma_scores<typename Shape::Type>(s, q + 2 * i, k + 2 * i, i != 0);
}

template <typename Shape, int kFirst, int kLast>
__device__ __forceinline__ void issue_values(float (&o)[32], const uint32_t (&p)[Shape::kKeys / 4], uint32_t values) {
  const uint64_t v = ptx::tile_descriptor(values);
#pragma unroll
  for (int i = kFirst; i < kLast; ++i)
    ptx::wgmma_values<typename Shape::Type>(o, p + 4 * i, v + 16 * Shape::kRowBytes / 16 * i);
}

template <typename Shape, int kPiece>
__device__ __forceinline__ void exponentials_and_values(SoftmaxRows& rows, float (&s)[Shape::kKeys / 2], float (&o)[32],
                                                        uint32_t (&p)[Shape::kKeys / 4], uint32_t values, float scale) {
  constexpr int kSteps = Shape::kKeys / 16 / Shape::kPieces, kFirst = kPiece * kSteps, kLast = kFirst + kSteps;
  exponentials<8 * kFirst, 8 * kLast>(rows, s, scale);
  pack_fragments<typename Shape::Type, 8 * kFirst, 8 * kLast>(s, p);
  ptx::wgmma_fence();
  issue_values<Shape, kFirst, kLast>(o, p, values);
  if constexpr (kPiece + 1 < Shape::kPieces) {
    exponentials_and_values<Shape, kPiece + 1>(rows, s, o, p, values, scale);
  }
}

// One warpgroup's way along the keys.
template <typename Shape>
struct WgmmaGroup {
  TileRing<Shape> keys, values;
  uint32_t queries;
  const CUtensorMap* map;
  int key_column, value_column, batch, positions, group;
  float scale;

  __device__ __forceinline__ void fill_keys(int tile, int tiles) const {
    if (threadIdx.x == 0 && tile < tiles) keys.fill(tile, map, key_column, batch);
    __syncwarp();
  }
  __device__ __forceinline__ void fill_values(int tile, int tiles) const {
    if (threadIdx.x == 0 && tile < tiles) values.fill(tile, map, value_column, batch);
    __syncwarp();
  }
  // The warpgroups take turns at issuing products, so that one's run under another's softmax.
  __device__ __forceinline__ void await_turn() const {
    if constexpr (Shape::kTurns && Shape::kGroups > 1) ptx::named_wait(1 + group, 256);
  }
  __device__ __forceinline__ void pass_turn() const {
    if constexpr (Shape::kTurns && Shape::kGroups > 1) ptx::named_arrive(1 + (group + 1) % Shape::kGroups, 256);
  }

  template <bool kLast>
  __device__ __forceinline__ void step(int tile, int tiles, SoftmaxRows& rows, float (&o)[32]) const {
    float s[Shape::kKeys / 2];
    uint32_t p[Shape::kKeys / 4];
    float correction[2];
    const uint32_t k = keys.wait(tile);
    ptx::wgmma_fence();
    issue_scores<Shape>(s, queries, k);
    ptx::wgmma_commit();
    if (tile > 0) pass_turn();
    fill_keys(tile + 2, tiles);
    fill_values(tile + 1, tiles);
    ptx::wgmma_wait<0>();
    ptx::pin(s);
    keys.release(tile);
    if constexpr (kLast) mask_scores(s, positions - tile * Shape::kKeys);
    if (raise_base(rows, s, scale, correction)) correct(o, correction);
    const uint32_t v = values.wait(tile);
    if constexpr (Shape::kTurns) {
      exponentials<0, Shape::kKeys / 2>(rows, s, scale);
      pack_fragments<typename Shape::Type, 0, Shape::kKeys / 2>(s, p);
      await_turn();
      ptx::pin(o);
      ptx::wgmma_fence();
      issue_values<Shape, 0, Shape::kKeys / 16>(o, p, v);
    } else {
      ptx::pin(o);
      exponentials_and_values<Shape, 0>(rows, s, o, p, v, scale);
    }
    ptx::wgmma_commit();
    ptx::wgmma_wait<0>();
    ptx::pin(o);
    values.release(tile);
  }

  __device__ __forceinline__ void run(SoftmaxRows& rows, float (&o)[32]) const {
    const int tiles = (positions + Shape::kKeys - 1) / Shape::kKeys;
    fill_keys(0, tiles);
    fill_values(0, tiles);
    fill_keys(1, tiles);
    if constexpr (Shape::kTurns) {
      if (group + 1 == Shape::kGroups) pass_turn();
    }
    for (int tile = 0; tile + 1 < tiles; ++tile) step<false>(tile, tiles, rows, o);
    step<true>(tiles - 1, tiles, rows, o);
    pass_turn();
    if constexpr (Shape::kTurns) {
      if (group == 0) await_turn();
    }
  }

  template <bool kLast>
  __device__ __forceinline__ void step_ahead(int tile, int tiles, SoftmaxRows& rows, float (&o)[32],
                                             uint32_t (&p)[Shape::kKeys / 4]) const {
    float s[Shape::kKeys / 2];
    float correction[2];
    const uint32_t k = keys.wait(tile);
    const uint32_t v = values.wait(tile - 1);
    await_turn();
    ptx::pin(o);
    ptx::pin(p);
    ptx::wgmma_fence();
    issue_scores<Shape>(s, queries, k);
    ptx::wgmma_commit();
    issue_values<Shape, 0, Shape::kKeys / 16>(o, p, v);
    ptx::wgmma_commit();
    pass_turn();
    fill_keys(tile + 2, tiles);
    fill_values(tile + 1, tiles);
    ptx::wgmma_wait<1>();
    ptx::pin(s);
    keys.release(tile);
    if constexpr (kLast) mask_scores(s, positions - tile * Shape::kKeys);
    const bool moved = raise_base(rows, s, scale, correction);
    exponentials<0, Shape::kKeys / 2>(rows, s, scale);
    ptx::wgmma_wait<0>();
    ptx::pin(o);
    ptx::pin(p);
    values.release(tile - 1);
    if (moved) correct(o, correction);
    pack_fragments<typename Shape::Type, 0, Shape::kKeys / 2>(s, p);
  }

  __device__ __forceinline__ void run_ahead(SoftmaxRows& rows, float (&o)[32]) const {
    const int tiles = (positions + Shape::kKeys - 1) / Shape::kKeys;
    uint32_t p[Shape::kKeys / 4];
    fill_keys(0, tiles);
    fill_values(0, tiles);
    fill_keys(1, tiles);
    if constexpr (Shape::kTurns) {
      if (group + 1 == Shape::kGroups) pass_turn();
    }
    {
      float s[Shape::kKeys / 2];
      float correction[2];
      const uint32_t k = keys.wait(0);
      ptx::wgmma_fence();
      issue_scores<Shape>(s, queries, k);
      ptx::wgmma_commit();
      fill_keys(2, tiles);
      fill_values(1, tiles);
      ptx::wgmma_wait<0>();
      ptx::pin(s);
      keys.release(0);
      if (tiles == 1) mask_scores(s, positions);
      raise_base(rows, s, scale, correction);
      exponentials<0, Shape::kKeys / 2>(rows, s, scale);
      pack_fragments<typename Shape::Type, 0, Shape::kKeys / 2>(s, p);
    }
    for (int tile = 1; tile + 1 < tiles; ++tile) step_ahead<false>(tile, tiles, rows, o, p);
    if (tiles > 1) step_ahead<true>(tiles - 1, tiles, rows, o, p);
    const uint32_t v = values.wait(tiles - 1);
    ptx::pin(o);
    ptx::pin(p);
    ptx::wgmma_fence();
    issue_values<Shape, 0, Shape::kKeys / 16>(o, p, v);
    ptx::wgmma_commit();
    ptx::wgmma_wait<0>();
    ptx::pin(o);
    if constexpr (Shape::kTurns) {
      if (group == 0) await_turn();
    }
  }
};

// The warpgroup's rows leave through the memory that its queries came in.
template <typename T>
__device__ __forceinline__ void store_rows(const float (&o)[32], const float (&inverse)[2], uint32_t tile) {
  const int lane = threadIdx.x % 32, row = threadIdx.x / 32 % 4 * 16 + lane % 16;
#pragma unroll
  for (int g = 0; g < 8; g += 2) {
    const uint32_t chunk = static_cast<uint32_t>((g + lane / 16) ^ (row & 7));
    ptx::store_matrices(tile + row * 128 + chunk * 16, ptx::pack<T>(o[4 * g] * inverse[0], o[4 * g + 1] * inverse[0]),
                        ptx::pack<T>(o[4 * g + 2] * inverse[1], o[4 * g + 3] * inverse[1]),
                        ptx::pack<T>(o[4 * g + 4] * inverse[0], o[4 * g + 5] * inverse[0]),
                        ptx::pack<T>(o[4 * g + 6] * inverse[1], o[4 * g + 7] * inverse[1]));
  }
}

template <typename Shape>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kBlocks)
    attention_wgmma_kernel(const __grid_constant__ WgmmaMaps maps, int positions, int heads, float scale) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ __align__(1024) unsigned char shared[];
  const uint32_t queries = ptx::shared_address(shared), tiles = queries + Shape::kQueryBytes;
  const uint32_t barriers = tiles + 2 * Shape::kStages * Shape::kTileBytes,
                 queries_full = barriers + 32 * Shape::kStages;
  const int head = blockIdx.y, batch = blockIdx.z, first_row = blockIdx.x * Shape::kRows, group = threadIdx.x / 128;
  const TileRing<Shape> keys{tiles, barriers, barriers + 8 * Shape::kStages};
  const TileRing<Shape> values{tiles + Shape::kStages * Shape::kTileBytes, barriers + 16 * Shape::kStages,
                               barriers + 24 * Shape::kStages};
  if (threadIdx.x == 0) {
    keys.init();
    values.init();
    ptx::barrier_init(queries_full, 1);
    ptx::barrier_init_fence();
    ptx::barrier_arrive_expecting(queries_full, Shape::kQueryBytes);
    ptx::tensor_load(queries, &maps.queries, head * Shape::kHead, first_row, batch, queries_full);
  }
  __syncthreads();
  const WgmmaGroup<Shape> self{keys,
                               values,
                               queries + group * 64 * Shape::kRowBytes,
                               &maps.keys,
                               (heads + head) * Shape::kHead,
                               (2 * heads + head) * Shape::kHead,
                               batch,
                               positions,
                               group,
                               scale};
  float o[32] = {};
  SoftmaxRows rows;
  ptx::barrier_wait(queries_full, 0);
  if constexpr (Shape::kAhead) {
    self.run_ahead(rows, o);
  } else {
    self.run(rows, o);
  }
  float inverse[2];
  finish_rows(rows, inverse);
  ptx::named_wait(8 + group, 128);
  store_rows<typename Shape::Type>(o, inverse, self.queries);
  ptx::async_fence();
  ptx::named_wait(8 + group, 128);
  if (threadIdx.x % 128 == 0) {
    ptx::tensor_store(&maps.out, head * Shape::kHead, first_row + 64 * group, batch, self.queries);
    ptx::tensor_store_wait();
  }
#endif
}

}  // namespace wtrt::kernels
