// Products of a few or many rows with a packed weight matrix, out = activation(a · Wᵀ + bias) [+ residual], one
// implementation per instruction set behind a table of functions.
//
// Packed weights: groups of `panels` · 16 output channels (the last group has as many panels as are needed); within a
// group, for each step of k (1 f32, 2 bf16 or 4 int8 of k, always four bytes), the group's channels side by side. So
// one step of 16 channels is 64 bytes, and a whole matrix is read front to back.
//
// Every output element is one chain over rising k, whatever tile it is computed in: its bits depend on neither the
// number of rows, nor their place, nor the split over threads. Sums of int8 are exact, hence equal on every instruction
// set.
#pragma once

#include <cstdint>

namespace wtrt::cpu {

enum class Isa : int32_t;

constexpr int64_t kPanel = 16;  // output channels per panel

enum class Element : int32_t { f32 = 0, bf16 = 1, i8 = 2 };

// How many values of k share a step's four bytes.
constexpr int64_t k_group(Element element) { return element == Element::f32 ? 1 : element == Element::bf16 ? 2 : 4; }

struct Product {
  const void* a = nullptr;         // rows in the element's staged form (Kernels::stage_*); f32: the input itself
  int64_t a_stride = 0;            // bytes
  const float* a_scale = nullptr;  // int8: one per row
  const void* weights = nullptr;
  int64_t steps = 0, n = 0;
  const float* scale = nullptr;     // int8: one per channel. This and the next two are padded to whole panels
  const int32_t* offset = nullptr;  // int8: added to the integer sum
  const float* bias = nullptr;
  bool gelu = false;
  const float* residual = nullptr;  // null: none; may be `out`
  int64_t residual_stride = 0;      // floats
  float* out = nullptr;
  int64_t out_stride = 0;  // floats
};

struct Range {
  int64_t begin, end;
};

struct Kernels {
  int64_t panels;          // per group
  int64_t staged_i8_size;  // bytes per staged activation
  bool staged_offset;      // staged activations are unsigned, the value + 128
  // Quantizes a row symmetrically, scale = max|x| / 127, rounding half to even; fills up to `padded` values.
  void (*stage_i8)(const float* row, int64_t k, int64_t padded, void* staged, float* scale);
  void (*stage_bf16)(const float* row, int64_t k, int64_t padded, uint16_t* staged);
  void (*widen_f16)(const void* values, int64_t count, float* out);  // at any address
  // Computes rows × groups of the product. By Element; null where the level cannot.
  void (*product[3])(const Product& product, Range rows, Range groups);
  // The epilogue alone, for sums that another library made: rows of `sum_stride` i32 (int8) or f32, the first of them
  // for rows.begin.
  void (*finish_i8)(const Product& product, const int32_t* sums, int64_t sum_stride, Range rows);
  void (*finish_float)(const Product& product, const float* sums, int64_t sum_stride, Range rows);
};

// For prompts and steps; and for windows, where bf16 may be summed in another order.
const Kernels& kernels_for(Isa isa);
const Kernels& window_kernels_for(Isa isa);

}  // namespace wtrt::cpu
