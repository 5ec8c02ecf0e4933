// Attention over the paged cache.
#pragma once

#include <climits>

#include "decoder.hpp"
#include "decoder_attention_kernel.cuh"
#include "decoder_simple_attention.cuh"
#include "launch.cuh"

namespace wtrt::kernels::self {

constexpr int kWarps = 4;
constexpr int kThreads = 32 * kWarps;
constexpr int kBlocks = 2;  // of a warp at once

struct Parameters {
  PagedKv cache;
  int layer;
  const void* qkv;
  void* out;
  Tokens tokens;

  // Tokens of a prompt go together by rows; those of steps go alone.
  __device__ TokenGroup group(int i) const {
    return group_at(tokens, i, [](int j, const LiveToken& token) { return token.step ? INT_MAX - j : token.row; });
  }
  __device__ int64_t width() const { return static_cast<int64_t>(cache.heads) * cache.head_size; }
};

// Where keys and values of a row and head are: in the cache, or of this launch's own tokens where they come from, since
// nobody waits for the block that writes them to the cache.
template <typename T>
class Source {
 public:
  __device__ Source(const Parameters& p, const TokenGroup& group, int head)
      : pages_(p.tokens.state.pages + static_cast<int64_t>(group.token.row) * p.tokens.state.pages_per_row),
        cached_(static_cast<T*>(p.cache.data) +
                static_cast<int64_t>(p.layer) * p.cache.pages * p.cache.page_elements()),
        fresh_(static_cast<const T*>(p.qkv) + group.run * 3 * p.width() + p.width() +
               static_cast<int64_t>(head) * p.cache.head_size),
        begin_(group.token.position - (group.first - group.run)),
        head_(head),
        page_tokens_(p.cache.page_tokens),
        rows_of_page_(2 * p.cache.heads * p.cache.page_tokens),
        head_size_(p.cache.head_size),
        width_(p.width()) {}

  // The row in the cache, in rows of head_size, where position p's key belongs.
  __device__ int cached_row(int p) const {
    return pages_[p / page_tokens_] * rows_of_page_ + head_ * page_tokens_ + p % page_tokens_;
  }
  // Where to read: a row in the cache, or ~i: the launch's own token i behind the run's first.
  __device__ int place(int p) const { return p < begin_ ? cached_row(p) : ~(p - begin_); }

  __device__ T* cached_key(int row) const { return cached_ + static_cast<int64_t>(row) * head_size_; }
  __device__ T* cached_value(int row) const { return cached_key(row + rows_of_page_ / 2); }
  __device__ const T* fresh_key(int i) const { return fresh_ + i * 3 * width_; }
  __device__ const T* fresh_value(int i) const { return fresh_key(i) + width_; }
  __device__ const T* key(int place) const { return place < 0 ? fresh_key(~place) : cached_key(place); }
  __device__ const T* value(int place) const { return place < 0 ? fresh_value(~place) : cached_value(place); }

 private:
  const int32_t* pages_;
  T* cached_;
  const T* fresh_;
  int begin_;  // the first position of this launch's tokens
  int head_, page_tokens_, rows_of_page_, head_size_;
  int64_t width_;
};

template <typename T>
__global__ void __launch_bounds__(kThreads, 3) mma_kernel(const Parameters p) {
  __shared__ __align__(16) PartialResults<kMostTogether * kWarps> results;
  extern __shared__ int places[];  // of the positions
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32,
            head = static_cast<int>(blockIdx.x);
  const TokenGroup group = p.group(static_cast<int>(blockIdx.y));
  if (group.count == 0) {
    let_next_begin();
    wait_for_previous();  // a launch may not end before those in front of it
    return;
  }
  const Source<T> source(p, group, head);
  const int first_position = group.token.position, positions = first_position + group.count;
  for (int i = thread; i < positions; i += kThreads) {
    places[i] = source.place(i);
    if (places[i] < 0) continue;
    ptx::prefetch_l2(source.cached_key(places[i]));
    ptx::prefetch_l2(source.cached_value(places[i]));
  }
  __syncthreads();
  let_next_begin();
  wait_for_previous();

  for (int e = thread; e < group.count * 16; e += kThreads) {  // 8 pieces of a key, 8 of a value
    const int token = e / 16, piece = e % 8, own = group.first - group.run + token,
              row = source.cached_row(first_position + token);
    const bool is_value = e % 16 >= 8;
    const T* from = is_value ? source.fresh_value(own) : source.fresh_key(own);
    T* to = is_value ? source.cached_value(row) : source.cached_key(row);
    reinterpret_cast<uint4*>(to)[piece] = ptx::load_coherent<uint4>(from + 8 * piece);
  }
  QueryFragments q;
  const int64_t width = p.width();
  const T* const from = static_cast<const T*>(p.qkv) + group.first * 3 * width + head * kHead;
  q.load(from + min(lane / 4, group.count - 1) * 3 * width, from + min(lane / 4 + 8, group.count - 1) * 3 * width,
         lane % 4);
  AttentionPartial partial;
  const auto place = [&](int i) { return places[min(i, positions - 1)]; };
  for (int first = warp * kBlocks * kBlock; first < positions; first += kWarps * kBlocks * kBlock) {
    uint4 keys[kBlocks][2][2], values[kBlocks][4];  // all asked for at once
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const PiecePlace k = key_place(i / 2, i % 2, lane), v = value_place(i, lane);
        keys[b][i / 2][i % 2] = ptx::load_coherent<uint4>(source.key(place(first + kBlock * b + k.position)) + k.value);
        values[b][i] = ptx::load_coherent<uint4>(source.value(place(first + kBlock * b + v.position)) + v.value);
      }
    }
    partial.add<T, kBlocks>(
        q, [&](int b, int i, int piece) { return keys[b][i][piece]; }, [&](int b, int i) { return values[b][i]; },
        first, lane, [&](int token, int i) { return i < min(first_position + lane / 4 + 8 * token + 1, positions); },
        [] {});
  }
  partial.finish();
  results.put(
      partial, group.count, lane, [&](int token) { return token * kWarps + warp; },
      [](int, auto* to, auto value) { *reinterpret_cast<decltype(value)*>(to) = value; });
  __syncthreads();
  T* const out = static_cast<T*>(p.out) + group.first * width + head * kHead;
  for (int task = warp; task < 2 * group.count; task += kWarps) {
    const int token = task / 2, value = task % 2 * 32 + lane;
    out[token * width + value] = results.joined<T>(token * kWarps, kWarps, value, lane);
  }
}

template <typename T>
__global__ void __launch_bounds__(kSimpleThreads) simple_kernel(const Parameters p) {
  extern __shared__ float shared[];
  const int head = static_cast<int>(blockIdx.x), token = static_cast<int>(blockIdx.y), size = p.cache.head_size;
  let_next_begin();
  wait_for_previous();
  const TokenGroup group = p.group(token);
  if (group.token.row < 0) return;
  const Source<T> source(p, group, head);
  const int own = token - group.run, position = group.token.position, row = source.cached_row(position);
  for (int d = static_cast<int>(threadIdx.x); d < size; d += kSimpleThreads) {
    source.cached_key(row)[d] = ptx::load_coherent<T>(source.fresh_key(own) + d);
    source.cached_value(row)[d] = ptx::load_coherent<T>(source.fresh_value(own) + d);
  }
  const int64_t at = static_cast<int64_t>(head) * size;
  attend_simply(
      static_cast<const T*>(p.qkv) + token * 3 * p.width() + at, size, position + 1,
      [&](int i) { return source.key(source.place(i)); }, [&](int i) { return source.value(source.place(i)); },
      static_cast<T*>(p.out) + token * p.width() + at, shared);
}

}  // namespace wtrt::kernels::self
