#include "backends/cuda/recordings.hpp"

#include "backends/cuda/memory.hpp"

namespace wtrt::cuda {

void Recordings::run(uint64_t key, cudaStream_t stream, const std::function<void()>& body) {
  const auto found = records_.find(key);
  if (found == records_.end()) {
    if (records_.size() >= kMost) clear();
    body();
    records_.emplace(key, nullptr);
    return;
  }
  if (found->second == nullptr) found->second = record(stream, body);
  check(cudaGraphLaunch(found->second, stream), "replaying a recorded run");
}

cudaGraphExec_t Recordings::record(cudaStream_t stream, const std::function<void()>& body) {
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording a run");
  cudaGraph_t graph = nullptr;
  try {
    body();
  } catch (...) {
    static_cast<void>(cudaStreamEndCapture(stream, &graph));
    if (graph != nullptr) cudaGraphDestroy(graph);
    static_cast<void>(cudaGetLastError());
    throw;
  }
  check(cudaStreamEndCapture(stream, &graph), "recording a run");
  cudaGraphExec_t record = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&record, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "making a graph of a run");
  return record;
}

void Recordings::clear() {
  for (const auto& [key, record] : records_) {
    if (record != nullptr) cudaGraphExecDestroy(record);
  }
  records_.clear();
}

}  // namespace wtrt::cuda
