#include "audio/byte_stream.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "common/error.hpp"

namespace wtrt::audio {
namespace {

[[noreturn]] void fail_io(const std::string& act, const std::string& name, int reason) {
  throw Error(ErrorCode::io, "cannot " + act + " '" + name + "': " + std::generic_category().message(reason));
}

class Descriptor {
 public:
  Descriptor(int value, bool owned) : value_(value), owned_(owned) {}
  ~Descriptor() {
    if (owned_) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
  bool owned_;
};

class FileBytes final : public ByteStream {
 public:
  FileBytes(int descriptor, std::string name, int64_t size)
      : descriptor_(descriptor, true), name_(std::move(name)), size_(size), buffer_(size_t{1} << 16) {}

  size_t read(std::span<std::byte> out) override {
    size_t done = 0;
    while (done < out.size()) {
      if (position_ < buffer_start_ || position_ >= buffer_start_ + buffer_used_) {
        if (!fill()) break;
      }
      const auto from = static_cast<size_t>(position_ - buffer_start_);
      const size_t count = std::min(out.size() - done, static_cast<size_t>(buffer_used_) - from);
      std::memcpy(out.data() + done, buffer_.data() + from, count);
      done += count;
      position_ += static_cast<int64_t>(count);
    }
    return done;
  }
  bool seek(int64_t offset) override {
    if (offset < 0) return false;
    position_ = offset;
    return true;
  }
  int64_t tell() const override { return position_; }
  int64_t size() const override { return size_; }
  bool can_rewind() const override { return true; }

 private:
  bool fill() {
    ssize_t count = 0;
    do {
      count = ::pread(descriptor_.get(), buffer_.data(), buffer_.size(), position_);
    } while (count < 0 && errno == EINTR);
    if (count < 0) fail_io("read", name_, errno);
    buffer_start_ = position_;
    buffer_used_ = count;
    return count > 0;
  }

  Descriptor descriptor_;
  std::string name_;
  int64_t size_;
  std::vector<std::byte> buffer_;
  int64_t buffer_start_ = 0;
  int64_t buffer_used_ = 0;
  int64_t position_ = 0;
};

class MemoryBytes final : public ByteStream {
 public:
  explicit MemoryBytes(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  size_t read(std::span<std::byte> out) override {
    const auto size = static_cast<int64_t>(bytes_.size());
    if (position_ >= size || out.empty()) return 0;
    const size_t count = std::min(out.size(), static_cast<size_t>(size - position_));
    std::memcpy(out.data(), bytes_.data() + position_, count);
    position_ += static_cast<int64_t>(count);
    return count;
  }
  bool seek(int64_t offset) override {
    if (offset < 0) return false;
    position_ = offset;
    return true;
  }
  int64_t tell() const override { return position_; }
  int64_t size() const override { return static_cast<int64_t>(bytes_.size()); }
  bool can_rewind() const override { return true; }

 private:
  std::vector<std::byte> bytes_;
  int64_t position_ = 0;
};

// Header readers look around before they read on: the last kKept bytes can be gone back to, and an offset far ahead
// reads as the end of the stream instead of swallowing everything up to it.
class PipeBytes final : public ByteStream {
 public:
  PipeBytes(int descriptor, bool owned, std::string name) : descriptor_(descriptor, owned), name_(std::move(name)) {}

  size_t read(std::span<std::byte> out) override {
    size_t done = 0;
    while (done < out.size()) {
      if (position_ >= end()) {
        if (position_ > end() + kFarAhead || !fetch()) break;
        continue;
      }
      const auto from = static_cast<size_t>(position_ - start_);
      const size_t count = std::min(out.size() - done, kept_.size() - from);
      std::memcpy(out.data() + done, kept_.data() + from, count);
      done += count;
      position_ += static_cast<int64_t>(count);
    }
    return done;
  }
  bool seek(int64_t offset) override {
    if (offset < start_) return false;
    position_ = offset;
    return true;
  }
  int64_t tell() const override { return position_; }
  int64_t size() const override { return -1; }
  bool can_rewind() const override { return false; }

 private:
  static constexpr size_t kKept = size_t{1} << 20;
  static constexpr int64_t kFarAhead = int64_t{1} << 16;

  int64_t end() const { return start_ + static_cast<int64_t>(kept_.size()); }

  bool fetch() {
    if (kept_.size() >= 2 * kKept) {
      const size_t dropped = kept_.size() - kKept;
      kept_.erase(kept_.begin(), kept_.begin() + static_cast<ptrdiff_t>(dropped));
      start_ += static_cast<int64_t>(dropped);
    }
    std::byte block[1 << 14];
    ssize_t count = 0;
    do {
      count = ::read(descriptor_.get(), block, sizeof block);
    } while (count < 0 && errno == EINTR);
    if (count < 0) fail_io("read from", name_, errno);
    kept_.insert(kept_.end(), block, block + count);
    return count > 0;
  }

  Descriptor descriptor_;
  std::string name_;
  std::vector<std::byte> kept_;
  int64_t start_ = 0;
  int64_t position_ = 0;
};

}  // namespace

std::unique_ptr<ByteStream> open_bytes(const std::filesystem::path& path) {
  const std::string name = path.string();
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ENOTDIR) throw Error(ErrorCode::not_found, "no such audio file: '" + name + "'");
    fail_io("open", name, errno);
  }
  struct stat about {};
  if (::fstat(descriptor, &about) != 0) {
    const int reason = errno;
    ::close(descriptor);
    fail_io("examine", name, reason);
  }
  if (S_ISDIR(about.st_mode)) {
    ::close(descriptor);
    throw Error(ErrorCode::io, "'" + name + "' is a folder, not an audio file");
  }
  if (!S_ISREG(about.st_mode)) return bytes_of_pipe(descriptor, true, name);
  return std::make_unique<FileBytes>(descriptor, name, static_cast<int64_t>(about.st_size));
}

std::unique_ptr<ByteStream> bytes_in_memory(std::vector<std::byte> bytes) {
  return std::make_unique<MemoryBytes>(std::move(bytes));
}

std::unique_ptr<ByteStream> bytes_of_pipe(int descriptor, bool owned, std::string name) {
  return std::make_unique<PipeBytes>(descriptor, owned, std::move(name));
}

std::vector<std::byte> peek(ByteStream& bytes, size_t count) {
  std::vector<std::byte> head(count);
  head.resize(bytes.read(head));
  bytes.seek(0);
  return head;
}

}  // namespace wtrt::audio
