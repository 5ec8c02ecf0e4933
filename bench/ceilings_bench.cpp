// What can the cores and the memory of this machine do? The ceilings that floors are computed from: operations per
// second of register-only chains of multiply-adds per number type, and bytes per second of reading a large and a small
// array. One JSON line each. Usage: ceilings_bench [THREADS]. It stands alone: any C++20 compiler builds it.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

constexpr int kRounds = 7;
constexpr int64_t kSteps = 4'000'000;
volatile float keep = 0;

// Wall time of `act(i)` on all threads at once; the best of several, because a ceiling is asked for.
double best_seconds(int threads, const std::function<void(int)>& act) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> running;
    for (int i = 1; i < threads; ++i) running.emplace_back(act, i);
    act(0);
    for (std::thread& thread : running) thread.join();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void report(const char* what, double per_second) {
  std::printf("{\"bench\": \"ceilings\", \"what\": \"%s\", \"per_second\": %.4g}\n", what, per_second);
}

#if defined(__x86_64__)

// Twelve independent chains, enough for two units of latency four or five; the empty assembly keeps each in a register.
#define WTRT_ALL(act) act(0) act(1) act(2) act(3) act(4) act(5) act(6) act(7) act(8) act(9) act(10) act(11)
#define WTRT_DECLARE(i) auto s##i = zero;
#define WTRT_PIN(i) __asm__ volatile("" : "+v"(s##i));
#define WTRT_ADD(i) total = total + s##i;
#define WTRT_CHAINS(multiply_add)        \
  WTRT_ALL(WTRT_DECLARE)                 \
  for (int64_t n = 0; n < kSteps; ++n) { \
    WTRT_ALL(multiply_add)               \
    WTRT_ALL(WTRT_PIN)                   \
  }                                      \
  auto total = s0;                       \
  WTRT_ALL(WTRT_ADD)                     \
  keep = static_cast<float>(total[0]);

#define WTRT_FMA256(i) s##i = _mm256_fmadd_ps(a, a, s##i);
__attribute__((target("avx2,fma"))) void float32_avx2(int) {
  const __m256 a = _mm256_set1_ps(keep), zero = _mm256_setzero_ps();
  WTRT_CHAINS(WTRT_FMA256)
}
#define WTRT_FMA512(i) s##i = _mm512_fmadd_ps(a, a, s##i);
__attribute__((target("avx512f"))) void float32_avx512(int) {
  const __m512 a = _mm512_set1_ps(keep), zero = _mm512_setzero_ps();
  WTRT_CHAINS(WTRT_FMA512)
}
#define WTRT_BF16(i) s##i = _mm512_dpbf16_ps(s##i, a, a);
__attribute__((target("avx512f,avx512bf16"))) void bfloat16_avx512(int) {
  const __m512 zero = _mm512_setzero_ps();
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(keep), zero);
  WTRT_CHAINS(WTRT_BF16)
}
#define WTRT_VNNI(i) s##i = _mm512_dpbusd_epi32(s##i, a, a);
__attribute__((target("avx512f,avx512vnni"))) void int8_avx512(int) {
  const __m512i a = _mm512_set1_epi8(static_cast<char>(keep)), zero = _mm512_setzero_si512();
  WTRT_CHAINS(WTRT_VNNI)
}
// Without VNNI an integer product is two instructions of 16-bit products.
#define WTRT_MADD(i) s##i = _mm256_add_epi32(s##i, _mm256_madd_epi16(a, s##i));
__attribute__((target("avx2"))) void int16_avx2(int) {
  const __m256i a = _mm256_set1_epi8(static_cast<char>(keep)), zero = _mm256_setzero_si256();
  WTRT_CHAINS(WTRT_MADD)
}

void operations(int threads) {
  const auto rate = [&](void (*chain)(int), double per_step) {
    return threads * static_cast<double>(kSteps) * 12 * per_step / best_seconds(threads, chain);
  };
  const bool wide = __builtin_cpu_supports("avx512f");
  const double f32 = wide ? rate(float32_avx512, 32) : __builtin_cpu_supports("avx2") ? rate(float32_avx2, 16) : 0;
  if (f32 == 0) return;
  report("float32", f32);
  report("bfloat16", __builtin_cpu_supports("avx512bf16") ? rate(bfloat16_avx512, 64) : f32);
  report("int8", __builtin_cpu_supports("avx512vnni") ? rate(int8_avx512, 128) : rate(int16_avx2, 32));
}

__attribute__((target("avx2"))) void read_avx2(const std::byte* from, int64_t bytes) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i sums[8] = {zero, zero, zero, zero, zero, zero, zero, zero};
  for (int64_t at = 0; at + 256 <= bytes; at += 256) {
    for (int j = 0; j < 8; ++j) {
      sums[j] = _mm256_xor_si256(sums[j], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at + 32 * j)));
    }
  }
  for (int j = 1; j < 8; ++j) sums[0] = _mm256_xor_si256(sums[0], sums[j]);
  keep = static_cast<float>(_mm256_extract_epi8(sums[0], 0));
}

#else

void operations(int) {}

#endif

void read_portable(const std::byte* from, int64_t bytes) {
  uint64_t sums[8] = {};
  for (int64_t at = 0; at + 64 <= bytes; at += 64) {
    uint64_t words[8];
    std::memcpy(words, from + at, 64);
    for (int j = 0; j < 8; ++j) sums[j] ^= words[j];
  }
  for (int j = 1; j < 8; ++j) sums[0] ^= sums[j];
  keep = static_cast<float>(sums[0] & 1);
}

void read_all(const std::byte* from, int64_t bytes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return read_avx2(from, bytes);
#endif
  read_portable(from, bytes);
}

// `bytes` of each thread's own array, read often enough to take a while.
double read_rate(int threads, int64_t bytes) {
  std::vector<std::vector<std::byte>> memory(static_cast<size_t>(threads));
  for (auto& part : memory) part.assign(static_cast<size_t>(bytes), std::byte{1});
  const int64_t times = std::max<int64_t>(1, (int64_t{1} << 30) / bytes);
  const double took = best_seconds(threads, [&](int i) {
    for (int64_t round = 0; round < times; ++round) read_all(memory[static_cast<size_t>(i)].data(), bytes);
  });
  return static_cast<double>(threads) * static_cast<double>(times) * static_cast<double>(bytes) / took;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads =
      argc > 1 ? std::max(1, std::atoi(argv[1])) : static_cast<int>(std::thread::hardware_concurrency());
  operations(threads);
  report("bytes from memory", read_rate(threads, int64_t{1} << 28));
  report("bytes from cache", read_rate(threads, int64_t{1} << 22));
  return 0;
}
