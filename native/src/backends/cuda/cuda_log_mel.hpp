// The GPU's log-mel, on streams of its own.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/cuda/memory.hpp"
#include "ops/backend.hpp"

namespace wtrt::cuda {

class CudaLogMel final : public ops::LogMel {
 public:
  CudaLogMel(int32_t gpu, const ops::LogMelShape& shape);
  ~CudaLogMel() override;
  void make(const float* samples, int32_t blocks, float* out) override;

 private:
  struct Lane;  // what one call works with
  class Loan;
  // So many calls overlap their copies, launches and work on the host; further ones wait.
  static constexpr int kLanes = 4;

  int64_t samples_of(int32_t blocks) const;
  int64_t values_of(int32_t blocks) const;
  void enqueue(Lane& lane, int32_t blocks) const;

  const int32_t gpu_, mels_, block_frames_, most_blocks_;
  DeviceMemory filters_, lengths_;  // [mels, 201]; samples of each block, to the kernel [most_blocks]
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Lane>> idle_;
};

}  // namespace wtrt::cuda
