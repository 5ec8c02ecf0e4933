// Attention of a few tokens of one row over a KV cache, compiled once per instruction set; a Cache says how elements
// are stored, scored and summed (decoder_float.hpp, decoder_int8.hpp).
//
// Positions are taken in fixed blocks of kSplit with a running maximum; within a block every sum runs over rising
// positions, whatever the tile. So a token's bits do not depend on the tokens beside it.
#pragma once

#include "backends/cpu/simd.hpp"
#include "backends/cpu/vector_kernels.hpp"

namespace wtrt::cpu {
namespace {

constexpr int64_t kSplit = 512;
constexpr int64_t kDecoderHead = 256;

struct Scratch {
  alignas(64) float q[kMaxTokenTile][kDecoderHead];  // scaled
  alignas(64) float weights[kMaxTokenTile][kSplit];  // scores, then what they become
  alignas(64) float sums[kMaxTokenTile][kDecoderHead];
  float most[kMaxTokenTile], total[kMaxTokenTile];
};

// Consecutive positions within one block; the first one is a multiple of sixteen.
struct Stretch {
  int64_t offset, count;  // of the first one from the beginning of the split; how many
  int64_t inside;         // of the first one from the beginning of its block
  std::byte* block;
};

WTRT_INLINE int64_t columns_of(int64_t head_size) { return round_up(head_size, kLanes); }

template <class Body>
WTRT_INLINE void for_stretches(const KvSequence& s, int64_t first, int64_t end, const Body& body) {
  for (int64_t position = first; position < end;) {
    const int64_t block = s.pages == nullptr ? 0 : position / s.block_positions;
    const int64_t inside = position - block * s.block_positions;
    const int64_t count = least_of(end - position, s.block_positions - inside);
    body(Stretch{position - first, count, inside, s.base + (s.pages == nullptr ? 0 : s.pages[block] * s.page_stride)});
    position += count;
  }
}

template <class Cache>
struct Decoder {
  static void store_token(const KvSequence& s, int64_t position, const float* k, const float* v) {
    for_stretches(s, position, position + 1, [&](const Stretch& place) { Cache::store_token(s, place, k, v); });
  }

  // Scores of token m become weights 2^(score - maximum); what was summed before fades.
  static void soften(Scratch& scratch, int m, int64_t count, int64_t visible, int64_t head_size) {
    float* row = scratch.weights[m];
    for (int64_t i = visible / kLanes * kLanes; i < count; i += kLanes) {
      store(row + i, keep_first(load(row + i), visible > i ? visible - i : 0, kMasked));
    }
    Vec most = load(row);
    for (int64_t i = kLanes; i < count; i += kLanes) most = vmax(most, load(row + i));
    const float before = scratch.most[m], block = max_of(most), now = block > before ? block : before;
    Vec total = splat(0.0f);
    for (int64_t i = 0; i < count; i += kLanes) {
      const Vec weight = exp2_of(load(row + i) - splat(now));
      total = total + weight;
      store(row + i, weight);
    }
    const float fade = max_of(exp2_of(splat(before - now)));
    scratch.most[m] = now;
    scratch.total[m] = scratch.total[m] * fade + sum_of(total);
    for (int64_t d = 0; d < head_size; d += kLanes) store(scratch.sums[m] + d, load(scratch.sums[m] + d) * splat(fade));
  }

  // Queries come scaled: by 1 / √head_size, times `unit`.
  static void prepare(Scratch& scratch, const TokenTile& tile, int tokens, int64_t head_size, float unit) {
    const float scale = unit / __builtin_sqrtf(static_cast<float>(head_size));
    for (int m = 0; m < tokens; ++m) {
      for (int64_t d = 0; d < head_size; ++d) scratch.q[m][d] = m < tile.count ? tile.q[m][d] * scale : 0.0f;
      for (int64_t d = 0; d < round_up(head_size, kLanes); ++d) scratch.sums[m][d] = 0.0f;
      scratch.most[m] = kMasked;
      scratch.total[m] = 0.0f;
    }
  }

  template <int kTokens>
  static void attend_tile(const KvSequence& s, const TokenTile& tile) {
    Scratch scratch;
    prepare(scratch, tile, kTokens, s.head_size, 1.44269504f);  // e^x = 2^(x · log2 e)
    typename Cache::template Work<kTokens> work(scratch, s);
    const int64_t longest = tile.limit[tile.count - 1];
    for (int64_t first = 0; first < longest; first += kSplit) {
      const int64_t end = least_of(longest, first + kSplit);
      for_stretches(s, first, end, [&](const Stretch& stretch) { work.score(stretch); });
      for (int m = 0; m < tile.count; ++m) {
        const int64_t visible = tile.limit[m] < first ? 0 : least_of(tile.limit[m], end) - first;
        soften(scratch, m, round_up(end - first, kLanes), visible, s.head_size);
      }
      work.weigh(first, end);
      for_stretches(s, first, end, [&](const Stretch& stretch) { work.add_values(stretch); });
    }
    for (int m = 0; m < tile.count; ++m) {
      const Vec share = splat(1.0f / scratch.total[m]);
      int64_t d = 0;
      for (; d + kLanes <= s.head_size; d += kLanes) store(tile.out[m] + d, load(scratch.sums[m] + d) * share);
      if (d < s.head_size) store_first(tile.out[m] + d, load(scratch.sums[m] + d) * share, s.head_size - d);
    }
  }

  static void attend(const KvSequence& sequence, const TokenTile& tile) {
    if (tile.count == 1) {
      attend_tile<1>(sequence, tile);
    } else {
      attend_tile<kMaxTokenTile>(sequence, tile);
    }
  }

  static void score(const KvSequence& s, const TokenTile& tile) {
    Scratch scratch;
    prepare(scratch, tile, kMaxTokenTile, s.head_size, 1.0f);
    const typename Cache::template Work<kMaxTokenTile> work(scratch, s);
    const int64_t longest = tile.limit[tile.count - 1];
    for (int64_t first = 0; first < longest; first += kSplit) {
      const int64_t end = least_of(longest, first + kSplit);
      for_stretches(s, first, end, [&](const Stretch& stretch) { work.score(stretch); });
      for (int m = 0; m < tile.count; ++m) {
        const int64_t visible = tile.limit[m] < first ? 0 : least_of(tile.limit[m], end) - first;
        memcpy(tile.out[m] + first, scratch.weights[m], static_cast<size_t>(visible) * sizeof(float));
      }
    }
  }

  static constexpr DecoderKernels table() { return {&store_token, &attend, &score}; }
};

}  // namespace
}  // namespace wtrt::cpu
