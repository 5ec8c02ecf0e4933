// Device memory as the models see it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/dtype.hpp"

namespace wtrt::ops {

// Owning piece of device memory; freed with the last reference.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual void* data() const = 0;  // device address
  virtual int64_t bytes() const = 0;
};

// A row-major matrix in device memory; owns nothing. Rows follow each other without gaps.
struct Tensor {
  void* data = nullptr;
  DType dtype = DType::f32;
  int64_t rows = 0, cols = 0;

  int64_t row_bytes() const { return cols * static_cast<int64_t>(size_of(dtype)); }
  // Rows [first, first + count).
  Tensor slice(int64_t first, int64_t count) const {
    return {static_cast<std::byte*>(data) + first * row_bytes(), dtype, count, cols};
  }
};

// A tensor in host memory (a checkpoint's bytes), row-major, used while weights are loaded.
struct HostTensor {
  const void* data = nullptr;
  DType dtype = DType::f32;  // f32, f16, bf16, or i8 with `scale`
  int64_t rows = 0, cols = 0;
  const float* scale = nullptr;  // i8: one per row
};

}  // namespace wtrt::ops
