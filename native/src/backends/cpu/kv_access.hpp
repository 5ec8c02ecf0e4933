// How the kernels reach into the caches.
#pragma once

#include <string>

#include "backends/cpu/kv_cache.hpp"
#include "backends/cpu/vector_kernels.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {

inline const DecoderKernels& decoder_kernels(Isa isa, DType type) {
  const VectorKernels& kernels = vector_kernels(isa);
  switch (type) {
    case DType::f32: return kernels.decoder_f32;
    case DType::bf16: return kernels.decoder_bf16;
    case DType::i8: return kernels.decoder_i8;
    default:
      throw Error(ErrorCode::internal, "no key/value cache of element type " + std::to_string(static_cast<int>(type)));
  }
}

inline KvSequence sequence_in(const KvBlockLayout& layout, std::byte* base, const int32_t* pages, int64_t page_stride) {
  return {base,
          pages,
          page_stride,
          layout.positions,
          layout.values,
          layout.key_scales,
          layout.value_scales,
          layout.head_size};
}

inline KvSequence sequence_of(const CpuCrossKv& cache, int32_t layer, int32_t slot, int32_t head) {
  return sequence_in(cache.layout(), cache.block(layer, slot, head), nullptr, 0);
}

inline KvSequence sequence_of(const CpuPagedKv& cache, int32_t layer, const int32_t* pages, int32_t head) {
  return sequence_in(cache.layout(), cache.block(layer, 0, head), pages, cache.shape().heads * cache.layout().bytes);
}

}  // namespace wtrt::cpu
