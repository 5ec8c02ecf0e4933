// Attention over windows: the decoder's, and its scores for word times.
#pragma once

#include <algorithm>

#include "decoder.hpp"
#include "decoder_attention_kernel.cuh"
#include "decoder_simple_attention.cuh"
#include "launch.cuh"
#include "ptx_hopper.cuh"

namespace wtrt::kernels::cross {

constexpr int kWarps = 4;
constexpr int kBlocks = 3;                           // of a warp at once
constexpr int kSlice = kBlocks * kBlock;             // its positions
constexpr int kSplit = kWarps * kSlice;              // positions of a block of threads at once: 1500 make 8 splits
constexpr int kHopperCluster = 8;                    // blocks of threads that share a head, split by split
constexpr int kSliceBytes = 2 * kSlice * kHead * 2;  // keys, then values
constexpr int kMostTokens = 256;                     // of a launch

struct Parameters {
  CrossKv cache;
  int layer;
  const void* q;
  void* out;
  Tokens tokens;

  template <typename T>
  __device__ const T* keys(int slot, int head) const {
    return static_cast<const T*>(cache.data) +
           (static_cast<int64_t>(slot) * cache.layers + layer) * cache.layer_elements() +
           static_cast<int64_t>(head) * cache.positions * cache.head_size;
  }
  __device__ int64_t values_behind_keys() const {
    return static_cast<int64_t>(cache.heads) * cache.positions * cache.head_size;
  }
};

// The groups among a launch's tokens, in order: first token, how many, slot, length. Each block finds them for itself.
struct Groups {
  int4 found[kMostTokens];
  int slots[kMostTokens];
  uint32_t leaders[kMostTokens / 32];

  // Returns how many there are.
  __device__ int find(const Tokens& tokens, const int32_t* lengths) {
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
    constexpr int kThreads = 32 * kWarps, kEach = kMostTokens / kThreads;
    for (int i = thread; i < tokens.count; i += kThreads) {
      const LiveToken token = tokens.at(i);
      slots[i] = token.row < 0 ? kNobody : token.cross_slot;
    }
    __syncthreads();
    int together[kEach];
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      const int i = thread + j * kThreads, slot = i < tokens.count ? slots[i] : kNobody;
      together[j] = 0;
      if (slot != kNobody) {
        int run = i;
        while (run > 0 && slots[run - 1] == slot) --run;
        if ((i - run) % kMostTogether == 0) {
          while (together[j] < kMostTogether && i + together[j] < tokens.count && slots[i + together[j]] == slot)
            ++together[j];
        }
      }
      const uint32_t some = __ballot_sync(~0u, together[j] > 0);
      if (lane == 0) leaders[i / 32] = some;
    }
    __syncthreads();
    int all = 0;
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      const int i = thread + j * kThreads;
      int before = __popc(leaders[i / 32] & ((1u << lane) - 1));
      for (int word = 0; word < i / 32; ++word) before += __popc(leaders[word]);
      if (together[j] > 0) found[before] = {i, together[j], slots[i], lengths[slots[i]]};
    }
#pragma unroll
    for (const uint32_t some : leaders) all += __popc(some);
    __syncthreads();
    return all;
  }
};

// A warp's own keys and values: nobody else waits for them or fills them.
class Slice {
 public:
  __device__ Slice(char* slices, char* barriers, int warp, int lane)
      : data_(slices + warp * kSliceBytes),
        barrier_(ptx::shared_address(barriers) + static_cast<uint32_t>(warp * 8)),
        lane_(lane) {
#if __CUDA_ARCH__ >= 900
    if (lane == 0) {
      ptx::barrier_init(barrier_, 1);
      ptx::barrier_init_fence();
      ptx::async_fence();
    }
    __syncwarp();
#endif
  }

  // keys, values: of the slice's first position.
  __device__ void fill(const void* keys, const void* values, int positions) const {
    const uint32_t to = ptx::shared_address(data_),
                   bytes = static_cast<uint32_t>(min(max(positions, 0), kSlice) * kHead * 2);
#if __CUDA_ARCH__ >= 900
    if (lane_ != 0) return;
    ptx::barrier_arrive_expecting(barrier_, 2 * bytes);
    if (bytes == 0) return;
    ptx::copy_bulk(to, keys, bytes, barrier_, ptx::policy_evict_first());
    ptx::copy_bulk(to + kSliceBytes / 2, values, bytes, barrier_, ptx::policy_evict_first());
#else
    for (uint32_t i = lane_ * 16; i < bytes; i += 32 * 16) {
      ptx::copy_async_ahead(to + i, static_cast<const char*>(keys) + i);
      ptx::copy_async_ahead(to + kSliceBytes / 2 + i, static_cast<const char*>(values) + i);
    }
    ptx::copy_async_commit();
#endif
  }

  // parity: of how often it was filled before.
  __device__ const char* wait(int parity) const {
#if __CUDA_ARCH__ >= 900
    ptx::barrier_wait_together(barrier_, parity);
#else
    ptx::copy_async_wait<0>();
    __syncwarp();
#endif
    return data_;
  }

 private:
  char* data_;
  uint32_t barrier_;
  int lane_;
};

struct Shared {
  char slices[kWarps * kSliceBytes];
  PartialResults<kMostTogether * kWarps> results;  // of all 16 tokens of 4 warps; in a cluster of 2 tokens of all 32
  Groups groups;
  uint64_t filled[kWarps], arrived;
};

// A cluster does one work after the other, a work being a head of a group of tokens; of long windows a part at a time.
// While it computes, the next keys and values are on their way.
template <typename T, int kHopperBlocks>
__global__ void __launch_bounds__(32 * kWarps, 3) mma_kernel(const Parameters p) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
  constexpr int kCluster = 1;
#else
  constexpr int kCluster = kHopperBlocks;
#endif
  extern __shared__ __align__(128) char memory[];
  auto& shared = *reinterpret_cast<Shared*>(memory);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int rank = static_cast<int>(blockIdx.x) % kCluster, step = static_cast<int>(gridDim.x) / kCluster;
#if __CUDA_ARCH__ >= 900
  const uint32_t arrived = ptx::shared_address(&shared.arrived);
  if (threadIdx.x == 0) {
    ptx::barrier_init(arrived, 1);
    ptx::barrier_init_fence();
    ptx::async_fence();
  }
  ptx::cluster_arrive_together();
#endif
  const int heads = p.cache.heads, works = shared.groups.find(p.tokens, p.cache.lengths) * heads;
  const Slice slice(shared.slices, reinterpret_cast<char*>(shared.filled), warp, lane);
  const auto first_position = [&](int part) { return ((part * kCluster + rank) * kWarps + warp) * kSlice; };
  const auto fill = [&](int work, int part) {
    if (work >= works) return;
    const int4 group = shared.groups.found[work / heads];
    const int first = first_position(part);
    const T* const keys = p.keys<T>(group.z, work % heads) + first * kHead;
    slice.fill(keys, keys + p.values_behind_keys(), group.w - first);
  };
  int work = static_cast<int>(blockIdx.x) / kCluster;
  fill(work, 0);
  let_next_begin();
  wait_for_previous();

  const int64_t width = static_cast<int64_t>(heads) * kHead;
  QueryFragments q;
  const auto load_queries = [&](int of) {
    if (of >= works) return;
    const int4 group = shared.groups.found[of / heads];
    const T* const from = static_cast<const T*>(p.q) + group.x * width + of % heads * kHead;
    q.load(from + min(lane / 4, group.y - 1) * width, from + min(lane / 4 + 8, group.y - 1) * width, lane % 4);
  };
  load_queries(work);
  int filled = 0;
  [[maybe_unused]] int received = 0;  // turns in which this block got results
#pragma unroll 1
  for (int turn = 0; work < works; ++turn, work += step) {
    const int4 group = shared.groups.found[work / heads];
    AttentionPartial partial;
#pragma unroll 1
    for (int part = 0; part == 0 || part * kCluster * kSplit < group.w; ++part) {
      const int end = group.w - 1 - first_position(part);  // the last position's place in the slice
      const char* const from = slice.wait(filled++ & 1);
      const bool more = (part + 1) * kCluster * kSplit < group.w;
      const auto refill = [&] {
        __syncwarp();
        fill(more ? work : work + step, more ? part + 1 : 0);
      };
      const auto piece = [&](int b, PiecePlace at, int behind) {
        return *reinterpret_cast<const uint4*>(from + behind +
                                               (min(kBlock * b + at.position, end) * kHead + at.value) * sizeof(T));
      };
      if (end < 0) {
        refill();
        continue;
      }
      partial.add<T, kBlocks>(
          q, [&](int b, int i, int half) { return piece(b, key_place(i, half, lane), 0); },
          [&](int b, int i) { return piece(b, value_place(i, lane), kSliceBytes / 2); }, 0, lane,
          [&](int, int i) { return i <= end; }, refill);
    }
    load_queries(work + step);

    partial.finish();
    // Tokens take turns at the blocks of the cluster, and the blocks at the first one.
    constexpr int kPartials = kCluster * kWarps;
    const int own_first = (rank - turn) & (kCluster - 1), own = (group.y - own_first + kCluster - 1) / kCluster;
    const auto slot_of = [&](int token) { return token / kCluster * kPartials + rank * kWarps + warp; };
#if __CUDA_ARCH__ >= 900
    if (threadIdx.x == 0 && own > 0)
      ptx::barrier_arrive_expecting(arrived, static_cast<uint32_t>(own * kPartials * shared.results.kBytesEach));
    ptx::cluster_wait_together();  // all have begun, and done with what they got before
    shared.results.put(partial, group.y, lane, slot_of, [&](int token, auto* to, auto value) {
      const int there = (token + turn) & (kCluster - 1);
      ptx::cluster_send(ptx::cluster_address(ptx::shared_address(to), there), value,
                        ptx::cluster_address(arrived, there));
    });
    if (own > 0) ptx::barrier_wait_together(arrived, received++ & 1);
#else
    __syncthreads();
    shared.results.put(partial, group.y, lane, slot_of,
                       [](int, auto* to, auto value) { *reinterpret_cast<decltype(value)*>(to) = value; });
    __syncthreads();
#endif
    T* const out = static_cast<T*>(p.out) + group.x * width + work % heads * kHead;
#pragma unroll 1
    for (int task = warp; task < 2 * own; task += kWarps) {
      const int mine = task / 2, value = task % 2 * 32 + lane;
      out[(own_first + mine * kCluster) * width + value] =
          shared.results.template joined<T>(mine * kPartials, kPartials, value, lane);
    }
#if __CUDA_ARCH__ >= 900
    if (work + step < works) ptx::cluster_arrive_together();
#endif
  }
}

// The cluster's size is part of the order of sums: one for all numbers of tokens.
template <typename T, int kHopperBlocks = kHopperCluster>
cudaError_t launch_mma(const Device& device, const Parameters& p, bool overlap, cudaStream_t stream) {
  LaunchShape shape{};
  shape.cluster = device.sm >= 90 ? kHopperBlocks : 1;
  // Two blocks a multiprocessor keep the memory busy. More clusters than there is room for would run after the others.
  const int room = std::max(1, device.processors / 16 * 16 * 2 / shape.cluster);
  shape.grid = dim3(static_cast<unsigned>(std::min(room, p.cache.heads * p.tokens.count) * shape.cluster));
  shape.threads = 32 * kWarps;
  shape.shared_bytes = sizeof(Shared);
  shape.overlap = overlap && device.sm >= 90;
  return launch(mma_kernel<T, kHopperBlocks>, shape, stream, p);
}

template <typename T>
__global__ void __launch_bounds__(kSimpleThreads) simple_kernel(const Parameters p) {
  extern __shared__ float shared[];
  const int head = static_cast<int>(blockIdx.y), token = static_cast<int>(blockIdx.z), size = p.cache.head_size;
  let_next_begin();
  wait_for_previous();
  const LiveToken live = p.tokens.at(token);
  if (live.row < 0) return;
  const int slot = live.cross_slot;
  const T* keys = p.keys<T>(slot, head);
  const T* values = keys + p.values_behind_keys();
  const int64_t at = (static_cast<int64_t>(token) * p.cache.heads + head) * size;
  attend_simply(
      static_cast<const T*>(p.q) + at, size, p.cache.lengths[slot],
      [&](int i) { return keys + static_cast<int64_t>(i) * size; },
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
