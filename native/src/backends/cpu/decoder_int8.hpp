// Caches of 8-bit integers with a scale per position and head. Queries and weights become 15-bit integers, so that
// rounding them is lost beside that of the cache, and the sums are exact integers: the same bits on every instruction
// set.
//
// keys [groups][depth][16][4], stored + 128 (what the byte dot product wants unsigned); values [positions /
// 4][columns][4].
#pragma once

#include "backends/cpu/decoder_tile.hpp"

namespace wtrt::cpu {
namespace {

constexpr int32_t kQueryRange = 16256;   // 127 · 128: two signed digits to the base 128
constexpr int32_t kWeightRange = 32767;  // a digit below 128 and one below 256
constexpr int kQuad = 4;

WTRT_INLINE int32_t bits_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// Nearest integer, ties to even, for |x| < 2^22.
WTRT_INLINE int32_t nearest(float x) { return bits_of(x + 12582912.0f) - 0x4B400000; }

// Largest magnitude; magnitudes order like their bits.
WTRT_INLINE float magnitude_of(const float* x, int64_t n) {
  int32_t most = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t size = bits_of(x[i]) & 0x7fffffff;
    most = size > most ? size : most;
  }
  float value;
  memcpy(&value, &most, sizeof value);
  return value;
}

WTRT_INLINE float units_per(float magnitude, int32_t range) {
  return magnitude > 1e-30f ? static_cast<float>(range) / magnitude : 0.0f;
}

// Sixteen sums of products of four bytes with four 15-bit integers.
#if defined(__AVX512VNNI__)

struct Digits {  // of four integers
  int32_t high, low;
};
WTRT_INLINE int32_t pack_bytes(int32_t a, int32_t b, int32_t c, int32_t d) {
  return static_cast<int32_t>((static_cast<uint32_t>(a) & 255u) | (static_cast<uint32_t>(b) & 255u) << 8 |
                              (static_cast<uint32_t>(c) & 255u) << 16 | (static_cast<uint32_t>(d) & 255u) << 24);
}
WTRT_INLINE int32_t high_of_query(int32_t q) { return (q + 64) >> 7; }
WTRT_INLINE Digits query_digits(const int32_t* q) {
  const int32_t a = high_of_query(q[0]), b = high_of_query(q[1]), c = high_of_query(q[2]), d = high_of_query(q[3]);
  return {pack_bytes(a, b, c, d), pack_bytes(q[0] - a * 128, q[1] - b * 128, q[2] - c * 128, q[3] - d * 128)};
}
WTRT_INLINE Digits weight_digits(const int32_t* w) {
  return {pack_bytes(w[0] >> 8, w[1] >> 8, w[2] >> 8, w[3] >> 8), pack_bytes(w[0], w[1], w[2], w[3])};
}
// The digits of sixteen weights, four by four.
WTRT_INLINE void sixteen_weight_digits(const int32_t* w, Digits* digits) {
  const __m512i all = _mm512_loadu_si512(w);
  const __m128i high = _mm512_cvtepi32_epi8(_mm512_srai_epi32(all, 8)), low = _mm512_cvtepi32_epi8(all);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(digits), _mm_unpacklo_epi32(high, low));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(digits + 2), _mm_unpackhi_epi32(high, low));
}
struct Dot {
  __m512i high, low;
};
using Bytes = __m512i;
WTRT_INLINE Dot no_dot() { return {_mm512_setzero_si512(), _mm512_setzero_si512()}; }
WTRT_INLINE Bytes key_bytes(const uint8_t* p) { return _mm512_loadu_si512(p); }
WTRT_INLINE Bytes value_bytes(const int8_t* p) { return _mm512_loadu_si512(p); }
WTRT_INLINE Dot add_keys(Dot sum, Bytes keys, Digits q) {
  return {_mm512_dpbusd_epi32(sum.high, keys, _mm512_set1_epi32(q.high)),
          _mm512_dpbusd_epi32(sum.low, keys, _mm512_set1_epi32(q.low))};
}
WTRT_INLINE Dot add_values(Dot sum, Bytes values, Digits w) {
  return {_mm512_dpbusd_epi32(sum.high, _mm512_set1_epi32(w.high), values),
          _mm512_dpbusd_epi32(sum.low, _mm512_set1_epi32(w.low), values)};
}
WTRT_INLINE Vec key_total(Dot sum, int32_t excess) {
  const __m512i all = _mm512_add_epi32(_mm512_slli_epi32(sum.high, 7), sum.low);
  return {_mm512_cvtepi32_ps(_mm512_sub_epi32(all, _mm512_set1_epi32(excess)))};
}
WTRT_INLINE Vec value_total(Dot sum) {
  return {_mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(sum.high, 8), sum.low))};
}
constexpr int kDotGroups[2] = {4, 2};   // groups of keys at a time, for one token and for several
constexpr int kDotVectors[2] = {4, 2};  // vectors of columns

#elif defined(__AVX2__)

using Digits = int64_t;  // four int16
WTRT_INLINE Digits four_shorts(const int32_t* q) {
  const int16_t shorts[kQuad] = {static_cast<int16_t>(q[0]), static_cast<int16_t>(q[1]), static_cast<int16_t>(q[2]),
                                 static_cast<int16_t>(q[3])};
  Digits digits;
  memcpy(&digits, shorts, sizeof digits);
  return digits;
}
WTRT_INLINE Digits query_digits(const int32_t* q) { return four_shorts(q); }
WTRT_INLINE Digits weight_digits(const int32_t* w) { return four_shorts(w); }
struct Dot {
  __m256i part[4];  // of four lanes each, two sums per lane
};
struct Bytes {
  __m256i part[4];
};
WTRT_INLINE Dot no_dot() {
  const __m256i zero = _mm256_setzero_si256();
  return {{zero, zero, zero, zero}};
}
WTRT_INLINE __m128i sixteen(const void* p, int i) { return _mm_loadu_si128(static_cast<const __m128i*>(p) + i); }
WTRT_INLINE Bytes key_bytes(const uint8_t* p) {
  return {{_mm256_cvtepu8_epi16(sixteen(p, 0)), _mm256_cvtepu8_epi16(sixteen(p, 1)),
           _mm256_cvtepu8_epi16(sixteen(p, 2)), _mm256_cvtepu8_epi16(sixteen(p, 3))}};
}
WTRT_INLINE Bytes value_bytes(const int8_t* p) {
  return {{_mm256_cvtepi8_epi16(sixteen(p, 0)), _mm256_cvtepi8_epi16(sixteen(p, 1)),
           _mm256_cvtepi8_epi16(sixteen(p, 2)), _mm256_cvtepi8_epi16(sixteen(p, 3))}};
}
WTRT_INLINE Dot add_keys(Dot sum, const Bytes& bytes, Digits q) {
  const __m256i all = _mm256_set1_epi64x(q);
  for (int i = 0; i < 4; ++i) sum.part[i] = _mm256_add_epi32(sum.part[i], _mm256_madd_epi16(bytes.part[i], all));
  return sum;
}
WTRT_INLINE Dot add_values(Dot sum, const Bytes& bytes, Digits w) { return add_keys(sum, bytes, w); }
WTRT_INLINE __m256i eight_lanes(__m256i a, __m256i b) {  // pairs added, lanes in order
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), _MM_SHUFFLE(3, 1, 2, 0));
}
WTRT_INLINE Vec key_total(const Dot& sum, int32_t excess) {
  const __m256i e = _mm256_set1_epi32(excess);
  return {_mm256_cvtepi32_ps(_mm256_sub_epi32(eight_lanes(sum.part[0], sum.part[1]), e)),
          _mm256_cvtepi32_ps(_mm256_sub_epi32(eight_lanes(sum.part[2], sum.part[3]), e))};
}
WTRT_INLINE Vec value_total(const Dot& sum) { return key_total(sum, 0); }
constexpr int kDotGroups[2] = {2, 1};
constexpr int kDotVectors[2] = {2, 1};

#else

struct Digits {
  int16_t part[kQuad];
};
WTRT_INLINE Digits query_digits(const int32_t* q) {
  return {
      {static_cast<int16_t>(q[0]), static_cast<int16_t>(q[1]), static_cast<int16_t>(q[2]), static_cast<int16_t>(q[3])}};
}
WTRT_INLINE Digits weight_digits(const int32_t* w) { return query_digits(w); }
struct Dot {
  int32_t lane[kLanes];
};
struct Bytes {
  int16_t part[kLanes * kQuad];
};
WTRT_INLINE Dot no_dot() { return {}; }
WTRT_INLINE Bytes key_bytes(const uint8_t* p) {
  Bytes bytes;
  for (int i = 0; i < kLanes * kQuad; ++i) bytes.part[i] = p[i];
  return bytes;
}
WTRT_INLINE Bytes value_bytes(const int8_t* p) {
  Bytes bytes;
  for (int i = 0; i < kLanes * kQuad; ++i) bytes.part[i] = p[i];
  return bytes;
}
WTRT_INLINE Dot add_keys(Dot sum, const Bytes& bytes, Digits q) {
  for (int i = 0; i < kLanes; ++i) {
    for (int j = 0; j < kQuad; ++j) sum.lane[i] += bytes.part[i * kQuad + j] * q.part[j];
  }
  return sum;
}
WTRT_INLINE Dot add_values(Dot sum, const Bytes& bytes, Digits w) { return add_keys(sum, bytes, w); }
WTRT_INLINE Vec key_total(const Dot& sum, int32_t excess) {
  float values[kLanes];
  for (int i = 0; i < kLanes; ++i) values[i] = static_cast<float>(sum.lane[i] - excess);
  return load(values);
}
WTRT_INLINE Vec value_total(const Dot& sum) { return key_total(sum, 0); }
constexpr int kDotGroups[2] = {1, 1};
constexpr int kDotVectors[2] = {1, 1};

#endif

struct Int8Cache {
  static WTRT_INLINE int64_t depth_of(int64_t head_size) { return (head_size + kQuad - 1) / kQuad; }

  static void store_token(const KvSequence& s, const Stretch& place, const float* k, const float* v) {
    const float k_most = magnitude_of(k, s.head_size), v_most = magnitude_of(v, s.head_size);
    const float k_units = units_per(k_most, 127), v_units = units_per(v_most, 127);
    reinterpret_cast<float*>(place.block + s.key_scales)[place.inside] = k_most / 127.0f;
    reinterpret_cast<float*>(place.block + s.value_scales)[place.inside] = v_most / 127.0f;
    alignas(64) uint8_t bytes[kDecoderHead + kQuad];
    for (int64_t d = 0; d < s.head_size; ++d) bytes[d] = static_cast<uint8_t>(nearest(k[d] * k_units) + 128);
    for (int64_t d = s.head_size; d < depth_of(s.head_size) * kQuad; ++d) bytes[d] = 128;
    auto* keys = reinterpret_cast<uint8_t*>(place.block) +
                 (place.inside / kLanes * depth_of(s.head_size) * kLanes + place.inside % kLanes) * kQuad;
    for (int64_t d = 0; d < depth_of(s.head_size); ++d) memcpy(keys + d * kLanes * kQuad, bytes + d * kQuad, kQuad);
    for (int64_t d = 0; d < s.head_size; ++d) bytes[d] = static_cast<uint8_t>(nearest(v[d] * v_units));
    auto* values = reinterpret_cast<uint8_t*>(place.block + s.values) +
                   place.inside / kQuad * columns_of(s.head_size) * kQuad + place.inside % kQuad;
    for (int64_t d = 0; d < s.head_size; ++d) values[d * kQuad] = bytes[d];
  }

  template <int kTokens>
  struct Work {
    Scratch& scratch;
    const KvSequence& s;
    const int64_t depth;
    Digits query[kTokens][kDecoderHead / kQuad];
    Digits weight[kTokens][kSplit / kQuad];
    int32_t excess[kTokens];  // what the 128 in the keys add
    float query_unit[kTokens], weight_unit[kTokens];

    Work(Scratch& all, const KvSequence& sequence) : scratch(all), s(sequence), depth(depth_of(sequence.head_size)) {
      for (int m = 0; m < kTokens; ++m) {
        const float most = magnitude_of(scratch.q[m], s.head_size), units = units_per(most, kQueryRange);
        int32_t q[kDecoderHead + kQuad] = {}, sum = 0;
        for (int64_t d = 0; d < s.head_size; ++d) {
          q[d] = nearest(scratch.q[m][d] * units);
          sum += q[d];
        }
        for (int64_t d = 0; d < depth; ++d) query[m][d] = query_digits(q + d * kQuad);
        excess[m] = 128 * sum;
        query_unit[m] = most / static_cast<float>(kQueryRange);
      }
    }

    template <int kGroups>
    WTRT_INLINE void score_groups(const uint8_t* keys, const float* scales, float* out) const {
      Dot sum[kTokens][kGroups];
      for (int m = 0; m < kTokens; ++m) {
        for (int g = 0; g < kGroups; ++g) sum[m][g] = no_dot();
      }
      for (int64_t d = 0; d < depth; ++d) {
        for (int g = 0; g < kGroups; ++g) {
          const Bytes bytes = key_bytes(keys + (g * depth + d) * kLanes * kQuad);
          for (int m = 0; m < kTokens; ++m) sum[m][g] = add_keys(sum[m][g], bytes, query[m][d]);
        }
      }
      for (int m = 0; m < kTokens; ++m) {
        for (int g = 0; g < kGroups; ++g) {
          const Vec scale = load(scales + g * kLanes) * splat(query_unit[m]);
          store(out + m * kSplit + g * kLanes, key_total(sum[m][g], excess[m]) * scale);
        }
      }
    }

    void score(const Stretch& stretch) const {
      constexpr int kGroups = kDotGroups[kTokens > 1];
      const int64_t groups = (stretch.count + kLanes - 1) / kLanes, group_bytes = depth * kLanes * kQuad;
      const auto* keys = reinterpret_cast<const uint8_t*>(stretch.block) + stretch.inside / kLanes * group_bytes;
      const auto* scales = reinterpret_cast<const float*>(stretch.block + s.key_scales) + stretch.inside;
      float* out = scratch.weights[0] + stretch.offset;
      int64_t g = 0;
      for (; g + kGroups <= groups; g += kGroups) {
        score_groups<kGroups>(keys + g * group_bytes, scales + g * kLanes, out + g * kLanes);
      }
      for (; g < groups; ++g) score_groups<1>(keys + g * group_bytes, scales + g * kLanes, out + g * kLanes);
    }

    // The values' scales go into the weights, and these become integers.
    void weigh(int64_t first, int64_t end) {
      for (int m = 0; m < kTokens; ++m) {
        float* weights = scratch.weights[m];
        for_stretches(s, first, end, [&](const Stretch& stretch) {
          const auto* scales = reinterpret_cast<const float*>(stretch.block + s.value_scales) + stretch.inside;
          float* here = weights + stretch.offset;
          for (int64_t t = 0; t < stretch.count; ++t) here[t] = here[t] > 0.0f ? here[t] * scales[t] : 0.0f;
        });
        const int64_t count = end - first, padded = round_up(count, kQuad);
        for (int64_t t = count; t < padded; ++t) weights[t] = 0.0f;
        const float most = magnitude_of(weights, padded), units = units_per(most, kWeightRange);
        weight_unit[m] = most / static_cast<float>(kWeightRange);
        int32_t whole[kSplit];
        for (int64_t t = 0; t < padded; ++t) whole[t] = nearest(weights[t] * units);
        int64_t t = 0;
#if defined(__AVX512VNNI__)
        for (; t + kLanes <= padded; t += kLanes) sixteen_weight_digits(whole + t, &weight[m][t / kQuad]);
#endif
        for (; t < padded; t += kQuad) weight[m][t / kQuad] = weight_digits(whole + t);
      }
    }

    template <int kVectors>
    WTRT_INLINE void add_columns(const int8_t* values, int64_t column, int64_t stride, const Stretch& stretch) const {
      Dot sum[kTokens][kVectors];
      for (int m = 0; m < kTokens; ++m) {
        for (int j = 0; j < kVectors; ++j) sum[m][j] = no_dot();
      }
      const int64_t from = stretch.offset / kQuad;
      values += column * kQuad;
      for (int64_t t = 0; t < (stretch.count + kQuad - 1) / kQuad; ++t, values += stride) {
        for (int j = 0; j < kVectors; ++j) {
          const Bytes bytes = value_bytes(values + j * kLanes * kQuad);
          for (int m = 0; m < kTokens; ++m) sum[m][j] = cpu::add_values(sum[m][j], bytes, weight[m][from + t]);
        }
      }
      for (int m = 0; m < kTokens; ++m) {
        for (int j = 0; j < kVectors; ++j) {
          float* at = scratch.sums[m] + column + j * kLanes;
          store(at, fma(value_total(sum[m][j]), splat(weight_unit[m]), load(at)));
        }
      }
    }

    void add_values(const Stretch& stretch) const {
      constexpr int kVectors = kDotVectors[kTokens > 1];
      const int64_t columns = columns_of(s.head_size), stride = columns * kQuad;
      const auto* values = reinterpret_cast<const int8_t*>(stretch.block + s.values) + stretch.inside / kQuad * stride;
      int64_t column = 0;
      for (; column + kVectors * kLanes <= columns; column += kVectors * kLanes) {
        add_columns<kVectors>(values, column, stride, stretch);
      }
      for (; column < columns; column += kLanes) add_columns<1>(values, column, stride, stretch);
    }
  };
};

}  // namespace
}  // namespace wtrt::cpu
