#include "checkpoint/safetensors_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/error.hpp"

namespace wtrt::checkpoint {
namespace {

const char* label(DType type) {
  switch (type) {
    case DType::f32: return "F32";
    case DType::f16: return "F16";
    case DType::bf16: return "BF16";
    case DType::i8: return "I8";
    case DType::i32: return "I32";
    case DType::u8: return "U8";
    case DType::i64: return "I64";
  }
  return "";
}

uint64_t bytes_of(const SafetensorsWriter::Tensor& tensor) {
  uint64_t bytes = size_of(tensor.dtype);
  for (const int64_t extent : tensor.shape) bytes *= static_cast<uint64_t>(extent);
  return bytes;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<Tensor> tensors)
    : path_(path), tensors_(std::move(tensors)), out_(path, std::ios::binary | std::ios::trunc) {
  std::ranges::sort(tensors_, [](const Tensor& a, const Tensor& b) {
    const size_t left = size_of(a.dtype), right = size_of(b.dtype);
    return left != right ? left > right : a.name < b.name;
  });
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  for (const Tensor& tensor : tensors_) {
    const uint64_t begin = remaining_;
    remaining_ += bytes_of(tensor);
    header[tensor.name] = {
        {"dtype", label(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {begin, remaining_}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::array<char, 8> length{};
  for (size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>((static_cast<uint64_t>(text.size()) >> (8 * i)) & 0xff);
  out_.write(length.data(), length.size());
  out_.write(text.data(), static_cast<std::streamsize>(text.size()));
  check();
}

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() > remaining_)
    throw Error(ErrorCode::internal, "'" + path_.string() + "': more data than the header promises");
  remaining_ -= bytes.size();
  out_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  check();
}

void SafetensorsWriter::finish() {
  if (remaining_ != 0) throw Error(ErrorCode::internal, "'" + path_.string() + "': less data than the header promises");
  out_.close();
  check();
  sync_to_disk(path_);
}

void SafetensorsWriter::check() const {
  if (!out_) throw Error(ErrorCode::io, "cannot write '" + path_.string() + "': is the disk full?");
}

void sync_to_disk(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && (::fsync(fd) == 0 || errno == EINVAL);  // EINVAL: a file system without it
  const int reason = errno;
  if (fd >= 0) ::close(fd);
  if (!synced) throw Error(ErrorCode::io, "cannot flush '" + path.string() + "': " + std::strerror(reason));
}

}  // namespace wtrt::checkpoint
