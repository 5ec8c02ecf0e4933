// Attention over windows: the decoder's, and its scores for word times.
#pragma once

#include "decoder.hpp"
#include "decoder_attention_kernel.cuh"
#include "decoder_simple_attention.cuh"

namespace wtrt::kernels::cross {

constexpr int kWarps = 4;
constexpr int kBlocks = 3;                         // of a warp at once
constexpr int kSplit = kWarps * kBlocks * kBlock;  // positions of a block of threads at once: 1500 make 8 splits
constexpr int kCluster = 8;                        // blocks of threads that share a head, split by split

struct Parameters {
  CrossKv cache;
  int layer;
  const void* q;
  void* out;
  Tokens tokens;

  __device__ int slot_of(int i) const { return tokens.live(i) ? tokens.state.rows[tokens.slots[i].row].cross_slot : kNobody; }
  template <typename T>
  __device__ const T* keys(int slot, int head) const {
    return static_cast<const T*>(cache.data) + (static_cast<int64_t>(slot) * cache.layers + layer) * cache.layer_elements() +
           static_cast<int64_t>(head) * cache.positions * cache.head_size;
  }
  __device__ int64_t values_behind_keys() const { return static_cast<int64_t>(cache.heads) * cache.positions * cache.head_size; }
};

template <typename T>
__global__ void __launch_bounds__(32 * kWarps, 3) mma_kernel(const Parameters p) {
  __shared__ __align__(16) PartialResults<kMostTogether * kWarps> results;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int cluster = static_cast<int>(ptx::cluster_size()), rank = static_cast<int>(ptx::cluster_rank());
  const int head = static_cast<int>(blockIdx.y);
  const TokenGroup group = group_at(static_cast<int>(blockIdx.z), p.tokens.count, [&](int i) { return p.slot_of(i); });
  if (group.count == 0) {
    ptx::launch_dependents();
    ptx::wait_for_launches_before();  // a launch may not end before those in front of it
    return;
  }
  ptx::cluster_begin();  // so that nobody writes to a block that has not begun
  const int slot = p.slot_of(group.first), length = p.cache.lengths[slot];
  const T* const keys = p.keys<T>(slot, head);
  const T* const values = keys + p.values_behind_keys();
  KeyValueFragments<kBlocks> kv;
  int first = (rank * kWarps + warp) * kBlocks * kBlock;
  const auto load = [&] {
    const auto row = [&](int position) { return static_cast<int64_t>(min(position, length - 1)) * kHead; };
    kv.load(
        first, lane, [&](int i) { return keys + row(i); }, [&](int i) { return values + row(i); },
        [](const T* from) { return ptx::load_once(from); });
  };
  if (first < length) load();
  ptx::launch_dependents();
  ptx::wait_for_launches_before();

  QueryFragments q;
  const int64_t width = static_cast<int64_t>(p.cache.heads) * kHead, at = group.first * width + head * kHead;
  const T* const from = static_cast<const T*>(p.q) + at;
  q.load(from + min(lane / 4, group.count - 1) * width, from + min(lane / 4 + 8, group.count - 1) * width, lane % 4);
  AttentionPartial partial;
  const auto visible = [&](int, int position) { return position < length; };
  if (first < length) partial.add<T, true>(q, kv, first, lane, visible);
  for (first += cluster * kSplit; first < length; first += cluster * kSplit) {
    load();
    partial.add<T, false>(q, kv, first, lane, visible);
  }
  partial.finish();
  ptx::cluster_wait();
  results.send(partial, group.count, rank * kWarps + warp, cluster * kWarps, cluster, lane);
  ptx::cluster_arrive();
  ptx::cluster_wait();
  results.combine(static_cast<T*>(p.out) + at, width, group.count, cluster * kWarps, rank, cluster);
}

template <typename T>
__global__ void __launch_bounds__(kSimpleThreads) simple_kernel(const Parameters p) {
  extern __shared__ float shared[];
  const int head = static_cast<int>(blockIdx.y), token = static_cast<int>(blockIdx.z), size = p.cache.head_size;
  ptx::launch_dependents();
  ptx::wait_for_launches_before();
  const int slot = p.slot_of(token);
  if (slot == kNobody) return;
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
  const int head = heads.numbers[listed], slot = p.slot_of(token), thread = static_cast<int>(threadIdx.x);
  if (slot == kNobody) return;
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
