#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>

#include "backends/cpu/attention.hpp"
#include "backends/cpu/kv_access.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

// Consecutive tokens that attend to the same keys and values.
struct TokenRun {
  int32_t row, first, count;  // row: of the first one
  bool live;                  // not the step of a finished row
};

constexpr int32_t kRunsAtOnce = 128;  // so that the list needs no allocation

int32_t position_of(const ops::StepState& state, const ops::TokenSlot& slot) {
  return slot.position < 0 ? state.rows[slot.row].length : slot.position;
}

// Calls body(runs, number) for all tokens, some runs at a time, none longer than `longest`; same(i, j) says whether two
// go together.
template <typename Same, typename Body>
void for_runs(const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count, int32_t longest,
              const Same& same, const Body& body) {
  std::array<TokenRun, kRunsAtOnce> runs;
  int32_t number = 0;
  const auto live = [&](int32_t i) { return tokens[i].position >= 0 || state.rows[tokens[i].row].finished == 0; };
  for (int32_t i = 0; i < count;) {
    TokenRun run{tokens[i].row, i, 1, live(i)};
    while (run.count < longest && i + run.count < count && live(i + run.count) == run.live && same(i, i + run.count))
      ++run.count;
    i += run.count;
    runs[static_cast<size_t>(number++)] = run;
    if (number == kRunsAtOnce || i == count) {
      body(runs.data(), number);
      number = 0;
    }
  }
}

void check(const ops::Tensor& in, int64_t in_cols, const ops::Tensor& out, const ops::AttentionShape& shape,
           int32_t layer, int32_t count) {
  const int64_t width = static_cast<int64_t>(shape.heads) * shape.head_size;
  if (in.dtype != DType::f32 || out.dtype != DType::f32 || in.cols != in_cols || out.cols != width || in.rows < count ||
      out.rows < count || layer < 0 || layer >= shape.layers) {
    throw Error(ErrorCode::internal, "attention of " + std::to_string(count) + " tokens of layer " +
                                         std::to_string(layer) + " over a tensor [" + std::to_string(in.rows) + ", " +
                                         std::to_string(in.cols) + "], the cache's width being " +
                                         std::to_string(width));
  }
}

void check_pages(const CpuPagedKv& cache, const ops::StepState& state, const ops::TokenSlot* tokens,
                 const TokenRun& run) {
  const int32_t* pages = state.pages + static_cast<int64_t>(run.row) * state.pages_per_row;
  int32_t before = -1;
  for (int32_t i = run.first; i < run.first + run.count; ++i) {
    const int32_t position = position_of(state, tokens[i]);
    if (position <= before || position / cache.page_tokens() >= state.pages_per_row) {
      throw Error(ErrorCode::internal, "position " + std::to_string(position) + " of row " + std::to_string(run.row) +
                                           " after " + std::to_string(before) + ": positions rise and end at " +
                                           std::to_string(state.pages_per_row * cache.page_tokens()));
    }
    before = position;
  }
  for (int32_t page = 0; page <= before / cache.page_tokens(); ++page) {
    if (pages[page] < 0 || pages[page] >= cache.pages()) {
      throw Error(ErrorCode::internal, "page " + std::to_string(pages[page]) + " of row " + std::to_string(run.row) +
                                           ": the cache has " + std::to_string(cache.pages()));
    }
  }
}

void check_slots(const CpuCrossKv& cache, const ops::StepState& state, const TokenRun* runs, int32_t number) {
  for (int32_t i = 0; i < number; ++i) {
    const int32_t slot = state.rows[runs[i].row].cross_slot;
    if (!runs[i].live) continue;
    if (slot < 0 || slot >= cache.slots()) {
      throw Error(ErrorCode::internal, "cross-attention slot " + std::to_string(slot) + " of row " +
                                           std::to_string(runs[i].row) + ": the cache has " +
                                           std::to_string(cache.slots()));
    }
    if (cache.length(slot) == 0) {
      throw Error(ErrorCode::internal, "cross-attention slot " + std::to_string(slot) + " of row " +
                                           std::to_string(runs[i].row) + " was never stored");
    }
  }
}

void check_alignment(const CpuCrossKv& cache, int32_t layer, std::span<const int32_t> heads, const ops::Tensor& q,
                     int32_t count, const ops::Tensor& out) {
  const ops::AttentionShape& shape = cache.shape();
  const int64_t width = static_cast<int64_t>(shape.heads) * shape.head_size;
  const auto rows = static_cast<int64_t>(heads.size()) * count;
  const bool known = std::all_of(heads.begin(), heads.end(), [&](int32_t h) { return h >= 0 && h < shape.heads; });
  if (!known || q.dtype != DType::f32 || out.dtype != DType::f32 || q.cols != width ||
      out.cols != cache.layout().positions || q.rows < count || out.rows < rows || layer < 0 || layer >= shape.layers) {
    throw Error(ErrorCode::internal, "alignment scores of " + std::to_string(heads.size()) + " heads of layer " +
                                         std::to_string(layer) + " into a tensor [" + std::to_string(out.rows) + ", " +
                                         std::to_string(out.cols) + "], the cache having " +
                                         std::to_string(shape.heads) + " heads and " +
                                         std::to_string(cache.layout().positions) + " positions");
  }
}

void clear(const ops::Tensor& out, const TokenRun& run, int64_t column, int64_t columns) {
  for (int32_t i = run.first; i < run.first + run.count; ++i) {
    std::memset(static_cast<float*>(out.data) + i * out.cols + column, 0, static_cast<size_t>(columns) * sizeof(float));
  }
}

}  // namespace

void self_attention(Isa isa, ThreadPool& pool, CpuPagedKv& cache, int32_t layer, const ops::Tensor& qkv,
                    const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count, const ops::Tensor& out) {
  const ops::AttentionShape& shape = cache.shape();
  const int64_t size = shape.head_size, width = shape.heads * size;
  check(qkv, 3 * width, out, shape, layer, count);
  const DecoderKernels& kernels = decoder_kernels(isa, cache.layout().type);
  const auto* input = static_cast<const float*>(qkv.data);
  auto* results = static_cast<float*>(out.data);
  const auto same_row = [&](int32_t i, int32_t j) { return tokens[i].row == tokens[j].row && tokens[i].position >= 0; };
  for_runs(state, tokens, count, count, same_row, [&](const TokenRun* runs, int32_t number) {
    for (int32_t i = 0; i < number; ++i) {
      if (runs[i].live) check_pages(cache, state, tokens, runs[i]);
    }
    pool.parallel_for(number * shape.heads, [&](int32_t task) {
      const TokenRun& run = runs[task / shape.heads];
      const int32_t head = task % shape.heads;
      if (!run.live) return clear(out, run, head * size, size);
      const KvSequence sequence =
          sequence_of(cache, layer, state.pages + static_cast<int64_t>(run.row) * state.pages_per_row, head);
      for (int32_t i = run.first; i < run.first + run.count; ++i) {
        const float* k = input + i * 3 * width + width + head * size;
        kernels.store(sequence, position_of(state, tokens[i]), k, k + width);
      }
      for (int32_t i = run.first; i < run.first + run.count; i += kMaxTokenTile) {
        TokenTile tile{};
        for (; tile.count < kMaxTokenTile && i + tile.count < run.first + run.count; ++tile.count) {
          const int32_t token = i + tile.count;
          tile.q[tile.count] = input + token * 3 * width + head * size;
          tile.out[tile.count] = results + token * width + head * size;
          tile.limit[tile.count] = position_of(state, tokens[token]) + 1;
        }
        kernels.attend(sequence, tile);
      }
    });
  });
}

void cross_attention(Isa isa, ThreadPool& pool, const CpuCrossKv& cache, int32_t layer, const ops::Tensor& q,
                     const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count, const ops::Tensor& out) {
  const ops::AttentionShape& shape = cache.shape();
  const int64_t size = shape.head_size, width = shape.heads * size;
  check(q, width, out, shape, layer, count);
  const DecoderKernels& kernels = decoder_kernels(isa, cache.layout().type);
  // Beams and draws of one window read its keys and values once.
  const auto same_slot = [&](int32_t i, int32_t j) {
    return state.rows[tokens[i].row].cross_slot == state.rows[tokens[j].row].cross_slot;
  };
  for_runs(state, tokens, count, kMaxTokenTile, same_slot, [&](const TokenRun* runs, int32_t number) {
    check_slots(cache, state, runs, number);
    // All tiles of a head follow each other: its keys and values stay in the cache while a prompt is read.
    pool.parallel_for(number * shape.heads, [&](int32_t task) {
      const TokenRun& run = runs[task % number];
      const int32_t head = task / number;
      if (!run.live) return clear(out, run, head * size, size);
      const int32_t slot = state.rows[run.row].cross_slot;
      TokenTile tile{};
      tile.count = run.count;
      for (int32_t i = 0; i < run.count; ++i) {
        tile.q[i] = static_cast<const float*>(q.data) + (run.first + i) * width + head * size;
        tile.out[i] = static_cast<float*>(out.data) + (run.first + i) * width + head * size;
        tile.limit[i] = cache.length(slot);
      }
      kernels.attend(sequence_of(cache, layer, slot, head), tile);
    });
  });
}

void alignment_scores(Isa isa, ThreadPool& pool, const CpuCrossKv& cache, int32_t layer, std::span<const int32_t> heads,
                      const ops::Tensor& q, const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count,
                      const ops::Tensor& out) {
  const ops::AttentionShape& shape = cache.shape();
  const int64_t size = shape.head_size, width = shape.heads * size, positions = cache.layout().positions;
  check_alignment(cache, layer, heads, q, count, out);
  const DecoderKernels& kernels = decoder_kernels(isa, cache.layout().type);
  const auto same_row = [&](int32_t i, int32_t j) { return tokens[i].row == tokens[j].row; };
  for_runs(state, tokens, count, kMaxTokenTile, same_row, [&](const TokenRun* runs, int32_t number) {
    check_slots(cache, state, runs, number);
    pool.parallel_for(number * static_cast<int32_t>(heads.size()), [&](int32_t task) {
      const TokenRun& run = runs[task % number];
      const int32_t listed = task / number, head = heads[static_cast<size_t>(listed)];
      const ops::Tensor scores = out.slice(static_cast<int64_t>(listed) * count, count);
      if (!run.live) return clear(scores, run, 0, positions);
      const int32_t slot = state.rows[run.row].cross_slot, length = cache.length(slot);
      TokenTile tile{};
      tile.count = run.count;
      for (int32_t i = 0; i < run.count; ++i) {
        tile.q[i] = static_cast<const float*>(q.data) + (run.first + i) * width + head * size;
        tile.out[i] = static_cast<float*>(scores.data) + (run.first + i) * positions;
        tile.limit[i] = length;
        std::fill(tile.out[i] + length, tile.out[i] + positions, -std::numeric_limits<float>::infinity());
      }
      kernels.score(sequence_of(cache, layer, slot, head), tile);
    });
  });
}

}  // namespace wtrt::cpu
