// Attention over windows: the decoder's, and its scores for word times.
#pragma once

#include "decoder.hpp"
#include "decoder_attention_kernel.cuh"
#include "decoder_simple_attention.cuh"

namespace wtrt::kernels::cross {

constexpr int kWarps = 4;
constexpr int kBlocks = 3;                        // of a warp at once
constexpr int kSlice = kBlocks * kBlock;          // its positions
constexpr int kSplit = kWarps * kSlice;           // positions of a block of threads at once: 1500 make 8 splits
constexpr int kCluster = 8;                       // blocks of threads that share a head, split by split
constexpr int kSliceBytes = 2 * kSlice * kHead * 2;  // keys, then values
constexpr int kMostStages = 2;

struct Parameters {
  CrossKv cache;
  int layer;
  const void* q;
  void* out;
  Tokens tokens;

  template <typename T>
  __device__ const T* keys(int slot, int head) const {
    return static_cast<const T*>(cache.data) + (static_cast<int64_t>(slot) * cache.layers + layer) * cache.layer_elements() +
           static_cast<int64_t>(head) * cache.positions * cache.head_size;
  }
  __device__ int64_t values_behind_keys() const { return static_cast<int64_t>(cache.heads) * cache.positions * cache.head_size; }
};

// What a cluster does one after the other: a head of the group that begins at a token, if one does; of long windows a part at a time.
struct Work {
  int number, part = 0;
  TokenGroup group;
  int length = 0;

  __device__ Work(const Parameters& p, int first, int step) : number(first) { find(p, step); }
  __device__ bool any(const Parameters& p) const { return number < p.cache.heads * p.tokens.count; }
  __device__ int head(const Parameters& p) const { return number % p.cache.heads; }
  __device__ int slice(int cluster, int rank, int warp) const { return ((part * cluster + rank) * kWarps + warp) * kSlice; }
  __device__ bool last_part(int cluster) const { return (part + 1) * cluster * kSplit >= length; }
  __device__ void next_head(const Parameters& p, int step) {
    number += step, part = 0;
    find(p, step);
  }
  __device__ void next_part(const Parameters& p, int step, int cluster) {
    if (last_part(cluster)) {
      next_head(p, step);
    } else {
      ++part;
    }
  }

 private:
  __device__ void find(const Parameters& p, int step) {
    for (; any(p); number += step) {
      group = group_at(p.tokens, number / p.cache.heads, [](int, const LiveToken& token) { return token.cross_slot; });
      if (group.count == 0) continue;
      length = p.cache.lengths[group.token.cross_slot];
      return;
    }
  }
};

// A warp's own keys and values, some stages of them on their way: nobody else waits for them or fills them.
class SliceRing {
 public:
  __device__ SliceRing(char* slices, char* barriers, int stages, int warp, int lane)
      : slices_(slices + warp * kSliceBytes), barriers_(ptx::shared_address(barriers) + static_cast<uint32_t>(warp * stages * 8)), stages_(stages), lane_(lane) {
#if __CUDA_ARCH__ >= 900
    if (lane == 0) {
      for (int stage = 0; stage < stages; ++stage) ptx::barrier_init(barriers_ + 8 * stage, 1);
      ptx::fence_copy_engine();
    }
    __syncwarp();
#endif
  }

  // keys, values: of the slice's first position.
  __device__ void fill(int turn, const void* keys, const void* values, int positions) const {
    const uint32_t to = ptx::shared_address(slice(turn)), bytes = static_cast<uint32_t>(min(max(positions, 0), kSlice) * kHead * 2);
#if __CUDA_ARCH__ >= 900
    if (lane_ != 0) return;
    const uint32_t barrier = barriers_ + 8 * (turn % stages_);
    ptx::barrier_expect(barrier, 2 * bytes);
    if (bytes == 0) return;
    ptx::copy_bulk(to, keys, bytes, barrier, ptx::policy_evict_first());
    ptx::copy_bulk(to + kSliceBytes / 2, values, bytes, barrier, ptx::policy_evict_first());
#else
    for (uint32_t i = lane_ * 16; i < bytes; i += 32 * 16) {
      ptx::copy_async_16(to + i, static_cast<const char*>(keys) + i);
      ptx::copy_async_16(to + kSliceBytes / 2 + i, static_cast<const char*>(values) + i);
    }
    ptx::copy_async_commit();
#endif
  }

  __device__ const char* wait(int turn) const {
#if __CUDA_ARCH__ >= 900
    ptx::barrier_wait(barriers_ + 8 * (turn % stages_), turn / stages_ & 1);
#else
    ptx::copy_async_wait<0>();
    __syncwarp();
#endif
    return slice(turn);
  }

 private:
  __device__ char* slice(int turn) const { return slices_ + turn % stages_ * kWarps * kSliceBytes; }

  char* slices_;
  uint32_t barriers_;
  int stages_, lane_;
};

// Without clusters a block has all 16 tokens of its 4 warps; in a cluster 2 tokens of all 32.
using Results = PartialResults<kMostTogether * kWarps>;

constexpr uint32_t shared_bytes(int stages) {
  return static_cast<uint32_t>(stages * kWarps * kSliceBytes + sizeof(Results) + 8 + static_cast<size_t>(stages * kWarps) * 8);
}

template <typename T>
__global__ void __launch_bounds__(32 * kWarps, 2) mma_kernel(const Parameters p, int stages) {
  extern __shared__ __align__(128) char ring_space[];
  auto& results = *reinterpret_cast<Results*>(ring_space + stages * kWarps * kSliceBytes);
  char* const barriers = reinterpret_cast<char*>(&results + 1);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int cluster = ptx::cluster_size(), rank = ptx::cluster_rank();
  const int number = static_cast<int>(blockIdx.x) / cluster, step = static_cast<int>(gridDim.x) / cluster;

  const SliceRing ring(ring_space, barriers + 8, stages, warp, lane);
  Work ahead(p, number, step), now = ahead;
  int filled = 0, used = 0;
  const auto fill = [&] {
    if (!ahead.any(p)) return;
    const int first = ahead.slice(cluster, rank, warp);
    const T* const keys = p.keys<T>(ahead.group.token.cross_slot, ahead.head(p)) + first * kHead;
    ring.fill(filled++, keys, keys + p.values_behind_keys(), ahead.length - first);
    ahead.next_part(p, step, cluster);
  };
  for (int i = 0; i < stages; ++i) fill();
#if __CUDA_ARCH__ >= 900
  const uint32_t arrived = ptx::shared_address(barriers);
  if (threadIdx.x == 0) {
    ptx::barrier_init(arrived, 1);
    ptx::fence_copy_engine();
  }
  ptx::cluster_arrive();
#endif
  ptx::launch_dependents();
  ptx::wait_for_launches_before();

  const int64_t width = static_cast<int64_t>(p.cache.heads) * kHead;
  QueryFragments q;
  const auto load_queries = [&] {
    if (!now.any(p)) return;
    const T* const from = static_cast<const T*>(p.q) + now.group.first * width + now.head(p) * kHead;
    q.load(from + min(lane / 4, now.group.count - 1) * width, from + min(lane / 4 + 8, now.group.count - 1) * width, lane % 4);
  };
  load_queries();
  uint32_t received = 0;  // turns in which this block got results
  for (int turn = 0; now.any(p); ++turn) {
    AttentionPartial partial;
    for (now.part = 0;; ++now.part) {
      const int first = now.slice(cluster, rank, warp), last = now.length - 1 - first;  // last: position in the slice
      const char* const slice = ring.wait(used++);
      if (last >= 0) {
        KeyValueFragments<kBlocks> kv;
        const auto row = [&](int i) { return reinterpret_cast<const T*>(slice) + min(i, last) * kHead; };
        kv.load(
            0, lane, row, [&](int i) { return row(i) + kSlice * kHead; }, [](const T* from) { return *reinterpret_cast<const uint4*>(from); });
        const auto visible = [&](int, int i) { return i <= last; };
        if (now.part == 0) {
          partial.add<T, true>(q, kv, 0, lane, visible);
        } else {
          partial.add<T, false>(q, kv, 0, lane, visible);
        }
      }
      __syncwarp();
      fill();
      if (now.last_part(cluster)) break;
    }
    const int tokens = now.group.count;
    T* const out = static_cast<T*>(p.out) + now.group.first * width + now.head(p) * kHead;
    now.next_head(p, step);
    load_queries();

    partial.finish();
    // Tokens take turns at the blocks of the cluster, and the blocks at the first one.
    const int own_first = (rank + cluster - turn % cluster) % cluster, own = (tokens - own_first + cluster - 1) / cluster, partials = cluster * kWarps;
    const auto slot_of = [&](int token) { return token / cluster * partials + rank * kWarps + warp; };
#if __CUDA_ARCH__ >= 900
    if (threadIdx.x == 0 && own > 0) ptx::barrier_expect(arrived, static_cast<uint32_t>(own * partials * Results::kBytesEach));
    ptx::cluster_wait();  // all have begun, and done with what they got before
    results.put(partial, tokens, lane, slot_of, [&](int token, auto* to, auto value) {
      const int there = (token + turn) % cluster;
      ptx::cluster_send(ptx::cluster_address(ptx::shared_address(to), there), value, ptx::cluster_address(arrived, there));
    });
    if (own > 0) ptx::barrier_wait(arrived, received++ & 1);
#else
    __syncthreads();
    results.put(partial, tokens, lane, slot_of, [](int, auto* to, auto value) { *reinterpret_cast<decltype(value)*>(to) = value; });
    __syncthreads();
#endif
    for (int task = warp; task < 2 * own; task += kWarps) {
      const int mine = task / 2, value = task % 2 * 32 + lane;
      out[(own_first + mine * cluster) * width + value] = results.template joined<T>(mine * partials, partials, value, lane);
    }
#if __CUDA_ARCH__ >= 900
    __syncwarp();
    if (now.any(p)) ptx::cluster_arrive();
#endif
  }
}

template <typename T>
__global__ void __launch_bounds__(kSimpleThreads) simple_kernel(const Parameters p) {
  extern __shared__ float shared[];
  const int head = static_cast<int>(blockIdx.y), token = static_cast<int>(blockIdx.z), size = p.cache.head_size;
  ptx::launch_dependents();
  ptx::wait_for_launches_before();
  const LiveToken live = p.tokens.at(token);
  if (live.row < 0) return;
  const int slot = live.cross_slot;
  const T* keys = p.keys<T>(slot, head);
  const T* values = keys + p.values_behind_keys();
  const int64_t at = (static_cast<int64_t>(token) * p.cache.heads + head) * size;
  attend_simply(
      static_cast<const T*>(p.q) + at, size, p.cache.lengths[slot], [&](int i) { return keys + static_cast<int64_t>(i) * size; },
      [&](int i) { return values + static_cast<int64_t>(i) * size; }, static_cast<T*>(p.out) + at, shared);
}

struct Heads {
  int numbers[kMostAlignmentHeads];
};

template <typename T>
__global__ void __launch_bounds__(kSimpleThreads) scores_kernel(const Parameters p, float* scores, const Heads heads) {
  __shared__ float query[kSimpleThreads];
  const int listed = static_cast<int>(blockIdx.y), token = static_cast<int>(blockIdx.z), size = p.cache.head_size;
  const int head = heads.numbers[listed], thread = static_cast<int>(threadIdx.x);
  const LiveToken live = p.tokens.at(token);
  if (live.row < 0) return;
  const int slot = live.cross_slot;
  const T* q = static_cast<const T*>(p.q) + (static_cast<int64_t>(token) * p.cache.heads + head) * size;
  const T* keys = p.keys<T>(slot, head);
  float* out = scores + (static_cast<int64_t>(listed) * p.tokens.count + token) * p.cache.positions;
  const int length = p.cache.lengths[slot];
  if (thread < size) query[thread] = to_float(q[thread]) * rsqrtf(static_cast<float>(size));
  __syncthreads();
  for (int i = thread; i < p.cache.positions; i += kSimpleThreads) {
    out[i] = i < length ? dot(query, keys + static_cast<int64_t>(i) * size, size) : -INFINITY;
  }
}

}  // namespace wtrt::kernels::cross
