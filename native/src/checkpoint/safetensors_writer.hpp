// Writes one safetensors file: the layout first, then the tensors' bytes in that order, so that nothing is held in
// memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "common/dtype.hpp"

namespace wtrt::checkpoint {

class SafetensorsWriter {
 public:
  struct Tensor {
    std::string name;
    DType dtype;
    std::vector<int64_t> shape;
  };

  // Sorts the tensors by descending element size, then name (so all data is aligned), and writes the header. Throws io.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<Tensor> tensors);

  const std::vector<Tensor>& tensors() const {
    return tensors_;
  }  // in the order in which their bytes are to be appended
  void append(std::span<const std::byte> bytes);
  void finish();  // checks that all was appended, and that it is on the disk

 private:
  void check() const;

  std::filesystem::path path_;
  std::vector<Tensor> tensors_;
  std::ofstream out_;
  uint64_t remaining_ = 0;
};

// Flushes a written file or a directory's entries to the disk. Throws io.
void sync_to_disk(const std::filesystem::path& path);

}  // namespace wtrt::checkpoint
