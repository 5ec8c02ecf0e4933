#include "backends/cpu/memory.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include "backends/cpu/gemm.hpp"
#include "backends/cpu/isa.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kMapFrom = 1 << 20;  // from here on whole pages of the operating system's own zeros
constexpr int64_t kHugeFrom =
    4 << 20;  // from here on huge pages, if it has some: fewer faults, fewer misses when streamed
constexpr uintptr_t kHugePage = 2 << 20;
constexpr int64_t kRegion = 16 << 20;

[[noreturn]] void out_of_memory(int64_t bytes, const char* what) {
  throw Error(ErrorCode::out_of_memory, std::string(what) + " needs " + std::to_string(bytes) +
                                            " bytes of memory and the system has not that much; use a smaller model, "
                                            "fewer windows at a time or compute_type int8");
}

class HostBuffer final : public ops::Buffer {
 public:
  explicit HostBuffer(int64_t bytes) : memory_(bytes, "a buffer"), bytes_(bytes) {}
  void* data() const override { return memory_.as<void>(); }
  int64_t bytes() const override { return bytes_; }

 private:
  AlignedMemory memory_;
  int64_t bytes_;
};

}  // namespace

AlignedMemory::AlignedMemory(int64_t bytes, const char* what) : bytes_(bytes) {
  if (bytes < 0 || bytes > std::numeric_limits<int64_t>::max() / 2) out_of_memory(bytes, what);
  const int64_t rounded = (bytes / kAlignment + 1) * kAlignment;  // never empty
#if defined(__linux__)
  if (rounded >= kMapFrom) {
    void* const mapped =
        mmap(nullptr, static_cast<size_t>(rounded), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) out_of_memory(bytes, what);
    if (rounded >= kHugeFrom) madvise(mapped, static_cast<size_t>(rounded), MADV_HUGEPAGE);
    data_ = {static_cast<std::byte*>(mapped), Free{rounded, nullptr}};
    return;
  }
#endif
  void* const memory = std::aligned_alloc(kAlignment, static_cast<size_t>(rounded));
  if (memory == nullptr) out_of_memory(bytes, what);
  std::memset(memory, 0, static_cast<size_t>(rounded));
  data_ = {static_cast<std::byte*>(memory), Free{0, nullptr}};
}

void AlignedMemory::Free::operator()(std::byte* memory) const {
  if (region != nullptr) return;
#if defined(__linux__)
  if (mapped != 0) {
    munmap(memory, static_cast<size_t>(mapped));
    return;
  }
#endif
  std::free(memory);
}

AlignedMemory WeightMemory::take(int64_t bytes, const char* what) {
  if (bytes < 0 || bytes >= kHugeFrom) return AlignedMemory(bytes, what);
  const int64_t rounded = (bytes / kAlignment + 1) * kAlignment;
  const std::lock_guard lock(mutex_);
  if (rounded > left_) {
    auto region = std::make_shared<const AlignedMemory>(kRegion, what);
    region_ = region;
    // Huge pages begin at multiples of their size: what lies before the first would be small pages.
    const auto at = reinterpret_cast<uintptr_t>(region->as<std::byte>());
    const auto skipped = static_cast<int64_t>((kHugePage - at % kHugePage) % kHugePage);
    free_ = region->as<std::byte>() + skipped;
    left_ = kRegion - skipped;
  }
  AlignedMemory part;
  part.data_ = {free_, AlignedMemory::Free{0, region_}};
  part.bytes_ = bytes;
  free_ += rounded;
  left_ -= rounded;
  return part;
}

std::unique_ptr<ops::Buffer> allocate_buffer(int64_t bytes) { return std::make_unique<HostBuffer>(bytes); }

std::unique_ptr<ops::Buffer> upload_as_f32(const ops::HostTensor& values) {
  auto buffer = allocate_buffer(values.rows * values.cols * static_cast<int64_t>(sizeof(float)));
  for (int64_t row = 0; row < values.rows; ++row)
    widen_row(values, row, static_cast<float*>(buffer->data()) + row * values.cols);
  return buffer;
}

void widen_row(const ops::HostTensor& tensor, int64_t row, float* out) {
  const int64_t count = tensor.cols;
  const auto* bytes =
      static_cast<const std::byte*>(tensor.data) + row * count * static_cast<int64_t>(size_of(tensor.dtype));
  switch (tensor.dtype) {
    case DType::f32: std::memcpy(out, bytes, static_cast<size_t>(count) * sizeof(float)); return;
    case DType::f16: kernels_for(widest_isa()).widen_f16(bytes, count, out); return;
    case DType::bf16:
      for (int64_t i = 0; i < count; ++i) {
        uint16_t bits;
        std::memcpy(&bits, bytes + 2 * i, 2);
        out[i] = bf16_to_f32(bits);
      }
      return;
    case DType::i8:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = static_cast<float>(std::to_integer<int8_t>(bytes[i])) * tensor.scale[row];
      }
      return;
    default: break;
  }
  throw Error(ErrorCode::internal, "a weight's element type is " + std::to_string(static_cast<int32_t>(tensor.dtype)) +
                                       "; only f32, f16, bf16 and int8 with scales are taken");
}

}  // namespace wtrt::cpu
