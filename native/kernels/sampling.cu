// The next token of rows that need not know of each other, and probabilities of given tokens: the twins of sampling.cpp and
// token_policy.cpp. Compiled without contraction, as the CPU's code is.
#include "ops/random.hpp"
#include "ops/take_token.hpp"
#include "peak_kernel.cuh"
#include "policy_scratch.cuh"
#include "ptx_launch.cuh"

namespace wtrt::kernels {
namespace {

struct Lines {
  const float* logits;
  int32_t vocabulary;
  ops::StepState state;
  const int32_t* rows;
  LineScratch* scratch;
};

// Whether this block is the last one to leave its part of the line; known to the threads of warp 0, the others are told no.
__device__ bool last_of(LineScratch& scratch) {
  if (threadIdx.x >= 32) return false;
  uint32_t before = 0;
  if (threadIdx.x == 0) {
    __threadfence();
    before = atomicInc(&scratch.arrivals, ops::kChunks - 1);  // the last one sets it to 0
    __threadfence();
  }
  __syncwarp();
  return __shfl_sync(kAllLanes, before, 0) == ops::kChunks - 1;
}

// ---- draws at a temperature ----

__device__ bool better(const Draw& a, const Draw& b) { return a.value > b.value || (a.value == b.value && a.index < b.index); }

__device__ ops::NoiseKey noise_of(const ops::TokenPolicy& policy, const ops::RowState& row) {
  return {policy.seed, policy.window, static_cast<uint32_t>(row.candidate), static_cast<uint32_t>(row.sampled)};
}

// Of a range, as best_draw of sampling.cpp; the largest logit's own noise sets the floor. Valid in thread 0.
__device__ Draw best_draw(const float* line, ops::Range range, double temperature, const ops::NoiseKey& noise, float most) {
  __shared__ Draw draws[kPolicyThreads / 32];
  constexpr int64_t kNone = 0x7fffffffffffffff;
  Draw best{static_cast<double>(most) / temperature + ops::kLeastNoise, kNone};
  const int64_t end = range.first + range.count;
  for (int64_t block = range.first / 4 + threadIdx.x; block * 4 < end; block += kPolicyThreads) {
    ops::Philox bits;
    bool known = false;
    for (int64_t i = max(block * 4, range.first); i < min(block * 4 + 4, end); ++i) {
      const double value = static_cast<double>(line[i]) / temperature;
      if (!(value + ops::kMostNoise > best.value)) continue;
      if (!known) bits = noise.four(block);
      known = true;
      const double noisy = value + ops::gumbel(bits[static_cast<size_t>(i % 4)]);
      if (noisy > best.value) best = {noisy, i};
    }
  }
  for (int step = 16; step > 0; step /= 2) {
    const Draw other{__shfl_xor_sync(kAllLanes, best.value, step), __shfl_xor_sync(kAllLanes, best.index, step)};
    if (better(other, best)) best = other;
  }
  if (threadIdx.x % 32 == 0) draws[threadIdx.x / 32] = best;
  __syncthreads();
  for (int warp = 1; warp < kPolicyThreads / 32; ++warp)
    if (better(draws[warp], best)) best = draws[warp];
  if (best.index == kNone) best.index = -1;
  return best;
}

__device__ int64_t join_draws(const Draw* draws, const ops::Peak& peak, double temperature) {
  Draw best{static_cast<double>(peak.most) / temperature + ops::kLeastNoise, peak.index};
  for (int32_t i = 0; i < ops::kChunks; ++i) {
    const Draw one{__ldcg(&draws[i].value), __ldcg(reinterpret_cast<const long long*>(&draws[i].index))};
    if (one.index >= 0 && one.value > best.value) best = one;
  }
  return best.index;
}

// ---- kernels: block (chunk, line); the last block of a line joins what all have found ----

__global__ void __launch_bounds__(kPolicyThreads) sample_kernel(Lines lines, int32_t advance) {
  wait_for_previous();
  let_next_begin();
  const int32_t row_index = lines.rows[blockIdx.y];
  if (row_index < 0 || lines.state.rows[row_index].finished != 0) return;
  const ops::RowState& row = lines.state.rows[row_index];
  const ops::TokenPolicy& policy = lines.state.policies[row.policy];
  const float* line = lines.logits + static_cast<int64_t>(blockIdx.y) * lines.vocabulary;
  LineScratch& scratch = lines.scratch[blockIdx.y];
  const ops::Range range = ops::chunk_of(lines.vocabulary, static_cast<int32_t>(blockIdx.x));
  const auto temperature = static_cast<double>(policy.temperature);

  const ops::Peak part = peak_of<kPolicyThreads>(line, range);
  Draw drawn{0.0, -1};
  if (temperature > 0) drawn = best_draw(line, range, temperature, noise_of(policy, row), part.most);
  if (threadIdx.x == 0) {
    scratch.peaks[blockIdx.x] = part;
    scratch.draws[blockIdx.x] = drawn;
  }
  if (!last_of(scratch)) return;
  const ops::Peak peak = join_in_warp(scratch.peaks);
  if (threadIdx.x != 0) return;
  const int64_t token = temperature > 0 ? join_draws(scratch.draws, peak, temperature) : peak.index;
  ops::take_token(lines.state, row_index, static_cast<int32_t>(token), peak.logprob(line[token]), advance);
}

__global__ void __launch_bounds__(kPolicyThreads) no_speech_kernel(Lines lines) {
  wait_for_previous();
  let_next_begin();
  const int32_t row_index = lines.rows[blockIdx.y];
  if (row_index < 0) return;
  const float* line = lines.logits + static_cast<int64_t>(blockIdx.y) * lines.vocabulary;
  LineScratch& scratch = lines.scratch[blockIdx.y];
  const ops::Peak part = peak_of<kPolicyThreads>(line, ops::chunk_of(lines.vocabulary, static_cast<int32_t>(blockIdx.x)));
  if (threadIdx.x == 0) scratch.peaks[blockIdx.x] = part;
  if (!last_of(scratch)) return;
  const ops::Peak peak = join_in_warp(scratch.peaks);
  if (threadIdx.x != 0) return;
  ops::RowState& row = lines.state.rows[row_index];
  const int32_t token = lines.state.policies[row.policy].no_speech;
  const bool known = token >= 0 && token < lines.vocabulary && peak.sum > 0.0;
  const double share = known ? ops::exp_of(static_cast<double>(line[token]) - static_cast<double>(peak.most)) / peak.sum : 0.0;
  row.no_speech_prob = static_cast<float>(share);
}

constexpr int32_t kProbabilityThreads = 512;

// Block (line).
__global__ void __launch_bounds__(kProbabilityThreads)
    probabilities_kernel(const float* logits, int32_t vocabulary, int32_t limit, const int32_t* targets, float* probabilities) {
  wait_for_previous();
  let_next_begin();
  const int32_t target = targets[blockIdx.x];
  const float* line = logits + static_cast<int64_t>(blockIdx.x) * vocabulary;
  float probability = 0.0f;
  if (target >= 0 && target < limit) {
    const ops::Peak peak = peak_of<kProbabilityThreads>(line, {0, limit});
    if (threadIdx.x == 0) {
      const double above = static_cast<double>(line[target]) - static_cast<double>(peak.most);
      probability = static_cast<float>(ops::exp_of(above) / peak.sum);
    }
  }
  if (threadIdx.x == 0) probabilities[blockIdx.x] = probability;
}

Lines lines_of(const PolicyArgs& args) { return {args.logits, args.vocabulary, args.state, args.rows, scratch_of(args)}; }
dim3 blocks_of(const PolicyArgs& args) { return dim3(ops::kChunks, static_cast<unsigned>(args.count)); }

}  // namespace

cudaError_t no_speech(const PolicyArgs& args, cudaStream_t stream) {
  if (args.count < 1) return cudaSuccess;
  return launch_dependent(no_speech_kernel, blocks_of(args), kPolicyThreads, stream, lines_of(args));
}

cudaError_t sample(const PolicyArgs& args, int32_t advance, cudaStream_t stream) {
  if (args.count < 1) return cudaSuccess;
  return launch_dependent(sample_kernel, blocks_of(args), kPolicyThreads, stream, lines_of(args), advance);
}

cudaError_t token_probabilities(const float* logits, int32_t vocabulary, int32_t limit, const int32_t* targets, int32_t count,
                                float* probabilities, cudaStream_t stream) {
  if (limit < 1 || limit > vocabulary) return cudaErrorInvalidValue;
  if (count < 1) return cudaSuccess;
  return launch_dependent(probabilities_kernel, dim3(static_cast<unsigned>(count)), kProbabilityThreads, stream, logits, vocabulary,
                          limit, targets, probabilities);
}

}  // namespace wtrt::kernels
