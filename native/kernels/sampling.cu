// The next token of rows that need not know of each other, and probabilities of given tokens: the twins of sampling.cpp
// and token_policy.cpp. Compiled without contraction, as the CPU's code is.
#include "draw_kernel.cuh"
#include "ops/take_token.hpp"
#include "peak_kernel.cuh"
#include "policy.hpp"
#include "ptx_launch.cuh"

namespace wtrt::kernels {
namespace {

struct Lines {
  const float* logits;
  int32_t vocabulary;
  ops::StepState state;
  const int32_t* rows;

  __device__ const float* line() const { return logits + static_cast<int64_t>(blockIdx.y) * vocabulary; }
};

// What the leader of a team learns of a chunk.
struct Chunks {
  Letter peaks[ops::kChunks], draws[ops::kChunks];
  Bell bell;
};

__device__ Letter letter_of(const ops::Peak& peak) {
  return {__float_as_uint(peak.most) | static_cast<uint64_t>(peak.index) << 32,
          static_cast<uint64_t>(__double_as_longlong(peak.sum))};
}
__device__ Letter letter_of(const Draw& draw) {
  return {static_cast<uint64_t>(__double_as_longlong(draw.value)), static_cast<uint64_t>(draw.index)};
}

// A chunk's peak and draw, by one lane each.
__device__ ops::Peak peak_in(const Chunks& chunks, uint32_t lane) {
  if (lane >= ops::kChunks) return {ops::kForbidden, 0, 0.0};
  const Letter& letter = chunks.peaks[lane];
  return {__uint_as_float(static_cast<uint32_t>(letter.low)), static_cast<int64_t>(letter.low >> 32),
          __longlong_as_double(static_cast<long long>(letter.high))};
}
__device__ Draw draw_in(const Chunks& chunks, uint32_t lane) {
  if (lane >= ops::kChunks) return {static_cast<double>(ops::kForbidden), -1};
  const Letter& letter = chunks.draws[lane];
  return {__longlong_as_double(static_cast<long long>(letter.low)), static_cast<int64_t>(letter.high)};
}

// ---- kernels: a team for each line, whose leader joins what all have found ----

__global__ void __launch_bounds__(kPeakThreads, 3) sample_kernel(Lines lines, int32_t advance) {
  __shared__ PeakBoard board;
  __shared__ Chunks chunks;
  if (threadIdx.x == 0) expect_letters(chunks.bell, 2 * ops::kChunks);
  team_arrive();
  wait_for_previous();
  let_next_begin();
  const Team team = this_team();
  const float* line = lines.line();
  ops::Range range = ops::chunk_of(lines.vocabulary, team.rank);
  Tile tile = fetch(line + range.first, range.count);  // on its way while the row's state is looked up
  const int32_t row_index = lines.rows[blockIdx.y];
  if (row_index < 0 || lines.state.rows[row_index].finished != 0) return;
  const ops::RowState& row = lines.state.rows[row_index];
  const ops::TokenPolicy& policy = lines.state.policies[row.policy];
  const float temperature = policy.temperature;
  team_wait();
  for (int32_t index = team.rank;;) {
    const ops::Peak peak = peak_of(board, tile, line, range, NoEdit{});
    Draw drawn{static_cast<double>(ops::kForbidden), -1};
    if (temperature > 0) {
      const ops::NoiseKey noise{policy.seed, policy.window, static_cast<uint32_t>(row.candidate),
                                static_cast<uint32_t>(row.sampled)};
      drawn = best_draw(line, range, temperature, noise, peak.most);
    }
    if (threadIdx.x == 0) {
      send(team, letter_of(peak), chunks.peaks[index], chunks.bell, 0);
      send(team, letter_of(drawn), chunks.draws[index], chunks.bell, 0);
    }
    index += team.size;
    if (index >= ops::kChunks) break;
    __syncthreads();
    range = ops::chunk_of(lines.vocabulary, index);
    tile = fetch(line + range.first, range.count);
  }
  if (team.rank != 0) return;
  const ops::RowState before = row;  // under way while the others are awaited
  const int32_t eot = policy.eot;
  await_letters(team, chunks.bell);
  if (threadIdx.x >= 32) return;
  const ops::Peak peak = join_in_warp(peak_in(chunks, threadIdx.x));
  int64_t token = peak.index;
  if (temperature > 0) {
    const Draw drawn = better_of_warp(draw_in(chunks, threadIdx.x));
    if (drawn.index >= 0) token = drawn.index;  // none where everything is forbidden
  }
  const float logit = token == peak.index ? peak.most : line[token];
  const double logprob = peak.logprob(logit);
  if (threadIdx.x == 0)
    ops::take_token(lines.state, row_index, before, eot, static_cast<int32_t>(token), logprob, advance);
}

__global__ void __launch_bounds__(kPeakThreads, 3) no_speech_kernel(Lines lines) {
  __shared__ PeakBoard board;
  __shared__ Chunks chunks;
  if (threadIdx.x == 0) expect_letters(chunks.bell, ops::kChunks);
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
    Tile tile = fetch(line + range.first, range.count);
    const ops::Peak peak = peak_of(board, tile, line, range, NoEdit{});
    if (threadIdx.x == 0) send(team, letter_of(peak), chunks.peaks[index], chunks.bell, 0);
    __syncthreads();
  }
  if (team.rank != 0) return;
  await_letters(team, chunks.bell);
  if (threadIdx.x >= 32) return;
  const ops::Peak peak = join_in_warp(peak_in(chunks, threadIdx.x));
  ops::RowState& row = lines.state.rows[row_index];
  const int32_t token = lines.state.policies[row.policy].no_speech;
  const bool known = token >= 0 && token < lines.vocabulary && peak.sum > 0.0;
  const double share =
      known ? ops::exp_of(static_cast<double>(line[token]) - static_cast<double>(peak.most)) / peak.sum : 0.0;
  if (threadIdx.x == 0) row.no_speech_prob = static_cast<float>(share);
}

// Block (line).
__global__ void __launch_bounds__(kPeakThreads, 3)
    probabilities_kernel(const float* logits, int32_t vocabulary, int32_t limit, const int32_t* targets,
                         float* probabilities) {
  __shared__ PeakBoard board;
  wait_for_previous();
  let_next_begin();
  const int32_t target = targets[blockIdx.x];
  const float* line = logits + static_cast<int64_t>(blockIdx.x) * vocabulary;
  float probability = 0.0f;
  if (target >= 0 && target < limit) {
    Tile tile = fetch(line, limit);
    const ops::Peak peak = peak_of(board, tile, line, {0, limit}, NoEdit{});
    const double above = static_cast<double>(line[target]) - static_cast<double>(peak.most);
    if (threadIdx.x == 0) probability = static_cast<float>(ops::exp_of(above) / peak.sum);
  }
  if (threadIdx.x == 0) probabilities[blockIdx.x] = probability;
}

Launch how_for(const Device& device, int32_t lines) {
  const int team = device.sm >= 90 ? ops::kChunks : 1;
  return {dim3(static_cast<unsigned>(team), static_cast<unsigned>(lines)), kPeakThreads, team, device.sm >= 90};
}

Lines lines_of(const PolicyArgs& args) { return {args.logits, args.vocabulary, args.state, args.rows}; }

}  // namespace

cudaError_t no_speech(const Device& device, const PolicyArgs& args, cudaStream_t stream) {
  if (args.count < 1) return cudaSuccess;
  return launch(how_for(device, args.count), stream, no_speech_kernel, lines_of(args));
}

cudaError_t sample(const Device& device, const PolicyArgs& args, int32_t advance, cudaStream_t stream) {
  if (args.count < 1) return cudaSuccess;
  return launch(how_for(device, args.count), stream, sample_kernel, lines_of(args), advance);
}

cudaError_t token_probabilities(const Device& device, const float* logits, int32_t vocabulary, int32_t limit,
                                const int32_t* targets, int32_t count, float* probabilities, cudaStream_t stream) {
  if (limit < 1 || limit > vocabulary) return cudaErrorInvalidValue;
  if (count < 1) return cudaSuccess;
  const Launch how{dim3(static_cast<unsigned>(count)), kPeakThreads, 1, device.sm >= 90};
  return launch(how, stream, probabilities_kernel, logits, vocabulary, limit, targets, probabilities);
}

}  // namespace wtrt::kernels
