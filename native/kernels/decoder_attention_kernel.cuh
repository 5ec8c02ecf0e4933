// Attention of up to 16 tokens over keys and values in memory, for 16-bit types and heads of 64: tensor cores, online
// softmax in f32.
//
// A warp takes blocks of 16 positions. Tokens are the 16 rows of mma.m16n8k16 and the results come out as its operands
// want them; which of a head's 64 values is which index of a product is free as long as both operands agree, so that
// every lane loads 16 bytes at a time from global memory straight into fragments: of keys the pieces t and t + 4 (8
// values each), of values the piece g, where g = lane / 4 and t = lane % 4.
#pragma once

#include "decoder_tokens.cuh"
#include "elements.cuh"
#include "ptx.cuh"

namespace wtrt::kernels {

constexpr int kHead = 64;
constexpr int kBlock = 16;                      // positions
constexpr float kScale = 0.125f * 1.44269504f;  // of scores: kHead^-0.5, and log2(e) for exp2

// The queries of tokens g and g + 8.
struct QueryFragments {
  uint32_t a[4][4];

  template <typename T>
  __device__ void load(const T* low, const T* high, int t) {
#pragma unroll
    for (int piece = 0; piece < 2; ++piece) {
      const uint4 x = ptx::load_coherent<uint4>(low + 8 * (t + 4 * piece)),
                  y = ptx::load_coherent<uint4>(high + 8 * (t + 4 * piece));
      set(a[2 * piece], x.x, y.x, x.y, y.y);
      set(a[2 * piece + 1], x.z, y.z, x.w, y.w);
    }
  }

 private:
  static __device__ void set(uint32_t (&to)[4], uint32_t x, uint32_t y, uint32_t z, uint32_t w) {
    to[0] = x, to[1] = y, to[2] = z, to[3] = w;
  }
};

// Where a lane finds the pieces of block b that the products want: of positions from the block's first and values from
// the head's first.
struct PiecePlace {
  int position, value;
};
__device__ __forceinline__ PiecePlace key_place(int i, int piece, int lane) {
  return {8 * i + lane / 4, 8 * (lane % 4 + 4 * piece)};
}  // i, piece < 2
__device__ __forceinline__ PiecePlace value_place(int i, int lane) {
  return {lane % 4 * 2 + i / 2 * 8 + i % 2, lane / 4 * 8};
}  // i < 4

// A warp's share of the result: tokens g (index 0) and g + 8 (1); of each the values 16 t … 16 t + 15, value j of them
// in o[j % 8][2 * token + j / 8]. `sum` is of this lane's columns alone until finish().
struct AttentionPartial {
  float most[2] = {-INFINITY, -INFINITY}, sum[2] = {}, o[8][4] = {};

  // Of kBlocks blocks of positions from `first` on. key(b, i, piece), value(b, i): the pieces of block b;
  // visible(token, p): whether token 0 or 1 of this lane attends to position p; when all pieces are there, loaded() is
  // called.
  template <typename T, int kBlocks, typename Key, typename Value, typename Visible, typename Loaded>
  __device__ void add(const QueryFragments& q, const Key& key, const Value& value, int first, int lane,
                      const Visible& visible, const Loaded& loaded) {
    const int t = lane % 4;
    float s[kBlocks][2][4] = {};
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int piece = 0; piece < 2; ++piece) {
          const uint4 k = key(b, i, piece);
          ptx::mma<T>(s[b][i], q.a[2 * piece], k.x, k.y);
          ptx::mma<T>(s[b][i], q.a[2 * piece + 1], k.z, k.w);
        }
      }
    }
    float now[2] = {most[0], most[1]};
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int c = 0; c < 4; ++c) {
          const int position = first + kBlock * b + 8 * i + 2 * t + c % 2;
          s[b][i][c] = visible(c / 2, position) ? s[b][i][c] * kScale : -INFINITY;
          now[c / 2] = fmaxf(now[c / 2], s[b][i][c]);
        }
      }
    }
    float base[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      now[i] = fmaxf(now[i], __shfl_xor_sync(~0u, now[i], 1));
      now[i] = fmaxf(now[i], __shfl_xor_sync(~0u, now[i], 2));
      base[i] = now[i] == -INFINITY ? 0.0f : now[i];  // nothing seen yet
      const float shrink = ptx::exp2(most[i] - base[i]);
      most[i] = now[i];
      sum[i] *= shrink;
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        o[j][2 * i] *= shrink;
        o[j][2 * i + 1] *= shrink;
      }
    }
    uint4 v[kBlocks][4];
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) {
#pragma unroll
      for (int i = 0; i < 4; ++i) v[b][i] = value(b, i);
    }
    loaded();
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) {
      uint32_t p[4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int token = 0; token < 2; ++token) {
          p[2 * i + token] = ptx::pack<T>(ptx::exp2(s[b][i][2 * token] - base[token]),
                                          ptx::exp2(s[b][i][2 * token + 1] - base[token]));
          const float2 rounded = unpack2<T>(p[2 * i + token]);
          sum[token] += rounded.x + rounded.y;
        }
      }
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const unsigned pick = j % 2 == 0 ? 0x5410 : 0x7632;  // value j of two positions side by side
        ptx::mma<T>(o[j], p, __byte_perm(word(v[b][0], j / 2), word(v[b][1], j / 2), pick),
                    __byte_perm(word(v[b][2], j / 2), word(v[b][3], j / 2), pick));
      }
    }
  }

  __device__ void finish() {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      sum[i] += __shfl_xor_sync(~0u, sum[i], 1);
      sum[i] += __shfl_xor_sync(~0u, sum[i], 2);
    }
  }

 private:
  static __device__ uint32_t word(const uint4& v, int i) { return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w; }
};

// The partial results of some warps, of up to kSlots tokens · warps.
template <int kSlots>
struct PartialResults {
  float o[kSlots][kHead], most[kSlots], sum[kSlots];
  static constexpr int kBytesEach = (kHead + 2) * 4;

  // One warp's, of its lane's tokens below `tokens`: store(token, address, value) for all values; address: as
  // slot_of(token) says.
  template <typename SlotOf, typename Store>
  __device__ void put(const AttentionPartial& partial, int tokens, int lane, const SlotOf& slot_of,
                      const Store& store) {
    const int t = lane % 4;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int token = lane / 4 + 8 * i;
      if (token >= tokens) continue;
      const int slot = slot_of(token);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int from = 4 * j % 8, half = 2 * i + j / 2;
        store(token, &o[slot][16 * t + 4 * j],
              make_float4(partial.o[from][half], partial.o[from + 1][half], partial.o[from + 2][half],
                          partial.o[from + 3][half]));
      }
      if (t == 0) {
        store(token, &most[slot], partial.most[i]);
        store(token, &sum[slot], partial.sum[i]);
      }
    }
  }

  // 32 values of a token from the `partials` (at most 32) behind `first`. Called by whole warps.
  template <typename T>
  __device__ T joined(int first, int partials, int value, int lane) const {
    const float here = lane < partials ? most[first + lane] : -INFINITY;
    float all = here;
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) all = fmaxf(all, __shfl_xor_sync(~0u, all, offset));
    const float weight = here == -INFINITY ? 0.0f : ptx::exp2(here - all);
    float total = lane < partials ? weight * sum[first + lane] : 0.0f;
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) total += __shfl_xor_sync(~0u, total, offset);
    float result = 0;
#pragma unroll 8
    for (int i = 0; i < partials; ++i) result += __shfl_sync(~0u, weight, i) * o[first + i][value];
    return from_float<T>(total > 0 ? result / total : 0.0f);
  }
};

}  // namespace wtrt::kernels
