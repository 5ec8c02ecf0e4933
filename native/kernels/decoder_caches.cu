// What is done to the caches between steps.
#include <algorithm>

#include "decoder.hpp"
#include "launch.cuh"

namespace wtrt::kernels {
namespace {

constexpr int kThreads = 256;

constexpr int kSlotsAtOnce = 64;
struct Slots {
  int32_t numbers[kSlotsAtOnce];
};

__global__ void lengths_kernel(int32_t* lengths, const Slots slots, int count, int32_t length) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < count) lengths[slots.numbers[i]] = length;
}

__global__ void copy_pages_kernel(uint4* data, int64_t page_pieces, int pages, const ops::PageCopy* copies) {
  const ops::PageCopy copy = copies[blockIdx.x];
  uint4* layer = data + blockIdx.y * page_pieces * pages;
  for (int64_t i = threadIdx.x; i < page_pieces; i += kThreads)
    layer[copy.to * page_pieces + i] = layer[copy.from * page_pieces + i];
}

}  // namespace

cudaError_t set_cross_lengths(const CrossKv& cache, const int32_t* slots, int32_t count, int32_t length,
                              cudaStream_t stream) {
  for (int32_t first = 0; first < count; first += kSlotsAtOnce) {
    Slots some{};
    const int32_t number = std::min(kSlotsAtOnce, count - first);
    std::copy_n(slots + first, number, some.numbers);
    const cudaError_t status =
        launch(lengths_kernel, {dim3(1), kSlotsAtOnce}, stream, cache.lengths, some, number, length);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

cudaError_t copy_pages(const PagedKv& cache, const ops::PageCopy* copies, int32_t count, cudaStream_t stream) {
  if (count <= 0) return cudaSuccess;
  const int64_t page_bytes = cache.page_elements() * static_cast<int64_t>(size_of(cache.type));
  if (page_bytes % 16 != 0) return cudaErrorNotSupported;
  const LaunchShape shape{dim3(static_cast<unsigned>(count), static_cast<unsigned>(cache.layers)), kThreads};
  return launch(copy_pages_kernel, shape, stream, static_cast<uint4*>(cache.data), page_bytes / 16, cache.pages,
                copies);
}

}  // namespace wtrt::kernels
