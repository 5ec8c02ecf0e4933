#include "log_mel.hpp"

#include <algorithm>

#include "log_mel_kernel.cuh"

namespace wtrt::kernels {

cudaError_t log_mel(const LogMelArgs& args, cudaStream_t stream) {
  if (args.total <= MelShape::kLength / 2 || args.first_frame < 0 || args.frames < 0 || args.recordings < 0 ||
      args.mels <= 0) {
    return cudaErrorInvalidValue;
  }
  if (args.recordings == 0 || args.frames == 0) return cudaSuccess;
  start_maximum_kernel<<<(args.recordings + 255) / 256, 256, 0, stream>>>(args.maximum, args.recordings);
  constexpr int kBlocks = 660;  // fill a large GPU; more would only make more tables
  const int groups = (args.frames + MelShape::kFrames - 1) / MelShape::kFrames;
  const dim3 grid(std::min(groups, (kBlocks + args.recordings - 1) / args.recordings), args.recordings);
  log_mel_kernel<<<grid, MelShape::kThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t normalize_mel(float* mel, const float* maximum, int32_t recordings, int64_t count, cudaStream_t stream) {
  if (recordings == 0 || count == 0) return cudaSuccess;
  const dim3 grid(static_cast<unsigned>(std::min<int64_t>((count + 1023) / 1024, 1024)), recordings);
  normalize_mel_kernel<<<grid, 256, 0, stream>>>(mel, maximum, count);
  return cudaGetLastError();
}

}  // namespace wtrt::kernels
