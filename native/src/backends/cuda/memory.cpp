#include "backends/cuda/memory.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "common/error.hpp"

namespace wtrt::cuda {

void check(cudaError_t status, const char* act) {
  if (status == cudaSuccess) return;
  const ErrorCode code = status == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory
                         : status == cudaErrorNotSupported   ? ErrorCode::unsupported
                         : status == cudaErrorInvalidValue   ? ErrorCode::internal
                                                             : ErrorCode::device;
  throw Error(code, std::string("CUDA, ") + act + ": " + cudaGetErrorString(status));
}

Stream::Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream"); }
Stream::~Stream() { cudaStreamDestroy(stream_); }

Event::Event(Wait wait) {
  const unsigned sleeping = wait == Wait::sleeping ? cudaEventBlockingSync : cudaEventDefault;
  check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming | sleeping), "making an event");
}
Event::~Event() { cudaEventDestroy(event_); }
void Event::record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "recording an event"); }
void Event::wait() const { check(cudaEventSynchronize(event_), "waiting for the GPU"); }
bool Event::reached() const {
  const cudaError_t status = cudaEventQuery(event_);
  if (status == cudaErrorNotReady) return false;
  check(status, "asking how far the GPU is");
  return true;
}

DeviceMemory::DeviceMemory(int64_t bytes, const char* what) : bytes_(bytes) {
  const cudaError_t status = cudaMalloc(&data_, static_cast<size_t>(std::max<int64_t>(bytes, 1)));
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // or it would be found by the next launch
    size_t free = 0, total = 0;
    static_cast<void>(cudaMemGetInfo(&free, &total));
    throw Error(ErrorCode::out_of_memory, std::string(what) + ": " + std::to_string(bytes) +
                                              " bytes of GPU memory were asked for, " + std::to_string(free) +
                                              " are free; lower max_batch or take a smaller model");
  }
  check(status, what);
}
DeviceMemory::~DeviceMemory() { cudaFree(data_); }

PinnedMemory::PinnedMemory(int64_t bytes) : bytes_(bytes) {
  check(cudaHostAlloc(&data_, static_cast<size_t>(bytes), cudaHostAllocDefault), "pinning host memory");
}
PinnedMemory::~PinnedMemory() { cudaFreeHost(data_); }

void* Arena::allocate(int64_t bytes, const char* what) {
  constexpr int64_t kAlignment = 256, kBlock = int64_t{64} << 20;
  const int64_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::lock_guard lock(mutex_);
  if (blocks_.empty() || used_ + size > blocks_.back()->bytes()) {
    auto block = std::make_unique<DeviceMemory>(std::max(size, kBlock), what);
    if (size >= kBlock && !blocks_.empty()) {  // a block of its own; the one in use stays last
      void* const data = block->data();
      blocks_.insert(blocks_.end() - 1, std::move(block));
      return data;
    }
    blocks_.push_back(std::move(block));
    used_ = 0;
  }
  void* const piece = static_cast<std::byte*>(blocks_.back()->data()) + used_;
  used_ += size;
  return piece;
}

Uploader::Uploader(cudaStream_t stream, const ops::HostServices& services) : stream_(stream), services_(services) {}

// A chunk with that much room left, once the GPU has fetched what it held before.
Uploader::Chunk& Uploader::room_for(int64_t bytes) {
  Chunk* chunk = &chunks_[current_];
  if (chunk->memory == nullptr || chunk->used + bytes > kChunk) {
    if (chunk->memory != nullptr) chunk->fetched.record(stream_);
    current_ = (current_ + 1) % kChunks;
    chunk = &chunks_[current_];
    if (chunk->memory == nullptr) chunk->memory = std::make_unique<PinnedMemory>(kChunk);
    chunk->fetched.wait();
    chunk->used = 0;
  }
  return *chunk;
}

void Uploader::upload(void* device, const void* host, int64_t bytes) {
  constexpr int64_t kPiece = int64_t{1} << 20, kAlignment = 64;  // a thread's share of a chunk
  for (int64_t done = 0; done < bytes;) {
    const int64_t size = std::min(bytes - done, kChunk);
    Chunk& chunk = room_for(size);
    std::byte* const to = chunk.memory->data() + chunk.used;
    const auto* const from = static_cast<const std::byte*>(host) + done;
    const auto copy = [&](int64_t first, int64_t count) {
      std::memcpy(to + first, from + first, static_cast<size_t>(count));
    };
    if (size <= kPiece) {
      copy(0, size);
    } else {
      services_.parallel_for(static_cast<int32_t>((size + kPiece - 1) / kPiece),
                             [&](int32_t i) { copy(i * kPiece, std::min(kPiece, size - i * kPiece)); });
    }
    check(cudaMemcpyAsync(static_cast<std::byte*>(device) + done, to, static_cast<size_t>(size), cudaMemcpyHostToDevice,
                          stream_),
          "copying to the GPU");
    chunk.used += (size + kAlignment - 1) / kAlignment * kAlignment;
    done += size;
  }
}

uint64_t Downloader::download(void* host, const void* device, int64_t bytes) {
  const auto fits = [&](const Piece& piece) { return piece.memory->bytes() >= bytes; };
  const auto found = std::find_if(idle_.begin(), idle_.end(), fits);
  Piece piece;
  if (found != idle_.end()) {
    piece = std::move(*found);
    idle_.erase(found);
  } else {
    piece.memory = std::make_unique<PinnedMemory>(std::max<int64_t>(bytes, 4096));
    piece.arrived = std::make_unique<Event>();
  }
  piece.ticket = ++last_;
  piece.host = host;
  piece.bytes = bytes;
  if (bytes > 0) {
    check(cudaMemcpyAsync(piece.memory->data(), device, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream_),
          "copying from the GPU");
  }
  piece.arrived->record(stream_);
  under_way_.push_back(std::move(piece));
  return last_;
}

void Downloader::hand_out(Piece& piece) {
  piece.arrived->wait();
  if (piece.bytes > 0) std::memcpy(piece.host, piece.memory->data(), static_cast<size_t>(piece.bytes));
  handed_out_ = piece.ticket;
}

void Downloader::wait(uint64_t ticket) {
  constexpr int64_t kKept = int64_t{1} << 20;  // larger ones are rare: scores, a session's logits
  size_t count = 0;
  while (count < under_way_.size() && under_way_[count].ticket <= ticket) hand_out(under_way_[count++]);
  for (size_t i = 0; i < count; ++i) {
    if (under_way_[i].memory->bytes() <= kKept) idle_.push_back(std::move(under_way_[i]));
  }
  under_way_.erase(under_way_.begin(), under_way_.begin() + static_cast<std::ptrdiff_t>(count));
}

bool Downloader::ready(uint64_t ticket) {
  if (ticket <= handed_out_) return true;
  for (const Piece& piece : under_way_) {
    if (piece.ticket == ticket) return piece.arrived->reached();
  }
  return true;
}

}  // namespace wtrt::cuda
