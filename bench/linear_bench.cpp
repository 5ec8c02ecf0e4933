// Matrix products of the CPU backend at Whisper's shapes: windows (1,500 rows) against the arithmetic peak, few rows
// against the memory's bandwidth, oneDNN beside ours, and what packing at load costs. Both limits are measured here
// first.
//
//   linear_bench [THREADS]   threads of the pool (default: one per core)
//
// Times: median of the wall clock, and `cpu_ms`, the least CPU time a call took over all threads, which a busy machine
// falsifies less.
#include <ctime>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "backends/cpu/conv1d.hpp"
#include "backends/cpu/isa.hpp"
#include "backends/cpu/linear.hpp"
#include "backends/cpu/onednn.hpp"
#include "backends/cpu/packed_matrix.hpp"
#include "common/thread_pool.hpp"

namespace {

using namespace wtrt;
using namespace wtrt::cpu;
using ops::ComputeType;

struct Time {
  double wall, cpu, best;  // seconds: median of the wall clock, least CPU time, least wall time
};

double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Time measure(const std::function<void()>& act, double budget = 0.3) {
  act();
  std::vector<double> walls;
  double cpu = 1e9, total = 0;
  while ((total < budget || walls.size() < 5) && walls.size() < 500) {
    const double cpu_before = cpu_now();
    const auto before = std::chrono::steady_clock::now();
    act();
    walls.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
    cpu = std::min(cpu, cpu_now() - cpu_before);
    total += walls.back();
  }
  std::nth_element(walls.begin(), walls.begin() + static_cast<long>(walls.size() / 2), walls.end());
  return {walls[walls.size() / 2], cpu, *std::min_element(walls.begin(), walls.end())};
}

#if defined(__x86_64__)
// Multiply-adds in registers alone: what a core does at most, in operations per second.
template <typename Loop>
double peak(const Loop& loop, double operations) {
  double best = 1e9;
  for (int i = 0; i < 20; ++i) {
    const double before = cpu_now();
    loop();
    best = std::min(best, cpu_now() - before);
  }
  return operations / best;
}

constexpr int kPeakRounds = 200000, kChains = 12;

__attribute__((target("avx2,fma"))) void spin_avx2() {
  __m256 sum[kChains] = {};
  const __m256 one = _mm256_set1_ps(1.0f);
  for (int i = 0; i < kPeakRounds; ++i) {
    for (auto& each : sum) {
      each = _mm256_fmadd_ps(one, one, each);
      asm volatile("" : "+x"(each));
    }
  }
}

__attribute__((target("avx512f"))) void spin_avx512() {
  __m512 sum[kChains] = {};
  const __m512 one = _mm512_set1_ps(1.0f);
  for (int i = 0; i < kPeakRounds; ++i) {
    for (auto& each : sum) {
      each = _mm512_fmadd_ps(one, one, each);
      asm volatile("" : "+v"(each));
    }
  }
}

__attribute__((target("avx512f,avx512vnni"))) void spin_vnni() {
  __m512i sum[kChains] = {};
  const __m512i one = _mm512_set1_epi8(1);
  for (int i = 0; i < kPeakRounds; ++i) {
    for (auto& each : sum) {
      each = _mm512_dpbusd_epi32(each, one, one);
      asm volatile("" : "+v"(each));
    }
  }
}

__attribute__((target("avx512f,avx512bf16"))) void spin_bf16() {
  __m512 sum[kChains] = {};
  const __m512 zero = _mm512_setzero_ps();
  for (int i = 0; i < kPeakRounds; ++i) {
    for (auto& each : sum) {
      each = _mm512_dpbf16_ps(each, reinterpret_cast<__m512bh>(zero), reinterpret_cast<__m512bh>(zero));
      asm volatile("" : "+v"(each));
    }
  }
}

// Operations per second and core of this level's widest multiply-add of the type; 0 where no floor is known (tiles).
double peak_of(Isa isa, ComputeType type) {
  constexpr double kSteps = static_cast<double>(kPeakRounds) * kChains;
  if (isa == Isa::avx512 && type == ComputeType::f32) return peak(spin_avx512, kSteps * 32);
  if (isa == Isa::avx512 && type == ComputeType::bf16) return peak(spin_bf16, kSteps * 64);
  if (isa == Isa::avx512 && type == ComputeType::i8) return peak(spin_vnni, kSteps * 128);
  if (isa == Isa::avx2 && type == ComputeType::f32) return peak(spin_avx2, kSteps * 16);
  return 0;
}
#else
double peak_of(Isa, ComputeType) { return 0; }
#endif

// Bytes per second that all threads read together from more memory than the caches hold.
double bandwidth(ThreadPool& pool) {
  constexpr int64_t kWords = 32 << 20;
  const AlignedMemory block(kWords * 8, "the bandwidth's measurement");  // huge pages, like the weights
  auto* const memory = block.as<uint64_t>();
  std::fill(memory, memory + kWords, 1);
  std::atomic<uint64_t> sink{0};
  const Time time = measure([&] {
    const ThreadPool::Lease lease(pool);
    constexpr int32_t kParts = 64;
    pool.parallel_for(kParts, [&](int32_t part) {
      uint64_t sum[8] = {};
      const uint64_t* const words = memory + kWords / kParts * part;
      for (int64_t i = 0; i < kWords / kParts; i += 8) {
        for (int64_t j = 0; j < 8; ++j) sum[j] += words[i + j];
      }
      for (const uint64_t each : sum) sink += each;
    });
  });
  return static_cast<double>(kWords) * 8 / time.best;
}

const char* name(ComputeType type) {
  return type == ComputeType::f32 ? "float32" : type == ComputeType::bf16 ? "bfloat16" : "int8";
}

std::vector<float> noise(int64_t count) {
  static std::mt19937 engine(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(engine);
  return values;
}

struct Bench {
  ThreadPool& pool;
  double bandwidth;
  Isa isa;
  ComputeType type;
  double peak;

  void window(int64_t n, int64_t k) const;
  void rows(int64_t m, int64_t n, int64_t k) const;
  void convolutions(int64_t mels, int64_t width) const;
};

Element element_of(ComputeType type) { return static_cast<Element>(type); }

void Bench::window(int64_t n, int64_t k) const {
  constexpr int64_t kRows = 1500;
  const std::vector<float> weights = noise(n * k), in = noise(kRows * k), bias = noise(n);
  std::vector<float> out(static_cast<size_t>(kRows * n), std::nanf("")), theirs(out);
  const ops::LinearPart part{{weights.data(), DType::f32, n, k, nullptr}, {bias.data(), DType::f32, 1, n, nullptr}};
  const Kernels& kernels = window_kernels_for(isa);
  const PackedMatrix matrix = pack_matrix(pool, kernels, element_of(type), {&part, 1});
  Scratch scratch;
  const RowsIn rows_in{in.data(), kRows, k};
  const auto timed = [&](const auto& multiply_once) {
    return measure([&] {
      const ThreadPool::Lease lease(pool);
      multiply_once();
    });
  };
  const Time own = timed([&] { multiply(pool, kernels, matrix, rows_in, {out.data(), n}, scratch); });
  const double operations = 2.0 * kRows * static_cast<double>(n * k),
               floor = peak > 0 ? operations / peak / pool.threads() : 0;
  std::printf(
      "{\"bench\": \"linear\", \"use\": \"window\", \"isa\": \"%s\", \"type\": \"%s\", \"threads\": %d, \"rows\": %ld, "
      "\"n\": %ld, \"k\": %ld, \"ms\": %.3f, \"cpu_ms\": %.3f, \"gops\": %.0f, \"floor_ms\": %.3f",
      name_of(isa), name(type), pool.threads(), static_cast<long>(kRows), static_cast<long>(n), static_cast<long>(k),
      own.wall * 1e3, own.cpu * 1e3, operations / own.wall * 1e-9, floor * 1e3);
  if (isa == widest_isa() && isa >= Isa::avx512 && onednn_serves(isa)) {
    const OneDnnMatrix peer(pool, kernels, element_of(type), {&part, 1});
    const Time time = timed([&] { peer.multiply(pool, rows_in, {theirs.data(), n}, scratch); });
    double worst = 0, largest = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(out[i] - theirs[i])));
      largest = std::max(largest, static_cast<double>(std::abs(out[i])));
    }
    if (!(worst <= 1e-5 * largest))
      std::exit((std::fprintf(stderr, "results differ by %g of %g\n", worst, largest), 1));
    std::printf(", \"onednn_ms\": %.3f, \"onednn_cpu_ms\": %.3f", time.wall * 1e3, time.cpu * 1e3);
  }
  std::printf("}\n");
}

void Bench::rows(int64_t m, int64_t n, int64_t k) const {
  // Matrices in turn, together larger than the caches, as a step of a large model finds them.
  const std::vector<float> weights = noise(n * k), in = noise(m * k);
  std::vector<float> out(static_cast<size_t>(m * n));
  const ops::LinearPart part{{weights.data(), DType::f32, n, k, nullptr}, {}};
  const Kernels& kernels = kernels_for(isa);
  std::vector<PackedMatrix> matrices;
  WeightMemory memory;
  const auto load_before = std::chrono::steady_clock::now();
  matrices.push_back(pack_matrix(pool, kernels, element_of(type), {&part, 1}, &memory));
  const double load = std::chrono::duration<double>(std::chrono::steady_clock::now() - load_before).count();
  const int64_t bytes = matrices.front().bytes();
  const auto copies = static_cast<size_t>(std::clamp<int64_t>((96 << 20) / bytes, 2, 64));
  while (matrices.size() < copies)
    matrices.push_back(pack_matrix(pool, kernels, element_of(type), {&part, 1}, &memory));
  Scratch scratch;
  const Time time = measure([&] {
    const ThreadPool::Lease lease(pool);
    for (const PackedMatrix& matrix : matrices)
      multiply(pool, kernels, matrix, {in.data(), m, k}, {out.data(), n}, scratch);
  });
  const auto each = static_cast<double>(matrices.size());
  std::printf(
      "{\"bench\": \"linear\", \"use\": \"token\", \"isa\": \"%s\", \"type\": \"%s\", \"threads\": %d, \"rows\": %ld, "
      "\"n\": %ld, "
      "\"k\": %ld, \"us\": %.1f, \"cpu_us\": %.1f, \"gb_s\": %.1f, \"floor_us\": %.1f, \"load_ms\": %.2f}\n",
      name_of(isa), name(type), pool.threads(), static_cast<long>(m), static_cast<long>(n), static_cast<long>(k),
      time.wall / each * 1e6, time.cpu / each * 1e6, static_cast<double>(bytes) * each / time.wall * 1e-9,
      static_cast<double>(bytes) / bandwidth * 1e6, load * 1e3);
}

// Both convolutions of a window of 3,000 frames.
void Bench::convolutions(int64_t mels, int64_t width) const {
  constexpr int64_t kFrames = 3000;
  const CpuSetup setup{isa, type, pool.threads()};
  const std::vector<float> first = noise(width * mels * 3), second = noise(width * width * 3), bias = noise(width);
  std::vector<float> mel = noise(mels * kFrames), position = noise(kFrames / 2 * width);
  std::vector<float> middle(static_cast<size_t>(kFrames * width)), out(static_cast<size_t>(kFrames / 2 * width));
  const ops::HostTensor biases{bias.data(), DType::f32, 1, width, nullptr};
  const CpuConv1d conv1(pool, setup, {first.data(), DType::f32, width, mels * 3, nullptr}, biases, 1);
  const CpuConv1d conv2(pool, setup, {second.data(), DType::f32, width, width * 3, nullptr}, biases, 2);
  Scratch scratch;
  const ops::Tensor wide{middle.data(), DType::f32, kFrames, width};
  const Time mel_time = measure([&] {
    const ThreadPool::Lease lease(pool);
    conv1.run_mel(pool, {mel.data(), DType::f32, mels, kFrames}, wide, 1, scratch);
  });
  const Time time_time = measure([&] {
    const ThreadPool::Lease lease(pool);
    conv2.run_time(pool, wide, {position.data(), DType::f32, kFrames / 2, width},
                   {out.data(), DType::f32, kFrames / 2, width}, 1, scratch);
  });
  const double operations = 6.0 * kFrames * static_cast<double>(width);
  const double least = peak_of(isa, type != ComputeType::f32 && has_bf16(isa) ? ComputeType::bf16 : ComputeType::f32);
  const double floor = least > 0 ? 1e3 / least / pool.threads() : 0;
  std::printf(
      "{\"bench\": \"linear\", \"use\": \"conv1d\", \"isa\": \"%s\", \"type\": \"%s\", \"threads\": %d, \"mels\": %ld, "
      "\"width\": %ld, \"mel_ms\": %.3f, \"mel_cpu_ms\": %.3f, \"mel_floor_ms\": %.3f, \"time_ms\": %.3f, "
      "\"time_cpu_ms\": %.3f, \"time_floor_ms\": %.3f}\n",
      name_of(isa), name(type), pool.threads(), static_cast<long>(mels), static_cast<long>(width), mel_time.wall * 1e3,
      mel_time.cpu * 1e3, operations * static_cast<double>(mels) * floor, time_time.wall * 1e3, time_time.cpu * 1e3,
      operations / 2 * static_cast<double>(width) * floor);
}

}  // namespace

int main(int argc, char** argv) {
  ThreadPool& pool = ThreadPool::instance(argc > 1 ? std::atoi(argv[1]) : 0);
  const double bytes_per_second = bandwidth(pool);
  std::printf("{\"bench\": \"linear\", \"cpu\": %s, \"threads\": %d, \"read_gb_s\": %.1f}\n", describe_cpu().c_str(),
              pool.threads(), bytes_per_second * 1e-9);
  for (int32_t level = static_cast<int32_t>(widest_isa()); level >= static_cast<int32_t>(Isa::avx2); --level) {
    const Isa isa = static_cast<Isa>(level);
    for (const ComputeType type : {ComputeType::f32, ComputeType::bf16, ComputeType::i8}) {
      if (type == ComputeType::bf16 && !has_bf16(isa)) continue;
      const Bench bench{pool, bytes_per_second, isa, type, peak_of(isa, type)};
      for (const auto& [n, k] : {std::pair{1536, 512},
                                 {512, 512},
                                 {2048, 512},
                                 {512, 2048},
                                 {1152, 384},
                                 {384, 384},
                                 {1536, 384},
                                 {384, 1536}}) {
        bench.window(n, k);
      }
      bench.convolutions(80, 512);
      bench.rows(1, 51865, 512);
      for (const int64_t m : {1, 8, 32}) {
        bench.rows(m, 1536, 512);
        bench.rows(m, 512, 2048);
      }
    }
  }
  return 0;
}
