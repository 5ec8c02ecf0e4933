#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/json.hpp"
#include "common/error.hpp"
#include "common/thread_pool.hpp"

namespace wtrt::checkpoint {
namespace {

template <typename T>
T load(const std::byte* at, size_t index) {
  T value;
  std::memcpy(&value, at + index * sizeof(T), sizeof(T));
  return value;
}

// The first element for which `is_bad` holds, or -1. Blocks without a branch inside, so that the compiler vectorises
// them.
template <typename T, typename Test>
int64_t find_bad(std::span<const std::byte> data, Test is_bad) {
  constexpr size_t kBlock = 4096;
  const size_t count = data.size() / sizeof(T);
  for (size_t begin = 0; begin < count; begin += kBlock) {
    const size_t end = std::min(count, begin + kBlock);
    T any = 0;
    for (size_t i = begin; i < end; ++i) any = static_cast<T>(any | (is_bad(load<T>(data.data(), i)) ? T{1} : T{0}));
    if (any == 0) continue;
    for (size_t i = begin; i < end; ++i) {
      if (is_bad(load<T>(data.data(), i))) return static_cast<int64_t>(i);
    }
  }
  return -1;
}

int64_t find_not_finite(DType type, std::span<const std::byte> data) {
  switch (type) {
    case DType::f32: return find_bad<uint32_t>(data, [](uint32_t v) { return (v & 0x7f800000u) == 0x7f800000u; });
    case DType::f16: return find_bad<uint16_t>(data, [](uint16_t v) { return (v & 0x7c00u) == 0x7c00u; });
    case DType::bf16: return find_bad<uint16_t>(data, [](uint16_t v) { return (v & 0x7f80u) == 0x7f80u; });
    case DType::i8: return find_bad<uint8_t>(data, [](uint8_t v) { return v == 0x80u; });
    case DType::i32:
    case DType::u8:
    case DType::i64: return -1;
  }
  return -1;
}

// The same by a pool's threads where it is worth it: a large model's gigabytes come from the page cache as fast as
// that.
int64_t find_not_finite(const TensorView& tensor, ThreadPool* pool) {
  constexpr size_t kPiece = size_t{1} << 20;
  const size_t pieces = (tensor.data.size() + kPiece - 1) / kPiece;
  if (pool == nullptr || pieces < 4) return find_not_finite(tensor.dtype, tensor.data);
  std::vector<int64_t> found(pieces);
  const ThreadPool::Lease lease(*pool);
  pool->parallel_for(static_cast<int32_t>(pieces), [&](int32_t piece) {
    const size_t begin = static_cast<size_t>(piece) * kPiece;
    const auto data = tensor.data.subspan(begin, std::min(kPiece, tensor.data.size() - begin));
    found[static_cast<size_t>(piece)] = find_not_finite(tensor.dtype, data);
  });
  for (size_t piece = 0; piece < pieces; ++piece) {
    if (found[piece] >= 0) return static_cast<int64_t>(piece * kPiece / size_of(tensor.dtype)) + found[piece];
  }
  return -1;
}

// Branch-free, so that it vectorises; exact, subnormals included, whatever the thread's flush-to-zero mode.
float half_to_float(uint16_t half) {
  const uint32_t magnitude = half & 0x7fffu;
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t normal = (magnitude << 13) + (112u << 23);
  const float subnormal = std::bit_cast<float>((magnitude << 13) + (113u << 23)) - 0x1p-14f;
  const uint32_t special = (magnitude << 13) | 0x7f800000u;
  const uint32_t bits = magnitude >= 0x7c00u  ? special
                        : magnitude < 0x0400u ? std::bit_cast<uint32_t>(subnormal)
                                              : normal;
  return std::bit_cast<float>(bits | sign);
}

}  // namespace

void check_finite(const TensorView& tensor, std::string_view name, ThreadPool* pool) {
  const int64_t place = find_not_finite(tensor, pool);
  if (place < 0) return;
  throw Error(ErrorCode::invalid_checkpoint,
              "tensor " + in_quotes(name) +
                  (tensor.dtype == DType::i8 ? ": int8 weight -128" : ": NaN or infinite weight") + " at element " +
                  std::to_string(place) + "; the checkpoint is damaged");
}

void read_f32(const TensorView& tensor, int64_t first, std::span<float> out) {
  const auto available = static_cast<int64_t>(tensor.data.size() / size_of(tensor.dtype));
  if (first < 0 || first > available || static_cast<int64_t>(out.size()) > available - first) {
    throw Error(ErrorCode::invalid_argument, "elements " + std::to_string(first) + " + " + std::to_string(out.size()) +
                                                 " are outside a tensor of " + std::to_string(available));
  }
  if (out.empty()) return;
  const std::byte* source = tensor.data.data() + static_cast<size_t>(first) * size_of(tensor.dtype);
  switch (tensor.dtype) {
    case DType::f32: std::memcpy(out.data(), source, out.size_bytes()); return;
    case DType::f16:
      for (size_t i = 0; i < out.size(); ++i) out[i] = half_to_float(load<uint16_t>(source, i));
      return;
    case DType::bf16:
      for (size_t i = 0; i < out.size(); ++i) out[i] = bf16_to_f32(load<uint16_t>(source, i));
      return;
    case DType::i8:
    case DType::i32:
    case DType::u8:
    case DType::i64: break;
  }
  throw Error(ErrorCode::invalid_argument, "only F32, F16 and BF16 tensors can be read as f32");
}

}  // namespace wtrt::checkpoint
