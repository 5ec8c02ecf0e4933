// The key/value caches of the CPU and how their bytes lie.
//
// Both caches are made of blocks: the keys and values of one head over a run of positions (a page, or a whole slot).
// Keys stand in groups of 16 positions, so that one vector holds the same component of 16 keys; values stand position
// by position.
//   f32, bf16: keys [groups][head_size][16], values [positions][columns], columns = head_size rounded up to 16
//   i8: keys [groups][head_size / 4][16][4] (plus 128), values [positions / 4][columns][4], so that a byte dot product
//   takes four at a
//       time; scales [positions] of keys and of values (f32)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/cpu/cpu_backend.hpp"
#include "backends/cpu/memory.hpp"
#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

constexpr int32_t kKvGroup = 16;  // positions per group of keys
constexpr int32_t kMaxHeadSize = 256;

// The caches' element types under a compute type.
ops::KvTypes kv_types_of(ops::ComputeType compute_type);

// Where the parts of a block lie, in bytes from its beginning (64-byte aligned).
struct KvBlockLayout {
  DType type;
  int32_t head_size, positions, groups;
  int64_t values, key_scales, value_scales, bytes;
  KvBlockLayout(DType element, int32_t size_of_head, int32_t position_count);
};

class CpuPagedKv final : public ops::PagedKv {
 public:
  CpuPagedKv(const ops::AttentionShape& shape, int32_t pages, int32_t page_tokens, DType type);
  int64_t bytes() const override { return bytes_; }
  int32_t page_tokens() const override { return layout_.positions; }
  const ops::AttentionShape& shape() const { return shape_; }
  int32_t pages() const { return pages_; }
  const KvBlockLayout& layout() const { return layout_; }
  std::byte* block(int32_t layer, int32_t page, int32_t head) const {
    return memory_.as<std::byte>() +
           ((static_cast<int64_t>(layer) * pages_ + page) * shape_.heads + head) * layout_.bytes;
  }

 private:
  ops::AttentionShape shape_;
  int32_t pages_;
  KvBlockLayout layout_;
  int64_t bytes_;
  AlignedMemory memory_;
};

class CpuCrossKv final : public ops::CrossKv {
 public:
  CpuCrossKv(const ops::AttentionShape& shape, int32_t slots, int32_t positions, DType type);
  int64_t bytes() const override { return bytes_; }
  const ops::AttentionShape& shape() const { return shape_; }
  int32_t slots() const { return slots_; }
  const KvBlockLayout& layout() const { return layout_; }
  // Positions that a slot holds: those of the window stored last; 0 before the first.
  int32_t length(int32_t slot) const { return lengths_[static_cast<size_t>(slot)]; }
  void set_length(int32_t slot, int32_t positions) { lengths_[static_cast<size_t>(slot)] = positions; }
  std::byte* block(int32_t layer, int32_t slot, int32_t head) const {
    return memory_.as<std::byte>() +
           ((static_cast<int64_t>(slot) * shape_.layers + layer) * shape_.heads + head) * layout_.bytes;
  }

 private:
  ops::AttentionShape shape_;
  int32_t slots_;
  KvBlockLayout layout_;
  int64_t bytes_;
  AlignedMemory memory_;
  std::vector<int32_t> lengths_;
};

// What the constructors would allocate.
int64_t paged_kv_bytes(const ops::AttentionShape& shape, int32_t pages, int32_t page_tokens, DType type);
int64_t cross_kv_bytes(const ops::AttentionShape& shape, int32_t slots, int32_t positions, DType type);

// kv [slots.size() * T, 2 * width] f32, k and v side by side; T is at most the slots' positions, and becomes their
// length.
void store_cross_kv(Isa isa, ThreadPool& pool, CpuCrossKv& cache, int32_t layer, const ops::Tensor& kv,
                    std::span<const int32_t> slots);

// All layers of each page.
void copy_pages(ThreadPool& pool, CpuPagedKv& cache, std::span<const ops::PageCopy> copies);

}  // namespace wtrt::cpu
