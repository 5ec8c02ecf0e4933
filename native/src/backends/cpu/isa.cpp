#include "backends/cpu/isa.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "backends/cpu/onednn.hpp"
#include "common/error.hpp"
#include "common/thread_pool.hpp"

namespace wtrt::cpu {
namespace {

using ops::ComputeType;

#if defined(__x86_64__)

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  __cpuid_count(leaf, subleaf, r.a, r.b, r.c, r.d);
  return r;
}

constexpr uint32_t kAmd = 0x444d4163;  // "cAMD", the end of the vendor's name

bool bit(uint32_t word, int index) { return ((word >> index) & 1u) != 0; }

// Which register states the operating system saves.
uint64_t saved_states() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

// Linux hands out the tile registers on request only.
bool tiles_granted() {
#if defined(__linux__)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

CpuFeatures detect() {
  CpuFeatures features;
  if (cpuid(0).a < 7) return features;
  const Registers one = cpuid(1), seven = cpuid(7), seven_one = seven.a >= 1 ? cpuid(7, 1) : Registers{};
  if (!bit(one.c, 27)) return features;  // OSXSAVE
  const uint64_t states = saved_states();
  const bool ymm = (states & 0x6) == 0x6, zmm = (states & 0xe6) == 0xe6, tiles = (states & 0x60000) == 0x60000;
  features.avx2_fma_f16c = ymm && bit(one.c, 28) && bit(one.c, 12) && bit(one.c, 29) && bit(seven.b, 5);
  features.avx512 = features.avx2_fma_f16c && zmm && bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 30) &&
                    bit(seven.b, 31) && bit(seven.c, 11);
  features.avx512_bf16 = features.avx512 && bit(seven_one.a, 5);
  features.full_rate_bf16 = features.avx512_bf16 && cpuid(0).c == kAmd;
  const bool amx_found = bit(seven.d, 24) && bit(seven.d, 25) && bit(seven.d, 22);
  features.amx = features.avx512_bf16 && tiles && amx_found && tiles_granted();
  return features;
}

std::string model_name() {
  if (cpuid(0x80000000u).a < 0x80000004u) return "unknown";
  char name[49] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002u + i);
    std::memcpy(name + 16 * i, &r, 16);
  }
  const std::string text(name);
  const size_t first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
  return first == std::string::npos ? "unknown" : text.substr(first, last - first + 1);
}

#else

CpuFeatures detect() { return {}; }
std::string model_name() { return "unknown"; }

#endif

const char* name_of(ComputeType type) {
  switch (type) {
    case ComputeType::f32: return "float32";
    case ComputeType::bf16: return "bfloat16";
    case ComputeType::i8: return "int8";
    case ComputeType::f16: return "float16";
  }
  return "unknown";
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

bool has_bf16(Isa isa) { return isa >= Isa::avx512 && cpu_features().avx512_bf16; }

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::portable: return "portable";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::amx: return "amx";
  }
  return "unknown";
}

Isa widest_isa() {
  const CpuFeatures& features = cpu_features();
  if (features.amx) return Isa::amx;
  if (features.avx512) return Isa::avx512;
  return features.avx2_fma_f16c ? Isa::avx2 : Isa::portable;
}

std::string describe_cpu() {
  const CpuFeatures& features = cpu_features();
  nlohmann::json found = nlohmann::json::array();
  if (features.avx2_fma_f16c) found.push_back("avx2");
  if (features.avx512) found.push_back("avx512");
  if (features.avx512_bf16) found.push_back("avx512_bf16");
  if (features.amx) found.push_back("amx");
  nlohmann::json description;
  description["model"] = model_name();
  description["features"] = found;
  description["widest"] = name_of(widest_isa());
  const std::string version = onednn_version();
  description["onednn"] = version.empty() ? nlohmann::json(nullptr) : nlohmann::json(version);
  return description.dump();
}

CpuSetup resolve(const CpuOptions& options) {
  const Isa widest = widest_isa();
  const Isa isa = options.isa.value_or(widest);
  if (isa < Isa::portable || isa > Isa::amx) {
    throw Error(ErrorCode::invalid_argument,
                "cpu_isa is " + std::to_string(static_cast<int32_t>(isa)) + "; give portable, avx2, avx512 or amx");
  }
  if (isa > widest) {
    throw Error(ErrorCode::unsupported, std::string("cpu_isa ") + name_of(isa) + " needs more than this CPU has (" +
                                            model_name() + "); its widest level is " + name_of(widest));
  }
  const ComputeType fastest = isa == Isa::portable ? ComputeType::f32 : ComputeType::i8;
  const ComputeType type = options.compute_type.value_or(fastest);
  if (type < ComputeType::f32 || type > ComputeType::i8) {
    throw Error(ErrorCode::invalid_argument,
                "compute_type is " + std::to_string(static_cast<int32_t>(type)) + "; give float32, bfloat16 or int8");
  }
  if (type == ComputeType::bf16 && !has_bf16(isa)) {
    throw Error(ErrorCode::unsupported, std::string("compute_type ") + name_of(type) +
                                            " needs AVX512_BF16 at cpu_isa avx512 or amx; " + "cpu_isa is " +
                                            name_of(isa) + " on " + model_name() + "; choose float32 or int8");
  }
  return {isa, type, ThreadPool::instance(options.threads).threads()};
}

}  // namespace wtrt::cpu
