// One safetensors file: eight bytes of header length, a JSON header, the data. Every field is checked before use.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"

namespace wtrt::checkpoint {

struct StoredTensor {
  std::string name;
  TensorView view;  // into the bytes given; not yet aligned
};

// The tensors of a file, in order of their data. `what` names the file in errors. Throws invalid_checkpoint naming the
// tensor and the field: header length past the end or above the format's 100 MB, bad JSON, shapes whose product
// overflows, data that overlaps, leaves holes or ends elsewhere than the file; unsupported for element types that no
// model here stores.
std::vector<StoredTensor> read_safetensors(std::span<const std::byte> bytes, const std::string& what);

}  // namespace wtrt::checkpoint
