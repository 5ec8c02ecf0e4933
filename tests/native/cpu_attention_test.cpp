#include <algorithm>
#include <memory>

#include "backends/cpu/attention.hpp"
#include "backends/cpu/isa.hpp"
#include "common/error.hpp"
#include "cpu_levels.hpp"

namespace wtrt::cpu {
namespace {

using test::matrix;
using test::normal;
using test::Poisoned;

float same(float x) { return x; }
float as_bf16(float x) { return bf16_to_f32(f32_to_bf16(x)); }

// softmax(q · Kᵀ / √d) · V of one query in double; `round` is applied to what a narrow type would hold.
template <typename Key, typename Value, typename Round>
std::vector<double> attend(const float* q, int64_t size, int64_t positions, const Key& key, const Value& value,
                           const Round& round) {
  std::vector<double> weights(static_cast<size_t>(positions)), out(static_cast<size_t>(size), 0.0);
  double most = -1e300, total = 0;
  for (int64_t t = 0; t < positions; ++t) {
    double score = 0;
    for (int64_t d = 0; d < size; ++d) {
      score += static_cast<double>(round(q[d] / std::sqrt(static_cast<float>(size)))) * static_cast<double>(key(t, d));
    }
    weights[static_cast<size_t>(t)] = score;
    most = std::max(most, score);
  }
  for (double& weight : weights) total += weight = std::exp(weight - most);
  for (int64_t t = 0; t < positions; ++t) {
    const double weight = round(static_cast<float>(weights[static_cast<size_t>(t)]));
    for (int64_t d = 0; d < size; ++d) out[static_cast<size_t>(d)] += weight / total * static_cast<double>(value(t, d));
  }
  return out;
}

struct Shape {
  int32_t batch, positions, heads, size;
};

template <typename Round>
std::vector<double> encoder_reference(const std::vector<float>& qkv, const Shape& s, const Round& round) {
  const int64_t width = static_cast<int64_t>(s.heads) * s.size;
  std::vector<double> out;
  for (int64_t row = 0; row < static_cast<int64_t>(s.batch) * s.positions; ++row) {
    const float* window = qkv.data() + row / s.positions * s.positions * 3 * width;
    for (int64_t h = 0; h < s.heads; ++h) {
      const auto at = [&](int64_t t, int64_t part, int64_t d) {
        return window[t * 3 * width + part * width + h * s.size + d];
      };
      const auto one = attend(
          qkv.data() + row * 3 * width + h * s.size, s.size, s.positions,
          [&](int64_t t, int64_t d) { return round(at(t, 1, d)); },
          [&](int64_t t, int64_t d) { return round(at(t, 2, d)); }, round);
      out.insert(out.end(), one.begin(), one.end());
    }
  }
  return out;
}

double largest_difference(const float* got, const std::vector<double>& want) {
  double most = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double error = std::fabs(static_cast<double>(got[i]) - want[i]);
    if (!(error <= most)) most = std::isnan(error) ? 1e30 : error;
  }
  return most;
}

constexpr Shape kShapes[] = {{1, 1, 1, 64},  {2, 37, 3, 64},  {1, 300, 2, 16}, {1, 513, 1, 256},
                             {2, 100, 2, 7}, {1, 257, 2, 80}, {1, 256, 1, 33}};

TEST(EncoderAttention, Float32AgreesWithDoubleOnEveryLevel) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const Isa isa : test::levels()) {
    EncoderAttention attention(isa, ops::ComputeType::f32);
    for (const Shape& s : kShapes) {
      const int64_t width = static_cast<int64_t>(s.heads) * s.size, rows = static_cast<int64_t>(s.batch) * s.positions;
      const auto qkv = normal(static_cast<size_t>(rows * 3 * width), static_cast<uint32_t>(s.positions), 2.0f);
      Poisoned out(rows, width);
      attention.run(pool, matrix(qkv, 3 * width), out.tensor(), s.batch, s.heads);
      EXPECT_LT(largest_difference(out.data(), encoder_reference(qkv, s, same)), 2e-5)
          << static_cast<int>(isa) << " T " << s.positions;
      EXPECT_TRUE(out.intact());
    }
  }
}

TEST(EncoderAttention, Bf16ErrsNoMoreThanTwiceTheTextbook) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const Isa isa : test::levels()) {
    if (!has_bf16(isa)) continue;
    EncoderAttention attention(isa, ops::ComputeType::bf16);
    for (const Shape& s : kShapes) {
      const int64_t width = static_cast<int64_t>(s.heads) * s.size, rows = static_cast<int64_t>(s.batch) * s.positions;
      const auto qkv = normal(static_cast<size_t>(rows * 3 * width), static_cast<uint32_t>(s.positions), 1.5f);
      Poisoned out(rows, width);
      attention.run(pool, matrix(qkv, 3 * width), out.tensor(), s.batch, s.heads);
      const auto want = encoder_reference(qkv, s, same), textbook = encoder_reference(qkv, s, as_bf16);
      double most = 0;
      for (size_t i = 0; i < want.size(); ++i) most = std::max(most, std::fabs(want[i] - textbook[i]));
      EXPECT_LE(largest_difference(out.data(), want), 2 * most) << "T " << s.positions << " head size " << s.size;
      EXPECT_TRUE(out.intact());
    }
  }
}

// Rounded to as many units of the largest magnitude as `range` says.
std::vector<float> in_units(std::vector<float> x, float range) {
  float most = 0;
  for (const float value : x) most = std::max(most, std::fabs(value));
  if (most > 0) {
    for (float& value : x) value = std::nearbyint(value * (range / most)) * (most / range);
  }
  return x;
}

// The same with queries, keys (their mean taken out) and values in 8 bits per position, weights in 16.
std::vector<double> encoder_in_bytes(const std::vector<float>& qkv, const Shape& s) {
  const auto width = static_cast<size_t>(s.heads) * static_cast<size_t>(s.size);
  std::vector<float> narrow(qkv);
  const auto rows = static_cast<size_t>(s.batch) * static_cast<size_t>(s.positions);
  const auto size = static_cast<size_t>(s.size), positions = static_cast<size_t>(s.positions);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t head = 0; head < 3 * width; head += size) {
      const auto at = narrow.begin() + static_cast<std::ptrdiff_t>(row * 3 * width + head);
      std::vector<float> part(at, at + s.size);
      if (head >= width && head < 2 * width) {
        const size_t first = row / positions * positions;
        for (size_t d = 0; d < size; ++d) {
          double mean = 0;
          for (size_t t = 0; t < positions; ++t) mean += static_cast<double>(qkv[(first + t) * 3 * width + head + d]);
          part[d] -= static_cast<float>(mean / static_cast<double>(positions));
        }
      }
      part = in_units(std::move(part), 127.0f);
      std::copy(part.begin(), part.end(), at);
    }
  }
  return encoder_reference(narrow, s, same);
}

TEST(EncoderAttention, Int8ErrsNoMoreThanTwiceTheTextbook) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const Isa isa : test::levels()) {
    EncoderAttention attention(isa, ops::ComputeType::i8);
    for (const Shape& s : kShapes) {
      const int64_t width = static_cast<int64_t>(s.heads) * s.size, rows = static_cast<int64_t>(s.batch) * s.positions;
      auto qkv = normal(static_cast<size_t>(rows * 3 * width), static_cast<uint32_t>(s.positions), 1.5f);
      for (int64_t row = 0; row < rows; ++row)
        qkv[static_cast<size_t>(row * 3 * width + width)] += 20.0f;  // a key column all share
      Poisoned out(rows, width);
      attention.run(pool, matrix(qkv, 3 * width), out.tensor(), s.batch, s.heads);
      const auto want = encoder_reference(qkv, s, same), textbook = encoder_in_bytes(qkv, s);
      double most = 1e-4;  // of one position there is nothing to weigh
      for (size_t i = 0; i < want.size(); ++i) most = std::max(most, std::fabs(want[i] - textbook[i]));
      EXPECT_LE(largest_difference(out.data(), want), 2 * most)
          << static_cast<int>(isa) << " T " << s.positions << " head size " << s.size;
      EXPECT_TRUE(out.intact());
    }
  }
}

// One key takes half of the weight, some thousand share the other half: none of them may be rounded away.
TEST(EncoderAttention, ALongTailCounts) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const int64_t positions = 1500, size = 64;
  std::vector<float> qkv(static_cast<size_t>(positions * 3 * size), 0.0f);
  for (int64_t t = 0; t < positions; ++t) {
    float* row = qkv.data() + t * 3 * size;
    row[0] = 8.0f;                                                        // every query asks for the first key
    row[size] = t == 0 ? std::log(static_cast<float>(positions)) : 0.0f;  // which weighs as much as all others together
    for (int64_t d = 0; d < size; ++d) row[2 * size + d] = t == 0 ? 0.0f : 1.0f;
  }
  for (const Isa isa : test::levels()) {
    EncoderAttention attention(isa, ops::ComputeType::i8);
    Poisoned out(positions, size);
    attention.run(pool, matrix(qkv, 3 * size), out.tensor(), 1, 1);
    for (int64_t i = 0; i < positions * size; ++i) ASSERT_NEAR(out[i], 0.5f, 0.01f) << static_cast<int>(isa);
  }
}

TEST(EncoderAttention, WhatIsNotANumberStaysVisible) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const Isa isa : test::levels()) {
    for (const auto type : {ops::ComputeType::f32, ops::ComputeType::i8}) {
      for (int64_t part = 0; part < 3; ++part) {
        auto qkv = normal(100 * 3 * 64, 3);
        qkv[static_cast<size_t>(50 * 3 * 64 + part * 64 + 5)] = std::numeric_limits<float>::quiet_NaN();
        EncoderAttention attention(isa, type);
        Poisoned out(100, 64);
        attention.run(pool, matrix(qkv, 3 * 64), out.tensor(), 1, 1);
        EXPECT_TRUE(std::isnan(out[50 * 64 + 5])) << static_cast<int>(isa) << " part " << part;
      }
    }
  }
}

TEST(EncoderAttention, LargeScoresAndNegligibleOnes) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const Shape s{1, 600, 1, 64};
  const auto qkv =
      normal(static_cast<size_t>(600 * 3 * 64), 5, 12.0f);  // scores of some hundreds: one key takes nearly all
  for (const Isa isa : test::levels()) {
    EncoderAttention attention(isa, ops::ComputeType::f32);
    Poisoned out(600, 64);
    attention.run(pool, matrix(qkv, 3 * 64), out.tensor(), 1, 1);
    EXPECT_LT(largest_difference(out.data(), encoder_reference(qkv, s, same)), 5e-3);
  }
}

TEST(EncoderAttention, AWindowIsTheSameInAnyCompany) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const int64_t width = 128, positions = 211;
  const auto qkv = normal(static_cast<size_t>(5 * positions * 3 * width), 9);
  for (const Isa isa : test::levels()) {
    for (const auto type : {ops::ComputeType::f32, ops::ComputeType::i8}) {
      EncoderAttention attention(isa, type);
      Poisoned together(5 * positions, width), alone(positions, width);
      attention.run(pool, matrix(qkv, 3 * width), together.tensor(), 5, 2);
      for (int64_t b = 4; b >= 0; --b) {
        attention.run(pool, matrix(qkv, 3 * width).slice(b * positions, positions), alone.tensor(), 1, 2);
        EXPECT_EQ(0, std::memcmp(alone.data(), together.data() + b * positions * width,
                                 static_cast<size_t>(positions * width) * 4));
      }
    }
  }
}

// ---- the decoder's caches ----

// What the cache holds of `count` values that belong to one token and head.
std::vector<float> stored(DType type, const float* values, int64_t count) {
  std::vector<float> out(values, values + count);
  float most = 0;
  for (const float x : out) most = std::max(most, std::fabs(x));
  for (float& x : out) {
    if (type == DType::bf16) x = as_bf16(x);
    if (type == DType::i8 && most > 0) x = std::nearbyint(x * (127.0f / most)) * (most / 127.0f);
  }
  return out;
}

// Attention of one query over what a cache of this type holds; k and v of a position lie `stride` floats behind the
// last one's.
std::vector<double> over_stored(DType type, const float* q, int64_t size, int64_t positions, const float* k,
                                const float* v, int64_t stride) {
  std::vector<std::vector<float>> keys, values;
  for (int64_t t = 0; t < positions; ++t) {
    keys.push_back(stored(type, k + t * stride, size));
    values.push_back(stored(type, v + t * stride, size));
  }
  const auto of = [](const auto& rows_of) {
    return [&](int64_t t, int64_t d) { return rows_of[static_cast<size_t>(t)][static_cast<size_t>(d)]; };
  };
  return attend(q, size, positions, of(keys), of(values), same);
}

// Against double over the stored elements. Integer caches are read with integer queries and weights: what these add
// must be within a twentieth of what storing in eight bits cost.
struct Verdict {
  double difference = 0, storing = 0;
  void add(DType type, const float* got, const float* q, int64_t size, int64_t positions, const float* k,
           const float* v, int64_t stride) {
    const auto want = over_stored(type, q, size, positions, k, v, stride);
    difference = std::max(difference, largest_difference(got, want));
    if (type != DType::i8) return;
    const auto exact = over_stored(DType::f32, q, size, positions, k, v, stride);
    for (size_t d = 0; d < exact.size(); ++d) storing = std::max(storing, std::fabs(exact[d] - want[d]));
  }
  bool good(DType type) const { return difference <= (type == DType::i8 ? storing / 20 : 1e-5); }
};

constexpr DType kTypes[] = {DType::f32, DType::bf16, DType::i8};

TEST(CrossAttention, AgreesWithDoubleOverWhatIsStored) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const Isa isa : test::levels()) {
    for (const DType type : kTypes) {
      for (const Shape& s : {Shape{2, 1500, 2, 64}, Shape{1, 17, 3, 64}, Shape{3, 515, 1, 80}, Shape{1, 600, 2, 7},
                             Shape{1, 1, 1, 256}}) {
        const int64_t width = static_cast<int64_t>(s.heads) * s.size,
                      rows = static_cast<int64_t>(s.batch) * s.positions;
        CpuCrossKv cache({2, s.heads, s.size}, s.batch + 1, s.positions, type);
        const auto kv = normal(static_cast<size_t>(rows * 2 * width), 3),
                   q = normal(static_cast<size_t>(7 * width), 4, 2.0f);
        std::vector<int32_t> slots;
        for (int32_t b = 0; b < s.batch; ++b) slots.push_back(s.batch - b);
        store_cross_kv(isa, pool, cache, 1, matrix(kv, 2 * width), slots);
        ops::RowState row_states[2] = {};
        row_states[0].cross_slot = slots.back();
        row_states[1].cross_slot = slots.front();
        ops::StepState state{};
        state.rows = row_states;
        const ops::TokenSlot tokens[] = {{0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {0, 3, 1}, {0, 4, 1}, {1, -1, -1}, {1, 5, 1}};
        Poisoned out(7, width);
        cross_attention(isa, pool, cache, 1, matrix(q, width), state, tokens, 7, out.tensor());
        Verdict verdict;
        for (int64_t i = 0; i < 7; ++i) {
          const int64_t window = tokens[i].row == 0 ? s.batch - 1 : 0;
          for (int64_t h = 0; h < s.heads; ++h) {
            const float* k = kv.data() + window * s.positions * 2 * width + h * s.size;
            const int64_t at = i * width + h * s.size;
            verdict.add(type, out.data() + at, q.data() + at, s.size, s.positions, k, k + width, 2 * width);
          }
        }
        EXPECT_TRUE(verdict.good(type)) << "level " << static_cast<int>(isa) << " type " << static_cast<int>(type)
                                        << " positions " << s.positions << ": " << verdict.difference
                                        << ", storing cost " << verdict.storing;
        EXPECT_TRUE(out.intact());
      }
    }
  }
}

// Rows whose pages lie scattered over the cache; tokens may come together or one by one.
struct Paged {
  static constexpr int32_t kHeads = 2, kSize = 64, kWidth = kHeads * kSize, kPageTokens = 32, kPagesPerRow = 20,
                           kRows = 3;
  std::vector<int32_t> pages;
  std::vector<ops::RowState> rows{kRows, ops::RowState{}};
  ops::StepState state{};
  CpuPagedKv cache;
  Isa isa;

  Paged(Isa level, DType type)
      : pages(kRows * kPagesPerRow), cache({1, kHeads, kSize}, kRows * kPagesPerRow, kPageTokens, type), isa(level) {
    for (size_t i = 0; i < pages.size(); ++i) pages[i] = static_cast<int32_t>(i);
    std::shuffle(pages.begin(), pages.end(), std::mt19937(3));
    state.rows = rows.data();
    state.pages = pages.data();
    state.pages_per_row = kPagesPerRow;
  }
  void run(ThreadPool& pool, const std::vector<ops::TokenSlot>& tokens, const ops::Tensor& qkv,
           const ops::Tensor& out) {
    self_attention(isa, pool, cache, 0, qkv, state, tokens.data(), static_cast<int32_t>(tokens.size()), out);
  }
};

std::vector<ops::TokenSlot> prompt(int32_t row, int32_t from, int32_t count) {
  std::vector<ops::TokenSlot> tokens;
  for (int32_t i = 0; i < count; ++i) tokens.push_back({row, from + i, 1});
  return tokens;
}

TEST(SelfAttention, PrefillAgreesWithDoubleOverWhatIsStored) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int32_t kCount = 557;  // beyond one split of the positions
  const auto qkv = normal(static_cast<size_t>(kCount * 3 * Paged::kWidth), 8, 1.5f);
  for (const Isa isa : test::levels()) {
    for (const DType type : kTypes) {
      Paged paged(isa, type);
      Poisoned out(kCount, Paged::kWidth);
      paged.run(pool, prompt(1, 0, kCount), matrix(qkv, 3 * Paged::kWidth), out.tensor());
      Verdict verdict;
      for (int64_t h = 0; h < Paged::kHeads; ++h) {
        const float* first = qkv.data() + h * Paged::kSize;
        for (int64_t i = 0; i < kCount; i += i < 40 || i > 500 ? 1 : 7) {
          verdict.add(type, out.data() + i * Paged::kWidth + h * Paged::kSize, first + i * 3 * Paged::kWidth,
                      Paged::kSize, i + 1, first + Paged::kWidth, first + 2 * Paged::kWidth, 3 * Paged::kWidth);
        }
      }
      EXPECT_TRUE(verdict.good(type)) << "level " << static_cast<int>(isa) << " type " << static_cast<int>(type) << ": "
                                      << verdict.difference << ", storing cost " << verdict.storing;
      EXPECT_TRUE(out.intact());
    }
  }
}

TEST(SelfAttention, ATokenIsTheSameInAnyCompany) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int32_t kCount = 131, kWidth = Paged::kWidth;
  const auto qkv = normal(static_cast<size_t>(Paged::kRows * kCount * 3 * kWidth), 8);
  const auto all = matrix(qkv, 3 * kWidth);
  for (const Isa isa : test::levels()) {
    for (const DType type : kTypes) {
      Paged together(isa, type), stepwise(isa, type);
      Poisoned out(Paged::kRows * kCount, kWidth);
      std::vector<ops::TokenSlot> tokens;
      for (int32_t row = 0; row < Paged::kRows; ++row) {
        const auto of_row = prompt(row, 0, kCount);
        tokens.insert(tokens.end(), of_row.begin(), of_row.end());
      }
      together.run(pool, tokens, all, out.tensor());
      for (int32_t row = 0; row < Paged::kRows; ++row) {
        for (int32_t i = 0; i < kCount;) {
          const int32_t count = std::min(kCount - i, 1 + (i + row) % 6);
          Poisoned some(count, kWidth);
          stepwise.rows[static_cast<size_t>(row)].length = i;
          const std::vector<ops::TokenSlot> step{{row, -1, -1}};
          stepwise.run(pool, count == 1 ? step : prompt(row, i, count), all.slice(row * kCount + i, count),
                       some.tensor());
          ASSERT_EQ(0, std::memcmp(some.data(), out.data() + (row * kCount + i) * kWidth,
                                   static_cast<size_t>(count * kWidth) * 4))
              << "level " << static_cast<int>(isa) << " type " << static_cast<int>(type) << " row " << row
              << " position " << i;
          i += count;
        }
      }
    }
  }
}

TEST(SelfAttention, AFinishedRowWritesNothing) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  Paged paged(widest_isa(), DType::f32);
  const auto qkv = normal(static_cast<size_t>(2 * 3 * Paged::kWidth), 8);
  paged.rows[0].finished = 1;
  const std::vector<std::byte> before(paged.cache.block(0, 0, 0), paged.cache.block(0, 0, 0) + paged.cache.bytes());
  Poisoned out(1, Paged::kWidth);
  paged.run(pool, {{0, -1, -1}}, matrix(qkv, 3 * Paged::kWidth), out.tensor());
  EXPECT_EQ(0, std::memcmp(before.data(), paged.cache.block(0, 0, 0), before.size()));
  for (int64_t d = 0; d < Paged::kWidth; ++d) EXPECT_EQ(out[d], 0.0f);
}

TEST(SelfAttention, StaleNumbersInAReusedPageDoNotShow) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const Isa isa : test::levels()) {
    for (const DType type : kTypes) {
      Paged clean(isa, type), used(isa, type);
      std::memset(used.cache.block(0, 0, 0), 0xff, static_cast<size_t>(used.cache.bytes()));  // NaN, and -1 in int8
      const auto qkv = normal(static_cast<size_t>(21 * 3 * Paged::kWidth), 8);
      Poisoned first(21, Paged::kWidth), second(21, Paged::kWidth);
      clean.run(pool, prompt(0, 0, 21), matrix(qkv, 3 * Paged::kWidth), first.tensor());
      used.run(pool, prompt(0, 0, 21), matrix(qkv, 3 * Paged::kWidth), second.tensor());
      EXPECT_EQ(0, std::memcmp(first.data(), second.data(), static_cast<size_t>(21 * Paged::kWidth) * 4));
    }
  }
}

TEST(KvCaches, RefuseImpossibleShapesAndPlaces) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  EXPECT_THROW(CpuPagedKv({1, 1, 64}, 4, 24, DType::f32), Error);
  EXPECT_THROW(CpuPagedKv({1, 1, 300}, 4, 32, DType::f32), Error);
  EXPECT_THROW(CpuCrossKv({1, 1, 64}, 0, 1500, DType::f32), Error);
  CpuCrossKv cross({1, 1, 64}, 1, 16, DType::f32);
  EXPECT_EQ(cross.bytes(), cross_kv_bytes({1, 1, 64}, 1, 16, DType::f32));
  EXPECT_EQ(cross.bytes(), 2 * 16 * 64 * 4);
  const auto kv = normal(16 * 128, 1);
  const int32_t slot = 1;
  EXPECT_THROW(store_cross_kv(widest_isa(), pool, cross, 0, matrix(kv, 128), {&slot, 1}), Error);
  Paged paged(widest_isa(), DType::f32);
  const auto qkv = normal(3 * Paged::kWidth, 8);
  Poisoned out(1, Paged::kWidth);
  EXPECT_THROW(paged.run(pool, prompt(0, Paged::kPagesPerRow * Paged::kPageTokens, 1), matrix(qkv, 3 * Paged::kWidth),
                         out.tensor()),
               Error);
  paged.pages[0] = 10000;
  EXPECT_THROW(paged.run(pool, prompt(0, 0, 1), matrix(qkv, 3 * Paged::kWidth), out.tensor()), Error);
}

}  // namespace
}  // namespace wtrt::cpu
