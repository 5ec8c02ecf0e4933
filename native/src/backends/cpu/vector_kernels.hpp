// The inner loops of norm, attention, the KV caches and the token policy: one table per instruction set.
//
// Plain pointers and strides (in floats); nothing here allocates, throws or starts a thread.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

// One head's keys and values of a window, packed by EncoderKernels::pack_*; how they lie is the kernels' own affair.
struct EncoderHead {
  void* keys;          // positions and head_size rounded up to position_panel and 4, of element_bytes
  void* values;        // positions and head_size rounded up to position_panel and column_panel
  float* key_units;    // [positions rounded up]: scales, where elements are integers
  float* value_units;  // [positions rounded up + 1]
  int64_t positions, head_size;
};

struct EncoderQueries {
  const float* q;
  int64_t q_stride, rows;
  float* out;
  int64_t out_stride;
};

struct EncoderKernels {
  int64_t rows;  // queries that are best taken together
  int64_t position_panel, column_panel, element_bytes;
  // k, v: the head's columns; rows `stride` apart.
  void (*pack_keys)(const float* k, int64_t stride, const EncoderHead& head);
  void (*pack_values)(const float* v, int64_t stride, const EncoderHead& head);
  void (*attend)(const EncoderQueries& queries, const EncoderHead& head);
};

// One row and head of a KV cache (kv_cache.hpp): block i holds positions [i * block_positions, (i + 1) *
// block_positions).
struct KvSequence {
  std::byte* base;
  const int32_t* pages;                      // block numbers; null: one block
  int64_t page_stride;                       // bytes from block to block
  int64_t block_positions;                   // multiple of 16
  int64_t values, key_scales, value_scales;  // offsets inside a block
  int64_t head_size;
};

constexpr int kMaxTokenTile = 4;

struct TokenTile {  // tokens of one row, in rising order of position
  int32_t count;
  const float* q[kMaxTokenTile];
  float* out[kMaxTokenTile];
  int64_t limit[kMaxTokenTile];  // positions each of them sees
};

struct DecoderKernels {
  // k, v of one position, head_size each.
  void (*store)(const KvSequence& sequence, int64_t position, const float* k, const float* v);
  void (*attend)(const KvSequence& sequence, const TokenTile& tile);
  // q · k / √head_size before the softmax: out[m] receives limit[m] of them.
  void (*score)(const KvSequence& sequence, const TokenTile& tile);
};

struct VectorKernels {
  void (*norm_row)(const float* in, const float* gain, const float* bias, float* out, int64_t width);
  EncoderKernels encoder;
  DecoderKernels decoder_f32, decoder_bf16, decoder_i8;
  // Largest of values[0, n) and the lowest index where it stands; n ≥ 1.
  void (*largest)(const float* values, int64_t n, float* value, int64_t* index);
  // Σ exp(values[i] - offset), -inf counting zero.
  double (*sum_exp)(const float* values, int64_t n, float offset);
};

const VectorKernels& vector_kernels(Isa isa);
// The fastest within the compute type's accuracy that this CPU has at this level.
const EncoderKernels& encoder_kernels(Isa isa, ops::ComputeType compute_type, int64_t head_size);

// One per file of an instruction set.
const VectorKernels& vector_kernels_portable();
const VectorKernels& vector_kernels_avx2();
const VectorKernels& vector_kernels_avx512();
const EncoderKernels& encoder_kernels_avx512_bf16();
const EncoderKernels& encoder_kernels_avx512_vnni();
const EncoderKernels& encoder_kernels_amx();  // heads of whole 64

}  // namespace wtrt::cpu
