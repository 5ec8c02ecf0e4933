// How a product is spread over the threads: rows staged, then blocks of rows × runs of groups.
#include <algorithm>

#include "backends/cpu/packed_matrix.hpp"

namespace wtrt::cpu {
namespace {

constexpr int64_t kRowBlock = 96;          // rows that share one walk over the weights; whole tiles
constexpr int64_t kSerialStage = 4;        // fewer rows are staged by the caller: a region costs more
constexpr int64_t kLeastWork = 64 * 1024;  // bytes of weights times rows that are worth a task
constexpr int64_t kTasksPerThread = 3;

struct Grid {
  int64_t row_blocks, rows_per_block, columns;
};

Grid plan(int64_t rows, const PackedMatrix& matrix, int32_t threads) {
  Grid grid{};
  grid.row_blocks = (rows + kRowBlock - 1) / kRowBlock;
  grid.rows_per_block = std::min(rows, kRowBlock);
  const int64_t work = grid.rows_per_block * matrix.n * matrix.steps() * 4;
  const int64_t wanted = (kTasksPerThread * threads + grid.row_blocks - 1) / grid.row_blocks;
  grid.columns = std::clamp<int64_t>(std::min(wanted, work / kLeastWork), 1, matrix.groups());
  return grid;
}

}  // namespace

Product product_of(const RowsOut& out) {
  Product product;
  product.gelu = out.gelu;
  product.residual = out.residual;
  product.residual_stride = out.residual_stride;
  product.out = out.data;
  product.out_stride = out.stride;
  return product;
}

void multiply_staged(ThreadPool& pool, const Kernels& kernels, const PackedMatrix& matrix, const void* rows,
                     int64_t row_stride, const float* row_scales, int64_t count, const RowsOut& out) {
  if (count <= 0) return;
  Product product = product_of(out);
  product.a = rows;
  product.a_stride = row_stride;
  product.a_scale = row_scales;
  product.weights = matrix.weights.as<void>();
  product.steps = matrix.steps();
  product.n = matrix.n;
  product.scale = matrix.channels.scale.as<float>();
  product.offset = matrix.channels.offset.as<int32_t>();
  product.bias = matrix.channels.bias.as<float>();
  const auto kernel = kernels.product[static_cast<int>(matrix.element)];
  const Grid grid = plan(count, matrix, pool.threads());
  const int64_t groups = matrix.groups();
  pool.parallel_for(static_cast<int32_t>(grid.row_blocks * grid.columns), [&](int32_t task) {
    const int64_t block = task / grid.columns, column = task % grid.columns;
    const int64_t first = block * grid.rows_per_block;
    kernel(product, {first, std::min(count, first + grid.rows_per_block)},
           {groups * column / grid.columns, groups * (column + 1) / grid.columns});
  });
}

void multiply(ThreadPool& pool, const Kernels& kernels, const PackedMatrix& matrix, const RowsIn& in,
              const RowsOut& out, Scratch& scratch) {
  if (matrix.element == Element::f32) {
    multiply_staged(pool, kernels, matrix, in.data, in.stride * 4, nullptr, in.count, out);
    return;
  }
  const bool i8 = matrix.element == Element::i8;
  const int64_t padded = matrix.steps() * k_group(matrix.element);
  // A line between rows keeps them out of each other's cache sets.
  const int64_t stride = (padded * (i8 ? kernels.staged_i8_size : 2) + 127) / 64 * 64;
  scratch.rows.reserve(in.count * stride, "staged rows");
  if (i8) scratch.scales.reserve(in.count * 4, "staged rows");
  auto* const staged = scratch.rows.as<char>();
  float* const scales = scratch.scales.as<float>();
  const auto stage = [&](int64_t row) {
    const float* const from = in.data + row * in.stride;
    if (i8) {
      kernels.stage_i8(from, matrix.k, padded, staged + row * stride, scales + row);
    } else {
      kernels.stage_bf16(from, matrix.k, padded, reinterpret_cast<uint16_t*>(staged + row * stride));
    }
  };
  if (in.count <= kSerialStage) {
    for (int64_t row = 0; row < in.count; ++row) stage(row);
  } else {
    const int64_t chunks = std::min<int64_t>(in.count, 4LL * pool.threads());
    pool.parallel_for(static_cast<int32_t>(chunks), [&](int32_t chunk) {
      for (int64_t row = in.count * chunk / chunks; row < in.count * (chunk + 1) / chunks; ++row) stage(row);
    });
  }
  multiply_staged(pool, kernels, matrix, staged, stride, scales, in.count, out);
}

}  // namespace wtrt::cpu
