#include "backends/cpu/kv_cache.hpp"

#include <cstring>
#include <string>

#include "backends/cpu/kv_access.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kStoreChunk = 256;  // positions per task of store_cross_kv

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

void check_shape(const ops::AttentionShape& shape, int32_t blocks, const char* what) {
  if (shape.layers < 1 || shape.heads < 1 || shape.head_size < 1 || shape.head_size > kMaxHeadSize || blocks < 1) {
    throw Error(ErrorCode::invalid_argument,
                "a key/value cache of " + std::to_string(shape.layers) + " layers, " + std::to_string(shape.heads) +
                    " heads of " + std::to_string(shape.head_size) + " and " + std::to_string(blocks) + " " + what +
                    ": each must be at least 1 and the head size at most " + std::to_string(kMaxHeadSize));
  }
}

int64_t total(const ops::AttentionShape& shape, int32_t blocks, const KvBlockLayout& layout) {
  return static_cast<int64_t>(shape.layers) * shape.heads * blocks * layout.bytes;
}

}  // namespace

ops::KvTypes kv_types_of(ops::ComputeType compute_type) {
  switch (compute_type) {
    case ops::ComputeType::f32: return {DType::f32, DType::f32};
    case ops::ComputeType::bf16: return {DType::bf16, DType::bf16};
    case ops::ComputeType::i8:
      return {DType::bf16, DType::i8};  // the self-attention cache is short: nothing to win by less
    case ops::ComputeType::f16: break;  // not the CPU's
  }
  throw Error(ErrorCode::internal, "no cache types for compute type " + std::to_string(static_cast<int>(compute_type)));
}

KvBlockLayout::KvBlockLayout(DType element, int32_t size_of_head, int32_t position_count)
    : type(element),
      head_size(size_of_head),
      positions(position_count),
      groups((position_count + kKvGroup - 1) / kKvGroup) {
  const int64_t padded = static_cast<int64_t>(groups) * kKvGroup, size = static_cast<int64_t>(size_of(element));
  const int64_t columns = (head_size + kKvGroup - 1) / kKvGroup * kKvGroup;
  const int64_t scales = element == DType::i8 ? padded * static_cast<int64_t>(sizeof(float)) : 0;
  const int64_t depth = element == DType::i8 ? (head_size + 3) / 4 * 4 : head_size;
  values = aligned(padded * depth * size);
  key_scales = values + aligned(padded * columns * size);
  value_scales = key_scales + aligned(scales);
  bytes = value_scales + aligned(scales);
}

CpuPagedKv::CpuPagedKv(const ops::AttentionShape& shape, int32_t pages, int32_t page_tokens, DType type)
    : shape_(shape),
      pages_(pages),
      layout_(type, shape.head_size, page_tokens),
      bytes_(cpu::paged_kv_bytes(shape, pages, page_tokens, type)),
      memory_(bytes_, "a self-attention KV cache") {}

CpuCrossKv::CpuCrossKv(const ops::AttentionShape& shape, int32_t slots, int32_t positions, DType type)
    : shape_(shape),
      slots_(slots),
      layout_(type, shape.head_size, positions),
      bytes_(cpu::cross_kv_bytes(shape, slots, positions, type)),
      memory_(bytes_, "a cross-attention KV cache"),
      lengths_(static_cast<size_t>(slots), 0) {}

int64_t paged_kv_bytes(const ops::AttentionShape& shape, int32_t pages, int32_t page_tokens, DType type) {
  check_shape(shape, pages, "pages");
  if (page_tokens < kKvGroup || page_tokens % kKvGroup != 0) {
    throw Error(ErrorCode::invalid_argument, "a page of " + std::to_string(page_tokens) +
                                                 " tokens: it must be a multiple of " + std::to_string(kKvGroup));
  }
  return total(shape, pages, KvBlockLayout(type, shape.head_size, page_tokens));
}

int64_t cross_kv_bytes(const ops::AttentionShape& shape, int32_t slots, int32_t positions, DType type) {
  check_shape(shape, slots, "slots");
  if (positions < 1) {
    throw Error(ErrorCode::invalid_argument,
                "a slot of " + std::to_string(positions) + " positions: it must have at least 1");
  }
  return total(shape, slots, KvBlockLayout(type, shape.head_size, positions));
}

void store_cross_kv(Isa isa, ThreadPool& pool, CpuCrossKv& cache, int32_t layer, const ops::Tensor& kv,
                    std::span<const int32_t> slots) {
  const auto& shape = cache.shape();
  const int64_t width = static_cast<int64_t>(shape.heads) * shape.head_size;
  const auto windows = static_cast<int64_t>(slots.size());
  const int64_t positions = windows > 0 ? kv.rows / windows : 0;
  if (kv.dtype != DType::f32 || kv.cols != 2 * width || kv.rows != windows * positions || positions < 1 ||
      positions > cache.layout().positions || layer < 0 || layer >= shape.layers) {
    throw Error(ErrorCode::internal, "keys and values [" + std::to_string(kv.rows) + ", " + std::to_string(kv.cols) +
                                         "] of layer " + std::to_string(layer) + " for " + std::to_string(windows) +
                                         " slots of " + std::to_string(cache.layout().positions) +
                                         " positions and width " + std::to_string(width));
  }
  for (const int32_t slot : slots) {
    if (slot < 0 || slot >= cache.slots()) {
      throw Error(ErrorCode::internal,
                  "cross-attention slot " + std::to_string(slot) + " of " + std::to_string(cache.slots()));
    }
    cache.set_length(slot, static_cast<int32_t>(positions));
  }
  const auto store = decoder_kernels(isa, cache.layout().type).store;
  const int64_t chunks = (positions + kStoreChunk - 1) / kStoreChunk;
  pool.parallel_for(static_cast<int32_t>(windows * shape.heads * chunks), [&](int32_t task) {
    const int64_t window = task / (shape.heads * chunks);
    const auto head = static_cast<int32_t>(task / chunks % shape.heads);
    const KvSequence sequence = sequence_of(cache, layer, slots[static_cast<size_t>(window)], head);
    const int64_t first = task % chunks * kStoreChunk,
                  end = first + kStoreChunk < positions ? first + kStoreChunk : positions;
    for (int64_t t = first; t < end; ++t) {
      const float* k = static_cast<const float*>(kv.data) + (window * positions + t) * kv.cols + head * shape.head_size;
      store(sequence, t, k, k + width);
    }
  });
}

void copy_pages(ThreadPool& pool, CpuPagedKv& cache, std::span<const ops::PageCopy> copies) {
  const auto count = static_cast<int32_t>(copies.size());
  for (const ops::PageCopy& copy : copies) {
    if (copy.from < 0 || copy.from >= cache.pages() || copy.to < 0 || copy.to >= cache.pages()) {
      throw Error(ErrorCode::internal, "a copy of page " + std::to_string(copy.from) + " to " +
                                           std::to_string(copy.to) + ": the cache has " +
                                           std::to_string(cache.pages()));
    }
  }
  const int64_t bytes = cache.shape().heads * cache.layout().bytes;  // the heads of a page follow each other
  pool.parallel_for(count * cache.shape().layers, [&](int32_t task) {
    const ops::PageCopy& copy = copies[static_cast<size_t>(task % count)];
    const int32_t layer = task / count;
    std::memcpy(cache.block(layer, copy.to, 0), cache.block(layer, copy.from, 0), static_cast<size_t>(bytes));
  });
}

}  // namespace wtrt::cpu
