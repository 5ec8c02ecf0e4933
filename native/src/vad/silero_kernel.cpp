#include "vad/silero_kernel.hpp"

namespace wtrt::vad {

void silero_batch_portable(const SileroTables& tables, SileroWork& work, int count, float* probabilities);
#ifdef WTRT_X86
void silero_batch_avx2(const SileroTables& tables, SileroWork& work, int count, float* probabilities);
void silero_batch_avx512(const SileroTables& tables, SileroWork& work, int count, float* probabilities);
#endif

std::vector<SileroKernel> silero_kernels() {
  std::vector<SileroKernel> usable;
#ifdef WTRT_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    usable.push_back({"avx512", silero_batch_avx512});
  }
  if (__builtin_cpu_supports("avx2")) usable.push_back({"avx2", silero_batch_avx2});
#endif
  usable.push_back({"portable", silero_batch_portable});
  return usable;
}

}  // namespace wtrt::vad
