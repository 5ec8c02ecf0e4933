// Bytes of a recording: a file, memory, or a pipe seen through a sliding window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace wtrt::audio {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Fills the front of `out`; fewer bytes than asked only at the end. Throws io.
  virtual size_t read(std::span<std::byte> out) = 0;
  // Moves to an absolute offset. False where that is not possible (a pipe that has moved on).
  virtual bool seek(int64_t offset) = 0;
  virtual int64_t tell() const = 0;
  // Bytes in all, or -1 when only the end will tell.
  virtual int64_t size() const = 0;
  // Every offset stays reachable.
  virtual bool can_rewind() const = 0;
};

// Throws not_found or io, naming the path. What is no regular file (a FIFO, /dev/stdin) becomes a pipe.
std::unique_ptr<ByteStream> open_bytes(const std::filesystem::path& path);
std::unique_ptr<ByteStream> bytes_in_memory(std::vector<std::byte> bytes);
// `owned`: the descriptor is closed with the stream.
std::unique_ptr<ByteStream> bytes_of_pipe(int descriptor, bool owned, std::string name);

// The first bytes of a stream that stands at its beginning, which is where it stands afterwards.
std::vector<std::byte> peek(ByteStream& bytes, size_t count);

}  // namespace wtrt::audio
