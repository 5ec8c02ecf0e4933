// Matrix products of whole windows by oneDNN, where it is faster than our own kernels. Everything that knows oneDNN is
// behind this door.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "backends/cpu/cpu_backend.hpp"
#include "backends/cpu/gemm.hpp"
#include "backends/cpu/packed_matrix.hpp"
#include "common/thread_pool.hpp"
#include "ops/ops.hpp"

namespace wtrt::cpu {

// "2.6.3", or empty when built without oneDNN.
std::string onednn_version();

// Whether oneDNN is built in and may use exactly what this level has. Its widest instruction set is a setting of the
// whole process that stands from the first use on: the first level that asks gets it, another level later gets `false`
// and works without oneDNN.
bool onednn_serves(Isa isa);

// A weight matrix in oneDNN's own layout (the only copy), multiplied in blocks of rows of one size.
class OneDnnMatrix {
 public:
  // onednn_serves(isa) must have said yes. `kernels` stage rows and finish results; they must stage int8 with
  // the offset (AVX-512).
  OneDnnMatrix(ThreadPool& pool, const Kernels& kernels, Element element, std::span<const ops::LinearPart> parts);
  ~OneDnnMatrix();
  OneDnnMatrix(const OneDnnMatrix&) = delete;
  OneDnnMatrix& operator=(const OneDnnMatrix&) = delete;

  int64_t n() const;
  int64_t k() const;
  int64_t bytes() const;
  void multiply(ThreadPool& pool, const RowsIn& in, const RowsOut& out, Scratch& scratch) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wtrt::cpu
