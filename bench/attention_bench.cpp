// How near do attention, layer norm and the token policy come to what the CPU can do? One JSON line per case: median
// and best time, the floor by the peak (the best measured here, in the same run) and the median's share of it.
// Bytes that stay in the last-level cache may be read faster than that floor says; on a busy machine look at the best
// time. Usage: attention_bench [ROUNDS]
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "backends/cpu/attention.hpp"
#include "backends/cpu/isa.hpp"
#include "backends/cpu/norm.hpp"
#include "backends/cpu/token_policy.hpp"
#include "common/thread_pool.hpp"

namespace {

using namespace wtrt;
using cpu::Isa;

int rounds = 25;

std::vector<float> noise(int64_t count, float spread) {
  std::vector<float> values(static_cast<size_t>(count));
  uint32_t state = static_cast<uint32_t>(count) | 1u;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f * spread;
  }
  return values;
}

ops::Tensor matrix(std::vector<float>& values, int64_t cols) {
  return {values.data(), DType::f32, static_cast<int64_t>(values.size()) / cols, cols};
}

double best_seconds = 0;  // of the last median_seconds

double median_seconds(const std::function<void()>& act) {
  std::vector<double> times;
  act();
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    act();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  best_seconds = *std::min_element(times.begin(), times.end());
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<size_t>(rounds / 2)];
}

// ---- peaks: independent chains of multiply-adds, and a sum over memory ----

volatile float keep = 0;

#if defined(__x86_64__)

// Twelve chains in registers, whatever the compiler thinks of arrays.
#define WTRT_ALL(act) act(0) act(1) act(2) act(3) act(4) act(5) act(6) act(7) act(8) act(9) act(10) act(11)
#define WTRT_KEEP_IN_REGISTER(i) __asm__ volatile("" : "+v"(s##i));
#define WTRT_ADD(i) total = total + s##i;

#define WTRT_CHAINS(type, zero, multiply_add) \
  type WTRT_NAMES(zero);                      \
  for (int64_t i = 0; i < steps; ++i) {       \
    WTRT_ALL(multiply_add)                    \
    WTRT_ALL(WTRT_KEEP_IN_REGISTER)           \
  }                                           \
  type total = s0;                            \
  WTRT_ALL(WTRT_ADD)                          \
  keep = static_cast<float>(total[0]);
#define WTRT_NAMES(zero)                                                                                        \
  s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero, s6 = zero, s7 = zero, s8 = zero, s9 = zero, \
  s10 = zero, s11 = zero

#define WTRT_FMA512(i) s##i = _mm512_fmadd_ps(a, a, s##i);
__attribute__((target("avx512f"))) void chains_avx512(int64_t steps) {
  const __m512 a = _mm512_set1_ps(keep + 0.5f);
  WTRT_CHAINS(__m512, _mm512_setzero_ps(), WTRT_FMA512)
}
#define WTRT_DOT512(i) s##i = _mm512_dpbf16_ps(s##i, a, a);
__attribute__((target("avx512f,avx512bf16"))) void chains_bf16(int64_t steps) {
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(keep + 0.5f), _mm512_set1_ps(0.5f));
  WTRT_CHAINS(__m512, _mm512_setzero_ps(), WTRT_DOT512)
}
#define WTRT_BYTES512(i) s##i = _mm512_dpbusd_epi32(s##i, a, a);
__attribute__((target("avx512f,avx512vnni"))) void chains_bytes(int64_t steps) {
  const __m512i a = _mm512_set1_epi8(static_cast<char>(keep + 1.0f));
  WTRT_CHAINS(__m512i, _mm512_setzero_si512(), WTRT_BYTES512)
}
#define WTRT_FMA256(i) s##i = _mm256_fmadd_ps(a, a, s##i);
__attribute__((target("avx2,fma"))) void chains_avx2(int64_t steps) {
  const __m256 a = _mm256_set1_ps(keep + 0.5f);
  WTRT_CHAINS(__m256, _mm256_setzero_ps(), WTRT_FMA256)
}

double flops(ThreadPool& pool, void (*chains)(int64_t), double per_step) {
  constexpr int64_t kSteps = 100'000;
  median_seconds([&] { pool.parallel_for(pool.threads(), [&](int32_t) { chains(kSteps); }); });
  return pool.threads() * static_cast<double>(kSteps) * 12 * per_step / best_seconds;
}

#endif

double bytes_per_second(ThreadPool& pool) {
  std::vector<float> memory(static_cast<size_t>(1) << 26, 1.0f);  // 256 MiB
  const int64_t part = static_cast<int64_t>(memory.size()) / pool.threads();
  median_seconds([&] {
    pool.parallel_for(pool.threads(), [&](int32_t i) {
      float sums[64] = {};
      const float* from = memory.data() + i * part;
      for (int64_t at = 0; at < part; at += 64) {
        for (int j = 0; j < 64; ++j) sums[j] += from[at + j];
      }
      keep = sums[0] + sums[63];
    });
  });
  return static_cast<double>(memory.size()) * 4 / best_seconds;
}

struct Peaks {
  double f32, bf16, i8, bandwidth;
};

Peaks peaks_of(ThreadPool& pool, Isa isa) {
  Peaks peaks{0, 0, 0, bytes_per_second(pool)};
#if defined(__x86_64__)
  if (isa >= Isa::avx512)
    peaks.f32 = flops(pool, chains_avx512, 32);
  else if (isa == Isa::avx2)
    peaks.f32 = flops(pool, chains_avx2, 16);
  peaks.bf16 = cpu::has_bf16(isa) ? flops(pool, chains_bf16, 64) : peaks.f32;
  peaks.i8 = isa >= Isa::avx512 ? flops(pool, chains_bytes, 128) : peaks.f32;
#else
  (void)isa;
#endif
  return peaks;
}

void report(const char* what, const char* type, const char* shape, double seconds, double floor) {
  std::printf(
      "{\"bench\": \"attention\", \"case\": \"%s\", \"type\": \"%s\", \"shape\": \"%s\", \"us\": %.1f, \"best_us\": "
      "%.1f, \"floor_us\": "
      "%.1f, "
      "\"share_of_peak\": %.3f}\n",
      what, type, shape, seconds * 1e6, best_seconds * 1e6, floor * 1e6, floor / seconds);
}

void encoder(ThreadPool& pool, Isa isa, const Peaks& peaks, int32_t heads, int32_t batch) {
  constexpr int64_t kPositions = 1500, kSize = 64;
  const int64_t width = heads * kSize;
  auto qkv = noise(batch * kPositions * 3 * width, 3.0f), out = noise(batch * kPositions * width, 1.0f);
  char shape[64];
  std::snprintf(shape, sizeof shape, "%d windows, %d heads of 64", batch, heads);
  for (const auto type : {ops::ComputeType::f32, ops::ComputeType::bf16, ops::ComputeType::i8}) {
    if (type == ops::ComputeType::bf16 && !cpu::has_bf16(isa)) continue;
    cpu::EncoderAttention attention(isa, type);
    const double took =
        median_seconds([&] { attention.run(pool, matrix(qkv, 3 * width), matrix(out, width), batch, heads); });
    const double work = 4.0 * batch * static_cast<double>(kPositions * kPositions * width);
    const double most = std::max(peaks.f32, peaks.bf16);
    switch (type) {
      case ops::ComputeType::f32: report("encoder", "f32", shape, took, work / peaks.f32); break;
      case ops::ComputeType::bf16: report("encoder", "bf16", shape, took, work / most); break;
      case ops::ComputeType::i8:  // values are taken twice, for both digits of the weights
        report("encoder", "i8", shape, took, isa >= Isa::avx512 ? 1.5 * work / peaks.i8 : work / most);
        break;
      case ops::ComputeType::f16: break;  // GPUs' alone
    }
  }
}

const char* name_of(DType type) { return type == DType::f32 ? "f32" : type == DType::bf16 ? "bf16" : "i8"; }

struct Rows {
  std::vector<ops::RowState> states;
  std::vector<int32_t> pages;
  std::vector<ops::TokenSlot> tokens;
  ops::StepState state{};
};

// `count` tokens for each row; a step where count is 1.
Rows rows_of(int32_t rows, int32_t count, int32_t length, int32_t pages_per_row) {
  Rows r;
  r.states.resize(static_cast<size_t>(rows));
  for (int32_t row = 0; row < rows; ++row) {
    r.states[static_cast<size_t>(row)].cross_slot = row;
    r.states[static_cast<size_t>(row)].length = length;
    for (int32_t i = 0; i < count; ++i) r.tokens.push_back({row, count == 1 ? -1 : i, -1});
  }
  for (int32_t i = 0; i < rows * pages_per_row; ++i) r.pages.push_back(i);
  r.state.rows = r.states.data();
  r.state.pages = r.pages.data();
  r.state.pages_per_row = pages_per_row;
  return r;
}

void cross(ThreadPool& pool, Isa isa, const Peaks& peaks, DType type, int32_t heads, int32_t row_count,
           int32_t tokens_per_row) {
  constexpr int32_t kLayers = 6, kPositions = 1500, kSize = 64;
  const int32_t width = heads * kSize, count = row_count * tokens_per_row;
  cpu::CpuCrossKv cache({kLayers, heads, kSize}, row_count, kPositions, type);
  auto kv = noise(static_cast<int64_t>(kPositions) * 2 * width, 1.0f),
       q = noise(static_cast<int64_t>(count) * width, 2.0f), out = q;
  for (int32_t slot = 0; slot < row_count; ++slot) {
    for (int32_t layer = 0; layer < kLayers; ++layer) {
      cpu::store_cross_kv(isa, pool, cache, layer, matrix(kv, 2 * width), {&slot, 1});
    }
  }
  Rows rows = rows_of(row_count, tokens_per_row, 0, 1);
  const double took = median_seconds([&] {
    for (int32_t layer = 0; layer < kLayers; ++layer) {
      cpu::cross_attention(isa, pool, cache, layer, matrix(q, width), rows.state, rows.tokens.data(), count,
                           matrix(out, width));
    }
  });
  char shape[96];
  std::snprintf(shape, sizeof shape, "%d layers, %d heads of 64, %d rows, %d tokens each", kLayers, heads, row_count,
                tokens_per_row);
  const double work = 4.0 * count * kPositions * width * kLayers;
  report("cross", name_of(type), shape, took,
         std::max(static_cast<double>(cache.bytes()) / peaks.bandwidth, work / peaks.f32));
  if (row_count == 1 && tokens_per_row == 1) {
    const int32_t slot = 0;
    const double stored = median_seconds([&] {
      cpu::store_cross_kv(isa, pool, cache, 0, matrix(kv, 2 * width), {&slot, 1});
    });
    report("store_cross", name_of(type), "one layer", stored,
           (2.0 * kPositions * width * 4 + static_cast<double>(cache.bytes()) / kLayers) / peaks.bandwidth);
  }
}

void self(ThreadPool& pool, Isa isa, const Peaks& peaks, DType type, int32_t row_count, int32_t tokens_per_row) {
  constexpr int32_t kLayers = 6, kHeads = 8, kSize = 64, kPageTokens = 32, kPagesPerRow = 14, kLength = 200;
  const int32_t width = kHeads * kSize, count = row_count * tokens_per_row;
  cpu::CpuPagedKv cache({kLayers, kHeads, kSize}, row_count * kPagesPerRow, kPageTokens, type);
  auto qkv = noise(static_cast<int64_t>(count) * 3 * width, 2.0f),
       out = noise(static_cast<int64_t>(count) * width, 1.0f);
  Rows rows = rows_of(row_count, tokens_per_row, kLength, kPagesPerRow);
  const double took = median_seconds([&] {
    for (int32_t layer = 0; layer < kLayers; ++layer) {
      cpu::self_attention(isa, pool, cache, layer, matrix(qkv, 3 * width), rows.state, rows.tokens.data(), count,
                          matrix(out, width));
    }
  });
  char shape[96];
  std::snprintf(shape, sizeof shape, "%d layers, 8 heads of 64, %d rows, %d tokens each", kLayers, row_count,
                tokens_per_row);
  const double seen = tokens_per_row == 1 ? kLength + 1 : (tokens_per_row + 1) / 2.0, pairs = seen * count;
  const double bytes = row_count * kLayers * 2.0 * width * (tokens_per_row == 1 ? kLength : tokens_per_row) *
                       static_cast<double>(size_of(type));
  report("self", name_of(type), shape, took,
         std::max(bytes / peaks.bandwidth, 4.0 * pairs * width * kLayers / peaks.f32));
}

void rows_and_policy(ThreadPool& pool, Isa isa, const Peaks& peaks, int32_t row_count) {
  constexpr int32_t kVocabulary = 51865, kWidth = 512;
  auto in = noise(1500 * kWidth, 1.0f), out = in, gain = noise(kWidth, 1.0f);
  const cpu::CpuLayerNorm norm({gain.data(), DType::f32, 1, kWidth}, {gain.data(), DType::f32, 1, kWidth});
  report("norm", "f32", "1500 x 512",
         median_seconds([&] { cpu::layer_norm(isa, pool, norm, matrix(in, kWidth), matrix(out, kWidth)); }),
         2.0 * 1500 * kWidth * 4 / peaks.bandwidth);
  auto logits = noise(static_cast<int64_t>(row_count) * kVocabulary, 4.0f);
  std::vector<ops::RowState> states(static_cast<size_t>(row_count));
  std::vector<int32_t> history(static_cast<size_t>(row_count) * 8, 0), rows;
  std::vector<uint32_t> suppress((kVocabulary + 31) / 32, 0x00010000u);
  ops::TokenPolicy policy{50257, 50363, 50364, 50362, 220, 1, 50, 0};
  for (int32_t i = 0; i < row_count; ++i) rows.push_back(i);
  const ops::StepState state{
      states.data(), &policy, history.data(), nullptr, suppress.data(), 8, 0, static_cast<int32_t>(suppress.size())};
  const auto reset = [&] {
    for (auto& row : states) row = ops::RowState{0, 0, 0, 0, 3, 100, 0, 0, 0.0f, 0.0};
  };
  char shape[64];
  std::snprintf(shape, sizeof shape, "%d rows of 51865", row_count);
  const double bytes = static_cast<double>(row_count) * kVocabulary * 4;
  report("logits_policy", "f32", shape, median_seconds([&] {
           reset();
           cpu::logits_policy(isa, pool, matrix(logits, kVocabulary), state, rows.data(), row_count);
         }),
         bytes / peaks.bandwidth);
  logits = noise(static_cast<int64_t>(row_count) * kVocabulary, 4.0f);
  report("sample", "f32", shape, median_seconds([&] {
           reset();
           cpu::sample(isa, pool, matrix(logits, kVocabulary), state, rows.data(), row_count, 1);
         }),
         bytes / peaks.bandwidth);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) rounds = std::atoi(argv[1]);
  if (rounds < 1 || rounds > 10000) {
    std::fprintf(stderr, "rounds: 1 to 10000\n");
    return 2;
  }
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  const Isa isa = cpu::widest_isa();
  const Peaks peaks = peaks_of(pool, isa);
  std::printf(
      "{\"bench\": \"attention\", \"case\": \"peaks\", \"level\": \"%s\", \"threads\": %d, \"f32_tflops\": %.3f, "
      "\"bf16_tflops\": "
      "%.3f, \"read_gb_s\": %.1f}\n",
      cpu::name_of(isa), pool.threads(), peaks.f32 * 1e-12, peaks.bf16 * 1e-12, peaks.bandwidth * 1e-9);
  encoder(pool, isa, peaks, 8, 1);
  encoder(pool, isa, peaks, 6, 4);
  for (const DType type : {DType::f32, DType::bf16, DType::i8}) {
    for (const int32_t rows : {1, 8}) cross(pool, isa, peaks, type, 8, rows, 1);
    cross(pool, isa, peaks, type, 8, 1, 64);
    self(pool, isa, peaks, type, 1, 1);
    self(pool, isa, peaks, type, 8, 1);
    self(pool, isa, peaks, type, 1, 200);
  }
  rows_and_policy(pool, isa, peaks, 1);
  rows_and_policy(pool, isa, peaks, 8);
  return 0;
}
