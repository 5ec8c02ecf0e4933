// How a recording is transcribed in parts, as far as it has come.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/parts.hpp"
#include "runtime/result.hpp"
#include "vad/chunk_reader.hpp"

namespace wtrt::runtime {

struct Division {
  int channels = 0;                                   // where each is a part: how many there are
  std::unique_ptr<vad::ChunkReader> chunks;           // where each chunk is a part
  std::optional<vad::ChunkReader::Chunk> next_chunk;  // read, and not yet a part
  Parts parts;
  std::exception_ptr failure;                          // of a part: the whole fails
  Result joined;                                       // of what was reported so far
  std::vector<std::vector<output::Attempt>> attempts;  // of each part that has ended
  double total_seconds = -1;                           // of the recording; -1 while unknown
  std::string language;                                // of the first part, once it is known
};

}  // namespace wtrt::runtime
