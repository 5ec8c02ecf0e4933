// Host memory of the CPU backend: 64-byte aligned, zero-filled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

class WeightMemory;

class AlignedMemory {
 public:
  AlignedMemory() = default;
  // Zero-filled; pages that are never touched cost nothing. Throws out_of_memory, naming `what`.
  AlignedMemory(int64_t bytes, const char* what);
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_.get());
  }
  int64_t bytes() const { return bytes_; }
  // At least `bytes`, contents lost; grows only.
  void reserve(int64_t bytes, const char* what) {
    if (bytes > bytes_) *this = AlignedMemory(bytes + bytes / 8, what);
  }

 private:
  friend class WeightMemory;
  struct Free {
    int64_t mapped;                      // bytes of a mapping; 0: from the heap
    std::shared_ptr<const void> region;  // or a part of this
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte, Free> data_{nullptr, Free{0, nullptr}};
  int64_t bytes_ = 0;
};

// Gathers the small matrices of a model in regions of huge pages: streamed one after the other, page by page of 4 KB,
// they would stop the prefetcher and miss the TLB all the time. A region lives as long as a matrix in it.
class WeightMemory {
 public:
  // From here, or an AlignedMemory of its own if large. Thread-safe. Throws out_of_memory.
  AlignedMemory take(int64_t bytes, const char* what);

 private:
  std::mutex mutex_;
  std::shared_ptr<const AlignedMemory> region_;
  std::byte* free_ = nullptr;
  int64_t left_ = 0;
};

std::unique_ptr<ops::Buffer> allocate_buffer(int64_t bytes);
// Values of any float type (or i8 with scales) as f32.
std::unique_ptr<ops::Buffer> upload_as_f32(const ops::HostTensor& values);

// `count` values of row `row` as f32, from any element type a HostTensor may have.
void widen_row(const ops::HostTensor& tensor, int64_t row, float* out);

}  // namespace wtrt::cpu
