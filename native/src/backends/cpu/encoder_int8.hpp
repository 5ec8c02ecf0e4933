// The encoder's attention with products of bytes; softmax and sums in f32. Compiled once per way of multiplying: the
// integers are exact, so all ways give the same bits.
//
// Queries and keys become 8-bit integers with a scale per position, the keys after their mean over the window was taken
// out: softmax does not see it, and what is left has no outlying columns (SageAttention, arXiv 2410.02367). Values
// become 8-bit integers with a scale per position, which goes into the weights; the weights become 16-bit integers,
// taken as two digits, because most of a weight's mass may lie in a tail where each key has less than 1/255 of the
// largest.
//
// A panel holds 64 keys. keys [panels][head_size / 4][64][4], stored + 128 (what the byte products want unsigned);
// values [panels][16][columns][4]: key 16 * j + i of a panel stands at [i][column][j], as the digits come out of
// registers. Both are what a step of VPDPBUSD takes, and a tile of sixteen steps.
#pragma once

#include "backends/cpu/simd.hpp"
#include "backends/cpu/vector_kernels.hpp"

namespace wtrt::cpu {
namespace {

constexpr int64_t kPanel = 64;  // keys
constexpr int kVectors = kPanel / kLanes;
constexpr int64_t kBlockPanels = 4;  // keys whose weights are made before their values are taken
constexpr int64_t kBlock = kBlockPanels * kPanel;
constexpr int kColumnVectors = 2;  // of the values, in registers
constexpr int64_t kColumns = kColumnVectors * kLanes;
constexpr int64_t kQuad = 4;
constexpr int64_t kLargestHead = 256;
constexpr float kWeightRange = 65535.0f;

int64_t depth_of(int64_t head_size) { return (head_size + kQuad - 1) / kQuad; }
int64_t columns_of(int64_t head_size) { return round_up(head_size, kColumns); }

// Largest magnitude of `count` values; magnitudes order like their bits, a NaN above all.
float magnitude_of(const float* x, int64_t count) {
  const __m512i no_sign = _mm512_set1_epi32(0x7fffffff);
  __m512i most = _mm512_setzero_si512();
  for (int64_t i = 0; i < count; i += kLanes) {
    const Vec v = i + kLanes <= count ? load(x + i) : load_first(x + i, count - i);
    most = _mm512_max_epi32(most, _mm512_and_si512(_mm512_castps_si512(v.v), no_sign));
  }
  const int32_t bits = _mm512_reduce_max_epi32(most);
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Rows of one head lie pages apart: no prefetcher finds the next.
WTRT_INLINE void fetch(const float* row, int64_t count) {
  for (int64_t d = 0; d < count; d += kLanes) __builtin_prefetch(row + d);
}
constexpr int64_t kRowsAhead = 8;

// What is not finite becomes 0 with a scale that is not finite either: it stays visible in the result.
float units_per(float magnitude) { return magnitude > 1e-30f && magnitude < 1e30f ? 127.0f / magnitude : 0.0f; }

// Row as signed bytes in units of 1 / `units`, zeros behind its end; `out` is filled in whole vectors.
void bytes_of(const float* row, int64_t count, float units, int8_t* out) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const Vec x = i + kLanes <= count ? load(row + i) : load_first(row + i, count - i);
    const __m128i bytes = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32((x * splat(units)).v));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), bytes);
  }
}

void pack_keys(const float* k, int64_t stride, const EncoderHead& head) {
  const int64_t size = head.head_size, depth = depth_of(size);
  alignas(64) float mean[kLargestHead] = {}, row[kLargestHead];
  for (int64_t t = 0; t < head.positions; ++t) {
    if (t + kRowsAhead < head.positions) fetch(k + (t + kRowsAhead) * stride, size);
    for (int64_t d = 0; d < size; ++d) mean[d] += k[t * stride + d];
  }
  for (int64_t d = 0; d < size; ++d) mean[d] /= static_cast<float>(head.positions);
  alignas(64) int8_t bytes[kLargestHead + kLanes];
  auto* out = static_cast<uint32_t*>(head.keys);
  for (int64_t t = 0; t < round_up(head.positions, kPanel); ++t) {
    float largest = 0;
    memset(bytes, 0, sizeof bytes);
    if (t < head.positions) {
      for (int64_t d = 0; d < size; ++d) row[d] = k[t * stride + d] - mean[d];
      largest = magnitude_of(row, size);
      bytes_of(row, size, units_per(largest), bytes);
    }
    head.key_units[t] = largest / 127.0f;
    uint32_t* to = out + t / kPanel * depth * kPanel + t % kPanel;
    for (int64_t s = 0; s < depth; ++s) {
      uint32_t four;
      memcpy(&four, bytes + s * kQuad, sizeof four);
      to[s * kPanel] = four ^ 0x80808080u;
    }
  }
}

// Byte d + i of each of the four rows → four bytes side by side, for sixteen i.
void interleave(const int8_t (&rows)[kQuad][kLargestHead + kLanes], int64_t d, int8_t* out) {
  const auto of = [&](int64_t j) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[j] + d)); };
  const __m128i a = of(0), b = of(1), c = of(2), e = of(3);
  const __m128i front[2] = {_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b)};
  const __m128i back[2] = {_mm_unpacklo_epi8(c, e), _mm_unpackhi_epi8(c, e)};
  for (int i = 0; i < 2; ++i) {
    auto* to = reinterpret_cast<__m128i*>(out + i * 32);
    _mm_storeu_si128(to, _mm_unpacklo_epi16(front[i], back[i]));
    _mm_storeu_si128(to + 1, _mm_unpackhi_epi16(front[i], back[i]));
  }
}

void pack_values(const float* v, int64_t stride, const EncoderHead& head) {
  const int64_t size = head.head_size, columns = columns_of(size), padded = round_up(head.positions, kPanel);
  float most = 0;
  for (int64_t t = 0; t < padded; ++t) {
    if (t + kRowsAhead < head.positions) fetch(v + (t + kRowsAhead) * stride, size);
    head.value_units[t] = t < head.positions ? magnitude_of(v + t * stride, size) : 0.0f;
    most = head.value_units[t] > most || head.value_units[t] != head.value_units[t] ? head.value_units[t] : most;
  }
  alignas(64) int8_t bytes[kQuad][kLargestHead + kLanes];
  auto* out = static_cast<int8_t*>(head.values);
  for (int64_t panel = 0; panel < padded; panel += kPanel) {
    for (int64_t i = 0; i < kLanes; ++i, out += columns * kQuad) {
      memset(bytes, 0, sizeof bytes);
      for (int64_t j = 0; j < kQuad; ++j) {
        const int64_t t = panel + j * kLanes + i;
        if (t < head.positions) bytes_of(v + t * stride, size, units_per(head.value_units[t]), bytes[j]);
      }
      for (int64_t d = 0; d < columns; d += kLanes) interleave(bytes, d, out + d * kQuad);
    }
  }
  // A weight counts in units of the largest value: all of them then fit into 16 bits.
  const float rescale = most > 0.0f ? kWeightRange / most : most;
  for (int64_t t = 0; t < padded; ++t) head.value_units[t] *= rescale;
  head.value_units[padded] = most / (127.0f * kWeightRange);
}

// 2^x to 8e-5: 2^(x - ⌊x⌋) by a cubic, then VSCALEF, which takes the floor by itself.
WTRT_INLINE Vec power(Vec x) {
  const Vec f = {_mm512_reduce_ps(x.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
  Vec p = fma(splat(7.802452118e-2f), f, splat(2.260671575e-1f));
  p = fma(p, f, splat(6.958335398e-1f));
  p = fma(p, f, splat(9.999252186e-1f));
  return scale_by_power(p, x);
}

// Products: how many queries it takes at a time (kRows), what it needs of the thread meanwhile (Setup), how it wants
// the queries' bytes (place_query), and the two products:
//   multiply_keys    q · keys of a panel → out[row][key], rows kBlock apart
//   multiply_values  weights' digits [row][quad], rows kBlock / 4 apart, times kColumns columns of values, quads
//   `stride`
//                    bytes apart → out[row][column vector][high, low]
template <class Products>
struct Int8Encoder {
  static constexpr int kRows = Products::kRows;

  struct Scratch {
    alignas(64) int32_t q[kLargestHead / kQuad * kRows];  // four bytes each, as Products wants them
    alignas(64) int32_t products[kRows * kBlock];         // of queries and keys, then scores; of weights and values
    alignas(64) uint32_t high[kRows * kBlock / kQuad], low[kRows * kBlock / kQuad];  // digits of the weights
    alignas(64) float sums[kRows * kLargestHead];
    float unit[kRows];      // of a row's scores, in units of log2
    int32_t excess[kRows];  // what the 128 in the keys add
    float most[kRows], total[kRows], fade[kRows];
  };

  static void prepare(const EncoderQueries& queries, int64_t head_size, Scratch& scratch) {
    const float scale = 1.44269504f / __builtin_sqrtf(static_cast<float>(head_size));
    alignas(64) int8_t bytes[kLargestHead];
    for (int64_t m = 0; m < kRows; ++m) {
      memset(bytes, 0, sizeof bytes);
      float largest = 0;
      if (m < queries.rows) {
        largest = magnitude_of(queries.q + m * queries.q_stride, head_size);
        bytes_of(queries.q + m * queries.q_stride, head_size, units_per(largest), bytes);
      }
      __m512i sum = _mm512_setzero_si512();
      for (int64_t d = 0; d < head_size; d += kPanel) {
        sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), _mm512_loadu_si512(bytes + d));
      }
      Products::place_query(scratch.q, m, bytes, depth_of(head_size));
      scratch.excess[m] = 128 * _mm512_reduce_add_epi32(sum);
      scratch.unit[m] = largest / 127.0f * scale;
      scratch.most[m] = kMasked;
      scratch.total[m] = 0.0f;
      for (int64_t d = 0; d < columns_of(head_size); d += kLanes)
        store(scratch.sums + m * kLargestHead + d, splat(0.0f));
    }
  }

  // A row's products become scores over its unit, and their largest. Keys from `valid` on do not exist.
  static WTRT_INLINE float scale_scores(const float* key_units, int64_t keys, int64_t valid, int32_t excess,
                                        float* row) {
    const __m512i out = _mm512_set1_epi32(excess);
    Vec most = splat(kMasked);
    for (int64_t i = 0; i < keys; i += kLanes) {
      const __m512i whole = _mm512_sub_epi32(_mm512_load_si512(row + i), out);
      Vec score = Vec{_mm512_cvtepi32_ps(whole)} * load(key_units + i);
      if (valid - i < kLanes) score = keep_first(score, valid > i ? valid - i : 0, kMasked);
      most = vmax(most, score);
      store(row + i, score);
    }
    return max_of(most);
  }

  // Four vectors of 16-bit integers → their low or their high bytes, side by side.
  static WTRT_INLINE __m512i bytes_beside(__m512i a, __m512i b, __m512i c, __m512i d) {
    const __m512i ab = _mm512_mask_mov_epi8(a, 0x2222222222222222ull, b);
    return _mm512_mask_mov_epi8(_mm512_mask_mov_epi8(ab, 0x4444444444444444ull, c), 0x8888888888888888ull, d);
  }
  static WTRT_INLINE void store_digits(const __m512i (&whole)[kVectors], uint32_t* low, uint32_t* high) {
    _mm512_store_si512(low, bytes_beside(whole[0], _mm512_slli_epi32(whole[1], 8), _mm512_slli_epi32(whole[2], 16),
                                         _mm512_slli_epi32(whole[3], 24)));
    _mm512_store_si512(high, bytes_beside(_mm512_srli_epi32(whole[0], 8), whole[1], _mm512_slli_epi32(whole[2], 8),
                                          _mm512_slli_epi32(whole[3], 16)));
  }

  // A block's products → weights as two digits, and what became of the running maximum and total. Scores are in units
  // of log2: e^(q·k / √d) = 2^(score · unit).
  static __attribute__((noinline)) void soften(const EncoderHead& head, int64_t first, int64_t keys, Scratch& scratch) {
    const float* value_units = head.value_units + first;
    const int64_t valid = head.positions - first;
    for (int64_t m = 0; m < kRows; ++m) {
      float* row = reinterpret_cast<float*>(scratch.products + m * kBlock);
      const float before = scratch.most[m];
      const float block = scale_scores(head.key_units + first, keys, valid, scratch.excess[m], row);
      const float now = block > before ? block : before;
      const Vec unit = splat(scratch.unit[m]), offset = splat(-now * scratch.unit[m]);
      Vec total = splat(0.0f);
      for (int64_t i = 0; i < keys; i += kPanel) {
        __m512i whole[kVectors];
#pragma GCC unroll 8
        for (int j = 0; j < kVectors; ++j) {
          Vec weight = power(fma(load(row + i + j * kLanes), unit, offset));
          const int64_t exist = valid - i - j * kLanes;
          if (exist < kLanes) weight = keep_first(weight, exist > 0 ? exist : 0, 0.0f);
          total = total + weight;
          whole[j] = _mm512_cvtps_epi32((weight * load(value_units + i + j * kLanes)).v);
        }
        const auto at = (m * kBlock + i) / kQuad;
        store_digits(whole, scratch.low + at, scratch.high + at);
      }
      const float fade = before == now ? 1.0f : max_of(exp2_of(splat((before - now) * scratch.unit[m])));
      scratch.most[m] = now;
      scratch.fade[m] = fade;
      scratch.total[m] = scratch.total[m] * fade + sum_of(total);
    }
  }

  // sums = sums · fade + a block's products of weights and values.
  static WTRT_INLINE void add_products(Scratch& scratch, int64_t column) {
    const int32_t* from = scratch.products;
    for (int64_t m = 0; m < kRows; ++m) {
      const Vec fade = splat(scratch.fade[m]);
      for (int64_t j = 0; j < kColumnVectors; ++j, from += 2 * kLanes) {
        float* at = scratch.sums + m * kLargestHead + column + j * kLanes;
        const Vec top = {_mm512_cvtepi32_ps(_mm512_load_si512(from))};
        const Vec bottom = {_mm512_cvtepi32_ps(_mm512_load_si512(from + kLanes))};
        store(at, fma(load(at), fade, fma(top, splat(256.0f), bottom)));
      }
    }
  }

  static void attend_tile(const EncoderQueries& queries, const EncoderHead& head, Scratch& scratch) {
    prepare(queries, head.head_size, scratch);
    const int64_t depth = depth_of(head.head_size), columns = columns_of(head.head_size);
    const int64_t padded = round_up(head.positions, kPanel);
    for (int64_t first = 0; first < padded; first += kBlock) {
      const int64_t count = least_of(kBlock, padded - first);
      for (int64_t i = 0; i < count; i += kPanel) {
        Products::multiply_keys(scratch.q, static_cast<const uint32_t*>(head.keys) + (first + i) * depth, depth,
                                scratch.products + i);
      }
      soften(head, first, count, scratch);
      const int8_t* values = static_cast<const int8_t*>(head.values) + first * columns;
      for (int64_t column = 0; column < columns; column += kColumns) {
        Products::multiply_values(scratch.high, scratch.low, values + column * kQuad, columns * kQuad, count / kQuad,
                                  scratch.products);
        add_products(scratch, column);
      }
    }
    for (int64_t m = 0; m < queries.rows; ++m) {
      const Vec share = splat(head.value_units[padded] / scratch.total[m]);
      float* out = queries.out + m * queries.out_stride;
      const float* sums = scratch.sums + m * kLargestHead;
      int64_t d = 0;
      for (; d + kLanes <= head.head_size; d += kLanes) store(out + d, load(sums + d) * share);
      if (d < head.head_size) store_first(out + d, load(sums + d) * share, head.head_size - d);
    }
  }

  static void attend(const EncoderQueries& queries, const EncoderHead& head) {
    [[maybe_unused]] const typename Products::Setup setup;
    Scratch scratch;
    for (int64_t first = 0; first < queries.rows; first += kRows) {
      for (int64_t m = first + kRows; m < least_of(first + 2 * kRows, queries.rows); ++m) {
        fetch(queries.q + m * queries.q_stride, head.head_size);
        fetch(queries.out + m * queries.out_stride, head.head_size);
      }
      attend_tile({queries.q + first * queries.q_stride, queries.q_stride, least_of(kRows, queries.rows - first),
                   queries.out + first * queries.out_stride, queries.out_stride},
                  head, scratch);
    }
  }

  static constexpr EncoderKernels table() { return {kRows, kPanel, kColumns, 1, &pack_keys, &pack_values, &attend}; }
};

}  // namespace
}  // namespace wtrt::cpu
