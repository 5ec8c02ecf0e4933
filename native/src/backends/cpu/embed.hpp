// Token embedding and the gathering of rows.
#pragma once

#include <cstdint>
#include <functional>

#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

// Writes row n of the embedding matrix as f32: the packed Linear's unpack_row.
using UnpackRow = std::function<void(int64_t n, float* out)>;

// out[i] = table[token] + positions[position]; a finished row's step gives zeros. Throws internal for a token or
// position outside.
void embed(ThreadPool& pool, const UnpackRow& table, int64_t vocabulary, const ops::Tensor& positions,
           const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count, const ops::Tensor& out);

// out[i] = in[rows[i]], any type.
void gather(ThreadPool& pool, const ops::Tensor& in, const int32_t* rows, int32_t count, const ops::Tensor& out);

}  // namespace wtrt::cpu
