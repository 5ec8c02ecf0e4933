// Any bytes as a safetensors file: a typed error, or tensors that lie within the bytes and do not overlap.
#include <cstdlib>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/safetensors.hpp"
#include "common/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wtrt;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    size_t covered = 0;
    for (const checkpoint::StoredTensor& tensor : checkpoint::read_safetensors(bytes, "input")) {
      const auto& view = tensor.view;
      const bool inside =
          view.data.data() >= bytes.data() && view.data.data() + view.data.size() <= bytes.data() + size;
      if (!inside || static_cast<size_t>(view.elements()) * size_of(view.dtype) != view.data.size()) std::abort();
      covered += view.data.size();
      try {
        checkpoint::check_finite(view, tensor.name);
      } catch (const Error&) {
      }
    }
    if (covered > size) std::abort();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_checkpoint && error.code() != ErrorCode::unsupported) std::abort();
  }
  return 0;
}
