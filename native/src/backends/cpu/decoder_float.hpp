// Caches of floats and bf16: every element becomes a float, then multiply and add.
#pragma once

#include "backends/cpu/decoder_tile.hpp"

namespace wtrt::cpu {
namespace {

struct ElementF32 {
  using Type = float;
  static WTRT_INLINE Vec widen(const Type* p) { return load(p); }
  static WTRT_INLINE Type narrow(float x) { return x; }
};

struct ElementBf16 {
  using Type = uint16_t;
  static WTRT_INLINE Vec widen(const Type* p) { return from_bf16(p); }
  static WTRT_INLINE Type narrow(float x) { return to_bf16(x); }
};

// keys [groups][head_size][16], values [positions][columns]
template <class Element>
struct FloatCache {
  using Type = typename Element::Type;

  static void store_token(const KvSequence& s, const Stretch& place, const float* k, const float* v) {
    Type* keys =
        reinterpret_cast<Type*>(place.block) + place.inside / kLanes * kLanes * s.head_size + place.inside % kLanes;
    for (int64_t d = 0; d < s.head_size; ++d) keys[d * kLanes] = Element::narrow(k[d]);
    Type* values = reinterpret_cast<Type*>(place.block + s.values) + place.inside * columns_of(s.head_size);
    for (int64_t d = 0; d < s.head_size; ++d) values[d] = Element::narrow(v[d]);
  }

  template <int kTokens>
  struct Work {
    Scratch& scratch;
    const int64_t head_size, values_at;

    Work(Scratch& s, const KvSequence& sequence)
        : scratch(s), head_size(sequence.head_size), values_at(sequence.values) {}

    // Scores of kGroups groups of sixteen keys.
    template <int kGroups>
    WTRT_INLINE void score_groups(const Type* keys, float* out) const {
      Vec sum[kTokens][kGroups];
      for (int m = 0; m < kTokens; ++m) {
        for (int g = 0; g < kGroups; ++g) sum[m][g] = splat(0.0f);
      }
      for (int64_t d = 0; d < head_size; ++d) {
        Vec key[kGroups];
        for (int g = 0; g < kGroups; ++g) key[g] = Element::widen(keys + (g * head_size + d) * kLanes);
        for (int m = 0; m < kTokens; ++m) {
          const Vec q = splat(scratch.q[m][d]);
          for (int g = 0; g < kGroups; ++g) sum[m][g] = fma(q, key[g], sum[m][g]);
        }
      }
      for (int m = 0; m < kTokens; ++m) {
        for (int g = 0; g < kGroups; ++g) store(out + m * kSplit + g * kLanes, sum[m][g]);
      }
    }

    void score(const Stretch& stretch) const {
      constexpr int kGroups = kTokens == 1 ? 4 : kRegisters >= 32 ? 2 : 1;
      const int64_t groups = (stretch.count + kLanes - 1) / kLanes;
      const Type* keys = reinterpret_cast<const Type*>(stretch.block) + stretch.inside * head_size;
      float* out = scratch.weights[0] + stretch.offset;
      int64_t g = 0;
      for (; g + kGroups <= groups; g += kGroups)
        score_groups<kGroups>(keys + g * kLanes * head_size, out + g * kLanes);
      for (; g < groups; ++g) score_groups<1>(keys + g * kLanes * head_size, out + g * kLanes);
    }

    void weigh(int64_t, int64_t) const {}

    template <int kVectors>
    WTRT_INLINE void add_columns(const Type* values, int64_t column, int64_t stride, const Stretch& stretch) const {
      Vec sum[kTokens][kVectors];
      for (int m = 0; m < kTokens; ++m) {
        for (int j = 0; j < kVectors; ++j) sum[m][j] = load(scratch.sums[m] + column + j * kLanes);
      }
      const float* weights = scratch.weights[0] + stretch.offset;
      for (int64_t t = 0; t < stretch.count; ++t, values += stride) {
        Vec value[kVectors];
        for (int j = 0; j < kVectors; ++j) value[j] = Element::widen(values + column + j * kLanes);
        for (int m = 0; m < kTokens; ++m) {
          const Vec weight = splat(weights[m * kSplit + t]);
          for (int j = 0; j < kVectors; ++j) sum[m][j] = fma(weight, value[j], sum[m][j]);
        }
      }
      for (int m = 0; m < kTokens; ++m) {
        for (int j = 0; j < kVectors; ++j) store(scratch.sums[m] + column + j * kLanes, sum[m][j]);
      }
    }

    void add_values(const Stretch& stretch) const {
      constexpr int kVectors = kTokens == 1 || kRegisters >= 32 ? 4 : 1;
      const int64_t columns = columns_of(head_size);
      const Type* values = reinterpret_cast<const Type*>(stretch.block + values_at) + stretch.inside * columns;
      int64_t column = 0;
      for (; column + kVectors * kLanes <= columns; column += kVectors * kLanes) {
        add_columns<kVectors>(values, column, columns, stretch);
      }
      for (; column < columns; column += kLanes) add_columns<1>(values, column, columns, stretch);
    }
  };
};

}  // namespace
}  // namespace wtrt::cpu
