// Attention of a few query rows over a whole window, compiled once per instruction set and element type.
//
// Keys are taken in blocks of kKeyBlock: scores, running maximum, exponentials, then values; scores never leave the
// first-level cache. A step is four bytes of depth: one float, or two bf16 (Math::kDepth). A panel is kPanelWidth
// columns: keys [positions / panel][head_size steps][panel], values [head_size / panel][position steps][panel],
// zero-padded.
#pragma once

#include "backends/cpu/simd.hpp"
#include "backends/cpu/vector_kernels.hpp"

#if defined(__clang__)
#define WTRT_UNROLL _Pragma("unroll")
#else
#define WTRT_UNROLL _Pragma("GCC unroll 32")
#endif

namespace wtrt::cpu {
namespace {

constexpr int64_t kKeyBlock = 256;
constexpr int64_t kLargestHead = 256;

struct MathF32 {
  static constexpr int kDepth = 1;
  using Raw = Vec;
  using Step = float;
  static WTRT_INLINE Raw load_raw(const Step* p) { return load(p); }
  static WTRT_INLINE Vec multiply_add(Vec sum, const Step* a, Raw b) { return fma(splat(*a), b, sum); }
  static WTRT_INLINE Vec power(Vec x) { return exp2_of(x); }
  // Sixteen values that follow each other in depth.
  static WTRT_INLINE void store_deep(Step* p, Vec x) { store(p, x); }
  // Sixteen columns, each kDepth deep.
  static WTRT_INLINE void store_wide(Step* p, Vec x, Vec) { store(p, x); }
};

template <class Math, int kRows, int kVectors>
struct Encoder {
  using Step = typename Math::Step;
  static constexpr int64_t kDepth = Math::kDepth;
  static constexpr int64_t kPanelWidth = kVectors * kLanes;
  static constexpr int64_t kScoreStride =
      kKeyBlock + kLanes;  // off the power of two: rows fall into different cache sets
  static constexpr int64_t kWeightStride = kScoreStride / kDepth;

  struct Scratch {
    alignas(64) Step q[kLargestHead / kDepth * kRows];  // [step][row]
    alignas(64) float scores[kRows * kScoreStride];     // [row][key]; f32 weights replace the scores in place
    alignas(64) Step weights[kDepth == 1 ? 1 : kRows * kWeightStride];
    alignas(64) float sums[kRows * kLargestHead];  // [row][column of the head]
    float most[kRows], total[kRows], fade[kRows];
    Step* weight_row(int64_t m) {
      if constexpr (kDepth == 1)
        return reinterpret_cast<Step*>(scores) + m * kScoreStride;
      else
        return weights + m * kWeightStride;
    }
  };

  static int64_t steps(int64_t n) { return (n + kDepth - 1) / kDepth; }

  // Row of a head as steps, `scale` applied; zeros up to a whole vector.
  static WTRT_INLINE void deepen(const float* row, int64_t size, Vec scale, Step* out) {
    int64_t d = 0;
    for (; d + kLanes <= size; d += kLanes) Math::store_deep(out + d / kDepth, load(row + d) * scale);
    if (d < size) Math::store_deep(out + d / kDepth, load_first(row + d, size - d) * scale);
  }

  static void pack_keys(const float* k, int64_t stride, const EncoderHead& head) {
    auto* out = static_cast<Step*>(head.keys);
    const int64_t depth = steps(head.head_size);
    alignas(64) Step rows[kPanelWidth][kLargestHead / kDepth];
    for (int64_t first = 0; first < head.positions; first += kPanelWidth, out += depth * kPanelWidth) {
      const int64_t count = least_of(kPanelWidth, head.positions - first);
      for (int64_t j = 0; j < count; ++j) deepen(k + (first + j) * stride, head.head_size, splat(1.0f), rows[j]);
      for (int64_t s = 0; s < depth; ++s) {
        for (int64_t j = 0; j < kPanelWidth; ++j) out[s * kPanelWidth + j] = j < count ? rows[j][s] : Step{};
      }
    }
  }

  static WTRT_INLINE Vec columns_of(const float* row, int64_t column, int64_t size) {
    return column + kLanes <= size ? load(row + column)
           : column < size         ? load_first(row + column, size - column)
                                   : splat(0.0f);
  }

  static void pack_values(const float* v, int64_t stride, const EncoderHead& head) {
    const int64_t depth = steps(round_up(head.positions, kPanelWidth)), size = head.head_size;
    for (int64_t s = 0; s < depth; ++s) {
      const int64_t left = head.positions - s * kDepth;
      const float* row = v + s * kDepth * stride;
      for (int64_t column = 0; column < round_up(size, kPanelWidth); column += kLanes) {
        auto* out =
            static_cast<Step*>(head.values) + (column / kPanelWidth * depth + s) * kPanelWidth + column % kPanelWidth;
        Math::store_wide(out, left > 0 ? columns_of(row, column, size) : splat(0.0f),
                         left > 1 && kDepth > 1 ? columns_of(row + stride, column, size) : splat(0.0f));
      }
    }
  }

  // out [kRows][stride] (+)= a · b over `depth` steps; a by `a_step`, `a_row`; b a panel.
  template <bool kAccumulate>
  static WTRT_INLINE void product(const Step* a, int64_t a_step, int64_t a_row, const Step* b, int64_t depth,
                                  const float* fade, float* out, int64_t stride) {
    Vec sum[kRows][kVectors];
    WTRT_UNROLL
    for (int m = 0; m < kRows; ++m) {
      WTRT_UNROLL
      for (int j = 0; j < kVectors; ++j) {
        sum[m][j] = kAccumulate ? load(out + m * stride + j * kLanes) * splat(fade[m]) : splat(0.0f);
      }
    }
    for (int64_t s = 0; s < depth; ++s, a += a_step, b += kPanelWidth) {
      typename Math::Raw column[kVectors];
      WTRT_UNROLL
      for (int j = 0; j < kVectors; ++j) column[j] = Math::load_raw(b + j * kLanes);
      WTRT_UNROLL
      for (int m = 0; m < kRows; ++m) {
        WTRT_UNROLL
        for (int j = 0; j < kVectors; ++j) sum[m][j] = Math::multiply_add(sum[m][j], a + m * a_row, column[j]);
      }
    }
    WTRT_UNROLL
    for (int m = 0; m < kRows; ++m) {
      WTRT_UNROLL
      for (int j = 0; j < kVectors; ++j) store(out + m * stride + j * kLanes, sum[m][j]);
    }
  }

  // Scores are in units of log2: e^(q·k / √d) = 2^score.
  static void prepare(const EncoderQueries& queries, int64_t head_size, Scratch& scratch) {
    const Vec scale = splat(1.44269504f / __builtin_sqrtf(static_cast<float>(head_size)));
    alignas(64) Step row[kLargestHead / kDepth];
    for (int64_t m = 0; m < kRows; ++m) {
      if (m < queries.rows) deepen(queries.q + m * queries.q_stride, head_size, scale, row);
      for (int64_t s = 0; s < steps(head_size); ++s) scratch.q[s * kRows + m] = m < queries.rows ? row[s] : Step{};
      for (int64_t d = 0; d < round_up(head_size, kPanelWidth); d += kLanes)
        store(scratch.sums + m * kLargestHead + d, splat(0.0f));
      scratch.most[m] = kMasked;
      scratch.total[m] = 0.0f;
    }
  }

  static WTRT_INLINE void soften(Scratch& scratch, int64_t keys, int64_t valid) {
    for (int64_t m = 0; m < kRows; ++m) {
      float* row = scratch.scores + m * kScoreStride;
      for (int64_t i = valid / kLanes * kLanes; i < keys; i += kLanes) {
        store(row + i, keep_first(load(row + i), valid > i ? valid - i : 0, kMasked));
      }
      Vec most = load(row);
      for (int64_t i = kLanes; i < keys; i += kLanes) most = vmax(most, load(row + i));
      const float before = scratch.most[m], block = max_of(most), now = block > before ? block : before;
      const Vec offset = splat(now);
      Vec total = splat(0.0f);
      Step* weights = scratch.weight_row(m);
      for (int64_t i = 0; i < keys; i += kLanes) {
        const Vec weight = Math::power(load(row + i) - offset);
        total = total + weight;
        Math::store_deep(weights + i / kDepth, weight);
      }
      const float fade = before == now ? 1.0f : max_of(exp2_of(splat(before - now)));
      scratch.most[m] = now;
      scratch.fade[m] = fade;
      scratch.total[m] = scratch.total[m] * fade + sum_of(total);
    }
  }

  static WTRT_INLINE void attend_tile(const EncoderQueries& queries, const EncoderHead& head, Scratch& scratch) {
    prepare(queries, head.head_size, scratch);
    const auto* keys = static_cast<const Step*>(head.keys);
    const auto* values = static_cast<const Step*>(head.values);
    const int64_t padded = round_up(head.positions, kPanelWidth), depth = steps(head.head_size);
    const int64_t columns = round_up(head.head_size, kPanelWidth);
    for (int64_t first = 0; first < padded; first += kKeyBlock) {
      const int64_t count = least_of(kKeyBlock, padded - first);
      for (int64_t i = 0; i < count; i += kPanelWidth, keys += depth * kPanelWidth) {
        product<false>(scratch.q, kRows, 1, keys, depth, nullptr, scratch.scores + i, kScoreStride);
      }
      soften(scratch, count, least_of(count, head.positions - first));
      for (int64_t column = 0; column < columns; column += kPanelWidth) {
        const Step* panel = values + (column / kPanelWidth * steps(padded) + steps(first)) * kPanelWidth;
        product<true>(scratch.weight_row(0), 1, kWeightStride, panel, count / kDepth, scratch.fade,
                      scratch.sums + column, kLargestHead);
      }
    }
    for (int64_t m = 0; m < queries.rows; ++m) {
      const Vec share = splat(1.0f / scratch.total[m]);
      float* out = queries.out + m * queries.out_stride;
      const float* sums = scratch.sums + m * kLargestHead;
      int64_t d = 0;
      for (; d + kLanes <= head.head_size; d += kLanes) store(out + d, load(sums + d) * share);
      if (d < head.head_size) store_first(out + d, load(sums + d) * share, head.head_size - d);
    }
  }

  // Rows of one head lie pages apart; their latency is hidden behind the tile before.
  static WTRT_INLINE void fetch(const EncoderQueries& queries, int64_t head_size) {
    for (int64_t m = 0; m < queries.rows && m < kRows; ++m) {
      for (int64_t d = 0; d < head_size; d += kLanes) {
        __builtin_prefetch(queries.q + m * queries.q_stride + d);
        __builtin_prefetch(queries.out + m * queries.out_stride + d, 1);
      }
    }
  }

  static void attend(const EncoderQueries& queries, const EncoderHead& head) {
    Scratch scratch;
    for (int64_t first = 0; first < queries.rows; first += kRows) {
      const auto from = [&](int64_t row) {
        return EncoderQueries{queries.q + row * queries.q_stride, queries.q_stride, queries.rows - row,
                              queries.out + row * queries.out_stride, queries.out_stride};
      };
      if (first + kRows < queries.rows) fetch(from(first + kRows), head.head_size);
      EncoderQueries tile = from(first);
      tile.rows = least_of(tile.rows, kRows);
      attend_tile(tile, head, scratch);
    }
  }

  static constexpr EncoderKernels table() {
    return {kRows, kPanelWidth, kPanelWidth, 4 / kDepth, &pack_keys, &pack_values, &attend};
  }
};

}  // namespace
}  // namespace wtrt::cpu
