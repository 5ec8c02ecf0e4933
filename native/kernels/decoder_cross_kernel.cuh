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
constexpr int kHopperCluster = 8;                 // blocks of threads that share a head, split by split
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
constexpr int kCluster = 1;
#else
constexpr int kCluster = kHopperCluster;
#endif
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

// What a cluster does one after the other: a head of a group of tokens over a part of their window, long ones having several.
struct Work {
  int number;  // token * heads + head
  int first, count, slot, length, part;
};

// The first work from `number` on in steps of `step`; count 0: there is none. Not inlined: it would be half of the kernel.
__device__ __noinline__ int4 find_work(const ops::RowState* rows, const ops::TokenSlot* slots, int count, int heads, int number, int step) {
  Tokens tokens{};
  tokens.state.rows = const_cast<ops::RowState*>(rows);
  tokens.slots = slots;
  tokens.count = count;
  for (; number < heads * count; number += step) {
    const TokenGroup group = group_at(tokens, number / heads, [](int, const LiveToken& token) { return token.cross_slot; });
    if (group.count > 0) return {number, group.first, group.count, group.token.cross_slot};
  }
  return {number, 0, 0, 0};
}

// A warp's own keys and values, some stages of them on their way: nobody else waits for them or fills them.
class SliceRing {
 public:
  __device__ SliceRing(char* slices, char* barriers, int stages, int warp, int lane)
      : slices_(slices + warp * kSliceBytes), barriers_(ptx::shared_address(barriers) + static_cast<uint32_t>(warp * stages * 8)), lane_(lane) {
#if __CUDA_ARCH__ >= 900
    if (lane < stages) {
      ptx::barrier_init(barriers_ + 8 * lane, 1);
      ptx::fence_copy_engine();
    }
    __syncwarp();
#endif
  }

  // keys, values: of the slice's first position.
  __device__ void fill(int stage, const void* keys, const void* values, int positions) const {
    const uint32_t to = ptx::shared_address(slice(stage)), bytes = static_cast<uint32_t>(min(max(positions, 0), kSlice) * kHead * 2);
#if __CUDA_ARCH__ >= 900
    if (lane_ != 0) return;
    const uint32_t barrier = barriers_ + 8 * stage;
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

  // parity: of how often the stage was filled before.
  __device__ const char* wait(int stage, int parity) const {
#if __CUDA_ARCH__ >= 900
    ptx::barrier_wait(barriers_ + 8 * stage, parity);
#else
    ptx::copy_async_wait<0>();
    __syncwarp();
#endif
    return slice(stage);
  }

 private:
  __device__ char* slice(int stage) const { return slices_ + stage * kWarps * kSliceBytes; }

  char* slices_;
  uint32_t barriers_;
  int lane_;
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
  const int rank = static_cast<int>(blockIdx.x) % kCluster, step = static_cast<int>(gridDim.x) / kCluster;

  const SliceRing ring(ring_space, barriers + 8, stages, warp, lane);
  const auto behind = [&](const Work& work) -> Work {
    if (work.count > 0 && (work.part + 1) * kCluster * kSplit < work.length) return {work.number, work.first, work.count, work.slot, work.length, work.part + 1};
    const int4 found = find_work(p.tokens.state.rows, p.tokens.slots, p.tokens.count, p.cache.heads, work.number + step, step);
    return {found.x, found.y, found.z, found.w, found.z > 0 ? p.cache.lengths[found.w] : 0, 0};
  };
  const auto slice = [&](const Work& work) { return ((work.part * kCluster + rank) * kWarps + warp) * kSlice; };
  const auto fill = [&](const Work& work, int stage) {
    if (work.count == 0) return;
    const int first = slice(work);
    const T* const keys = p.keys<T>(work.slot, work.number % p.cache.heads) + first * kHead;
    ring.fill(stage, keys, keys + p.values_behind_keys(), work.length - first);
  };
  Work now{}, last{static_cast<int>(blockIdx.x) / kCluster - step};  // last: the one on its way that was asked for last
#pragma unroll 1
  for (int stage = 0; stage < stages; ++stage) {
    last = behind(last);
    fill(last, stage);
    if (stage == 0) now = last;
  }
#if __CUDA_ARCH__ >= 900
  const uint32_t arrived = ptx::shared_address(barriers);
  if (threadIdx.x == 32) {
    ptx::barrier_init(arrived, 1);
    ptx::fence_copy_engine();
  }
  __syncwarp();
  ptx::cluster_arrive();
#endif
  ptx::launch_dependents();
  ptx::wait_for_launches_before();

  const int64_t width = static_cast<int64_t>(p.cache.heads) * kHead;
  const auto place_of = [&](const Work& work) { return work.first * width + work.number % p.cache.heads * kHead; };
  QueryFragments q;
  const auto load_queries = [&](const Work& work) {
    const T* const from = static_cast<const T*>(p.q) + place_of(work);
    if (work.count > 0) q.load(from + min(lane / 4, work.count - 1) * width, from + min(lane / 4 + 8, work.count - 1) * width, lane % 4);
  };
  load_queries(now);
  int stage = 0, parity = 0;
  uint32_t received = 0;  // turns in which this block got results
#pragma unroll 1
  for (int turn = 0; now.count > 0; ++turn) {
    const int tokens = now.count;
    const int64_t at = place_of(now);
    AttentionPartial partial;
    bool more = true;
#pragma unroll 1
    while (more) {
      const int end = now.length - 1 - slice(now);  // the last position's place in the slice
      const char* const filled = ring.wait(stage, parity);
      if (end >= 0) {
        KeyValueFragments<kBlocks> kv;
        const auto row = [&](int i) { return reinterpret_cast<const T*>(filled) + min(i, end) * kHead; };
        kv.load(
            0, lane, row, [&](int i) { return row(i) + kSlice * kHead; }, [](const T* from) { return *reinterpret_cast<const uint4*>(from); });
        partial.add<T>(q, kv, 0, lane, [&](int, int i) { return i <= end; });
      }
      __syncwarp();
      const Work next = behind(last);
      fill(next, stage);
      const Work before = now;
      now = stages > 1 ? last : next;
      last = next;
      more = now.count > 0 && now.number == before.number;
      if (++stage == stages) stage = 0, parity ^= 1;
    }
    load_queries(now);  // of the next work, while this one's results go together

    partial.finish();
    // Tokens take turns at the blocks of the cluster, and the blocks at the first one.
    constexpr int kPartials = kCluster * kWarps;
    const int own_first = (rank - turn) & (kCluster - 1), own = (tokens - own_first + kCluster - 1) / kCluster;
    const auto slot_of = [&](int token) { return token / kCluster * kPartials + rank * kWarps + warp; };
#if __CUDA_ARCH__ >= 900
    if (threadIdx.x == 0 && own > 0) ptx::barrier_expect(arrived, static_cast<uint32_t>(own * kPartials * Results::kBytesEach));
    ptx::cluster_wait();  // all have begun, and done with what they got before
    results.put(partial, tokens, lane, slot_of, [&](int token, auto* to, auto value) {
      const int there = (token + turn) & (kCluster - 1);
      ptx::cluster_send(ptx::cluster_address(ptx::shared_address(to), there), value, ptx::cluster_address(arrived, there));
    });
    if (own > 0) ptx::barrier_wait(arrived, received++ & 1);
#else
    __syncthreads();
    results.put(partial, tokens, lane, slot_of, [](int, auto* to, auto value) { *reinterpret_cast<decltype(value)*>(to) = value; });
    __syncthreads();
#endif
#pragma unroll 1
    for (int task = warp; task < 2 * own; task += kWarps) {
      const int mine = task / 2, value = task % 2 * 32 + lane;
      static_cast<T*>(p.out)[at + (own_first + mine * kCluster) * width + value] = results.template joined<T>(mine * kPartials, kPartials, value, lane);
    }
#if __CUDA_ARCH__ >= 900
    __syncwarp();
    if (now.count > 0) ptx::cluster_arrive();
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
