// Memory of the GPU, and the ways between it and the host.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "ops/backend.hpp"
#include "ops/tensor.hpp"

namespace wtrt::cuda {

// Throws, naming the act: out_of_memory, unsupported, internal, or device where the GPU failed or was lost.
void check(cudaError_t status, const char* act);

class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  enum class Wait { spinning, sleeping };  // what the host does in wait()
  explicit Event(Wait wait = Wait::spinning);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream);
  void wait() const;  // the host waits; at once if never recorded
  bool reached() const;

 private:
  cudaEvent_t event_ = nullptr;
};

class DeviceMemory final : public ops::Buffer {
 public:
  DeviceMemory(int64_t bytes, const char* what);
  ~DeviceMemory() override;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  void* data() const override { return data_; }
  int64_t bytes() const override { return bytes_; }

 private:
  void* data_ = nullptr;
  int64_t bytes_;
};

// Host memory that the GPU reads and writes by itself.
class PinnedMemory {
 public:
  explicit PinnedMemory(int64_t bytes);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
  std::byte* data() const { return static_cast<std::byte*>(data_); }
  int64_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  int64_t bytes_;
};

// Many small and large pieces that are freed together: a model's weights.
class Arena {
 public:
  void* allocate(int64_t bytes, const char* what);  // 256-byte aligned

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<DeviceMemory>> blocks_;
  int64_t used_ = 0;  // of the last block
};

// Host to device in order with a stream; what was handed in may be reused at once. Large pieces go through pinned
// chunks that the host fills, with all its threads, while the GPU fetches the one before.
class Uploader {
 public:
  Uploader(cudaStream_t stream, const ops::HostServices& services);
  void upload(void* device, const void* host, int64_t bytes);

 private:
  static constexpr int64_t kChunk = int64_t{8} << 20;
  static constexpr size_t kChunks = 3;
  struct Chunk {
    std::unique_ptr<PinnedMemory> memory;
    Event fetched;
    int64_t used = 0;
  };
  Chunk& room_for(int64_t bytes);

  cudaStream_t stream_;
  const ops::HostServices& services_;
  std::array<Chunk, kChunks> chunks_;
  size_t current_ = 0;
};

// Device to host: pieces arrive in pinned memory and are handed out when they are waited for.
class Downloader {
 public:
  explicit Downloader(cudaStream_t stream) : stream_(stream) {}
  uint64_t download(void* host, const void* device, int64_t bytes);
  void wait(uint64_t ticket);  // that one and those before it
  bool ready(uint64_t ticket);

 private:
  struct Piece {
    uint64_t ticket = 0;
    void* host = nullptr;
    int64_t bytes = 0;
    std::unique_ptr<PinnedMemory> memory;
    std::unique_ptr<Event> arrived;
  };
  void hand_out(Piece& piece);

  cudaStream_t stream_;
  uint64_t last_ = 0, handed_out_ = 0;
  std::vector<Piece> under_way_, idle_;  // in order of their tickets
};

}  // namespace wtrt::cuda
