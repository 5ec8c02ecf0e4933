// What each instruction set's file offers; gemm.cpp chooses. Constant data: asking for it runs no code of that file.
#pragma once

#include "backends/cpu/gemm.hpp"

namespace wtrt::cpu {

extern const Kernels kernels_portable;
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
void product_i8_avx512(const Product& product, Range rows, Range groups);
void product_bf16_avx512(const Product& product, Range rows, Range groups);
void product_i8_amx(const Product& product, Range rows, Range groups);
void product_bf16_amx(const Product& product, Range rows, Range groups);

}  // namespace wtrt::cpu
