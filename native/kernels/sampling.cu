// The next token of rows that need not know of each other, and probabilities of given tokens: the twins of sampling.cpp
// and token_policy.cpp. Compiled without contraction, as the CPU's code is.
#include "draw_kernel.cuh"
#include "launch.cuh"
#include "ops/take_token.hpp"
#include "peak_kernel.cuh"
#include "policy.hpp"
#include "team.cuh"

namespace wtrt::kernels {
namespace {

struct Lines {
  const float* logits;
  int32_t vocabulary;
  ops::StepState state;
  const int32_t* rows;

  __device__ const float* line() const { return logits + static_cast<int64_t>(blockIdx.y) * vocabulary; }
};

// What the leader of a team learns of the chunks.
struct Chunks {
  ops::Peak peaks[ops::kChunks];
  Draw draws[ops::kChunks];
};

// ---- kernels: a team for each line, whose leader joins what all have found ----

__global__ void __launch_bounds__(kPeakThreads, 3) sample_kernel(Lines lines, int32_t advance) {
  __shared__ Tile tile;
  __shared__ Chunks chunks;
  team_arrive();
  wait_for_previous();
  let_next_begin();
  const Team team = this_team();
  const float* line = lines.line();
  ops::Range range = ops::chunk_of(lines.vocabulary, team.rank);
  fetch(tile, line + range.first, range.count);  // on its way while the row's state is looked up
  const int32_t row_index = lines.rows[blockIdx.y];
  if (row_index < 0 || lines.state.rows[row_index].finished != 0) return;
  const ops::RowState& row = lines.state.rows[row_index];
  const ops::TokenPolicy& policy = lines.state.policies[row.policy];
  const float temperature = policy.temperature;
  team_wait();
  for (int32_t index = team.rank; index < ops::kChunks; index += team.size) {
    if (index != team.rank) {
      range = ops::chunk_of(lines.vocabulary, index);
      fetch(tile, line + range.first, range.count);
    }
    Draw drawn{0.0, -1};
    const auto draw = [&](const ops::Peak& peak) {
      if (!(temperature > 0)) return;
      const ops::NoiseKey noise{policy.seed, policy.window, static_cast<uint32_t>(row.candidate),
                                static_cast<uint32_t>(row.sampled)};
      drawn = best_draw({tile, line, range}, temperature, noise, peak.most);
    };
    const ops::Peak peak = peak_of(tile, line, range, NothingMore{}, draw);
    if (threadIdx.x == 0) {
      at_rank(&chunks, 0)->peaks[index] = peak;
      at_rank(&chunks, 0)->draws[index] = drawn;
    }
    __syncthreads();
  }
  team_arrive();
  team_wait();
  if (team.rank != 0 || threadIdx.x >= 32) return;
  const ops::Peak peak = join_in_warp(chunks.peaks);
  if (threadIdx.x != 0) return;
  const int64_t token = temperature > 0 ? join_draws(chunks.draws, peak, static_cast<double>(temperature)) : peak.index;
  const float logit = token == peak.index ? peak.most : line[token];
  ops::take_token(lines.state, row_index, static_cast<int32_t>(token), peak.logprob(logit), advance);
}

__global__ void __launch_bounds__(kPeakThreads, 3) no_speech_kernel(Lines lines) {
  __shared__ Tile tile;
  __shared__ Chunks chunks;
  team_arrive();
  wait_for_previous();
  let_next_begin();
  const Team team = this_team();
  const int32_t row_index = lines.rows[blockIdx.y];
  if (row_index < 0) return;
  const float* line = lines.line();
  team_wait();
  for (int32_t index = team.rank; index < ops::kChunks; index += team.size) {
    const ops::Range range = ops::chunk_of(lines.vocabulary, index);
    fetch(tile, line + range.first, range.count);
    const ops::Peak peak = peak_of(tile, line, range, NothingMore{}, NothingMore{});
    if (threadIdx.x == 0) at_rank(&chunks, 0)->peaks[index] = peak;
    __syncthreads();
  }
  team_arrive();
  team_wait();
  if (team.rank != 0 || threadIdx.x >= 32) return;
  const ops::Peak peak = join_in_warp(chunks.peaks);
  if (threadIdx.x != 0) return;
  ops::RowState& row = lines.state.rows[row_index];
  const int32_t token = lines.state.policies[row.policy].no_speech;
  const bool known = token >= 0 && token < lines.vocabulary && peak.sum > 0.0;
  const double share =
      known ? ops::exp_of(static_cast<double>(line[token]) - static_cast<double>(peak.most)) / peak.sum : 0.0;
  row.no_speech_prob = static_cast<float>(share);
}

// Block (line).
__global__ void __launch_bounds__(kPeakThreads, 3)
    probabilities_kernel(const float* logits, int32_t vocabulary, int32_t limit, const int32_t* targets,
                         float* probabilities) {
  __shared__ Tile tile;
  wait_for_previous();
  let_next_begin();
  const int32_t target = targets[blockIdx.x];
  const float* line = logits + static_cast<int64_t>(blockIdx.x) * vocabulary;
  float probability = 0.0f;
  if (target >= 0 && target < limit) {
    fetch(tile, line, limit);
    const ops::Peak peak = peak_of(tile, line, {0, limit}, NothingMore{}, NothingMore{});
    const double above = static_cast<double>(line[target]) - static_cast<double>(peak.most);
    if (threadIdx.x == 0) probability = static_cast<float>(ops::exp_of(above) / peak.sum);
  }
  if (threadIdx.x == 0) probabilities[blockIdx.x] = probability;
}

LaunchShape shape_for(const Device& device, int32_t lines) {
  const int team = device.sm >= 90 ? ops::kChunks : 1;
  LaunchShape shape{dim3(static_cast<unsigned>(team), static_cast<unsigned>(lines)), kPeakThreads};
  shape.cluster = team;
  shape.overlap = device.sm >= 90;
  return shape;
}

Lines lines_of(const PolicyArgs& args) { return {args.logits, args.vocabulary, args.state, args.rows}; }

}  // namespace

cudaError_t no_speech(const Device& device, const PolicyArgs& args, cudaStream_t stream) {
  if (args.count < 1) return cudaSuccess;
  return launch(no_speech_kernel, shape_for(device, args.count), stream, lines_of(args));
}

cudaError_t sample(const Device& device, const PolicyArgs& args, int32_t advance, cudaStream_t stream) {
  if (args.count < 1) return cudaSuccess;
  return launch(sample_kernel, shape_for(device, args.count), stream, lines_of(args), advance);
}

cudaError_t token_probabilities(const Device& device, const float* logits, int32_t vocabulary, int32_t limit,
                                const int32_t* targets, int32_t count, float* probabilities, cudaStream_t stream) {
  if (limit < 1 || limit > vocabulary) return cudaErrorInvalidValue;
  if (count < 1) return cudaSuccess;
  LaunchShape shape{dim3(static_cast<unsigned>(count)), kPeakThreads};
  shape.overlap = device.sm >= 90;
  return launch(probabilities_kernel, shape, stream, logits, vocabulary, limit, targets, probabilities);
}

}  // namespace wtrt::kernels
