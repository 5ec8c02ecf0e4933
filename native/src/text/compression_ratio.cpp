#include <zlib.h>

#include <vector>

#include "common/error.hpp"
#include "text/normalizer.hpp"

namespace wtrt::text {

double compression_ratio(std::string_view utf8) {
  uLongf size = compressBound(static_cast<uLong>(utf8.size()));
  std::vector<Bytef> compressed(size);
  const int status = compress2(compressed.data(), &size, reinterpret_cast<const Bytef*>(utf8.data()),
                               static_cast<uLong>(utf8.size()), 6);
  if (status == Z_MEM_ERROR) throw std::bad_alloc();
  if (status != Z_OK) throw Error(ErrorCode::internal, "zlib's compress2 answered " + std::to_string(status));
  return static_cast<double>(utf8.size()) / static_cast<double>(size);
}

}  // namespace wtrt::text
