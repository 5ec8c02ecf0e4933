// Runs that were recorded as CUDA graphs.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <unordered_map>

namespace wtrt::cuda {

class Recordings {
 public:
  Recordings() = default;
  ~Recordings() { clear(); }
  Recordings(const Recordings&) = delete;
  Recordings& operator=(const Recordings&) = delete;

  // The first time a key comes, `body` runs as it is (and what it needs is allocated); the second time it is recorded;
  // from then on the record is replayed.
  void run(uint64_t key, cudaStream_t stream, const std::function<void()>& body);

 private:
  static constexpr size_t kMost = 256;  // then all are forgotten
  void clear();
  static cudaGraphExec_t record(cudaStream_t stream, const std::function<void()>& body);

  std::unordered_map<uint64_t, cudaGraphExec_t> records_;  // null: seen once
};

}  // namespace wtrt::cuda
