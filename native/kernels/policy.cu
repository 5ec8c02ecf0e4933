// Which tokens may follow: the rules of token_policy.cpp. Compiled without contraction, as the CPU's code is.
#include "ops/exact_math.hpp"
#include "peak_kernel.cuh"
#include "policy_scratch.cuh"
#include "ptx_launch.cuh"

namespace wtrt::kernels {
namespace {

struct History {
  const int32_t* tokens;
  int32_t size;
};

// Tokens that a row may not take, as ranges and single ones; -1: none.
struct Rules {
  int32_t below;                          // text before it
  int32_t times_begin, times_below;       // times within
  int32_t from;                           // everything from it on
  int32_t blank, blank_eot, no_timestamps;
  const uint32_t* mask;
  int32_t mask_words;

  __device__ uint32_t suppressed(int32_t token) const {
    const int32_t word = token / 32;
    return word < mask_words ? mask[word] >> (token % 32) & 1u : 0u;
  }
  __device__ bool forbid(int32_t token) const {
    return token < below || token >= from || (token >= times_begin && token < times_below) || token == blank ||
           token == blank_eot || token == no_timestamps;
  }
};

// Where the text ends and the times begin, if the two are to be weighed against each other; else all is text.
__device__ int32_t text_end(const ops::TokenPolicy& policy, int32_t vocabulary) {
  const int32_t begin = policy.timestamp_begin;
  return policy.with_timestamps != 0 && begin >= 1 && begin < vocabulary ? begin : vocabulary;
}

struct Part {
  int32_t begin, end;
};
__device__ Part text_part(int32_t end, int32_t part) {
  const int32_t length = (end + kTextParts - 1) / kTextParts;
  return {min(part * length, end), min((part + 1) * length, end)};
}

// The last time in the history, or -1.
__device__ int32_t latest_time(const History& history, int32_t times_begin) {
  __shared__ int32_t found[kPolicyThreads / 32];
  int32_t latest = -1;
  for (int32_t i = threadIdx.x; i < history.size; i += kPolicyThreads)
    if (history.tokens[i] >= times_begin) latest = i;
  latest = __reduce_max_sync(kAllLanes, latest);
  if (threadIdx.x % 32 == 0) found[threadIdx.x / 32] = latest;
  __syncthreads();
  const uint32_t lane = threadIdx.x % 32;
  latest = __reduce_max_sync(kAllLanes, lane < kPolicyThreads / 32 ? found[lane] : -1);
  return latest < 0 ? -1 : history.tokens[latest];
}

__device__ Rules rules_of(const ops::TokenPolicy& policy, const ops::StepState& state, const History& history,
                          int32_t vocabulary) {
  const bool first = history.size == 0;
  Rules rules{0, policy.timestamp_begin, policy.timestamp_begin, vocabulary, -1, -1, -1,
              state.suppress + static_cast<int64_t>(policy.suppress_mask) * state.suppress_words, state.suppress_words};
  if (first && policy.blank >= 0) {
    rules.blank = policy.blank;
    rules.blank_eot = policy.eot;
  }
  if (policy.with_timestamps == 0) return rules;
  rules.no_timestamps = policy.no_timestamps;
  if (first) {
    rules.below = policy.timestamp_begin;
    if (policy.max_initial_timestamp >= 0) rules.from = policy.timestamp_begin + policy.max_initial_timestamp + 1;
    return rules;
  }
  const auto is_time = [&](int32_t i) { return history.tokens[i] >= policy.timestamp_begin; };
  const bool last = is_time(history.size - 1), before_last = history.size < 2 || is_time(history.size - 2);
  if (last && !before_last) rules.below = policy.eot;
  const int32_t latest = latest_time(history, policy.timestamp_begin);
  if (latest >= 0) rules.times_below = last && !before_last ? latest : latest + 1;
  if (last && before_last) rules.times_below = vocabulary;
  return rules;
}

// Once for each token of the history within the part.
__device__ void penalise_repetition(float* line, const Part& part, float penalty, const History& history) {
  for (int32_t i = threadIdx.x; i < history.size; i += kPolicyThreads) {
    const int32_t token = history.tokens[i];
    bool mine = token >= part.begin && token < part.end;
    for (int32_t k = 0; mine && k < i; ++k) mine = history.tokens[k] != token;
    if (!mine) continue;
    const float logit = line[token];
    line[token] = logit < 0 ? logit * penalty : logit / penalty;
  }
}

// What would complete a sequence of `size` tokens that the history has already.
__device__ void forbid_repeated(float* line, const Part& part, int32_t size, const History& history) {
  const int32_t* last = history.tokens + history.size - (size - 1);
  for (int32_t i = threadIdx.x; i + size <= history.size; i += kPolicyThreads) {
    const int32_t token = history.tokens[i + size - 1];
    bool again = token >= part.begin && token < part.end;
    for (int32_t k = 0; again && k < size - 1; ++k) again = history.tokens[i + k] == last[k];
    if (again) line[token] = ops::kForbidden;
  }
}

// The largest logit that is left.
__device__ float forbid_and_find(float* line, const Part& part, const Rules& rules) {
  constexpr int kAtOnce = 8;  // loads under way before the first store
  __shared__ uint32_t found[kPolicyThreads / 32];
  uint32_t most = order_of(ops::kForbidden);
  for (int32_t first = part.begin + static_cast<int32_t>(threadIdx.x); first < part.end; first += kAtOnce * kPolicyThreads) {
    float logits[kAtOnce];
    uint32_t suppressed[kAtOnce];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      const int32_t token = first + k * kPolicyThreads;
      const bool mine = token < part.end;
      logits[k] = mine ? line[token] : ops::kForbidden;
      suppressed[k] = mine ? rules.suppressed(token) : 0;
    }
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      const int32_t token = first + k * kPolicyThreads;
      if (logits[k] == ops::kForbidden) continue;
      if (suppressed[k] != 0 || rules.forbid(token)) {
        line[token] = ops::kForbidden;
      } else {
        most = max(most, order_of(logits[k]));
      }
    }
  }
  most = __reduce_max_sync(kAllLanes, most);
  if (threadIdx.x % 32 == 0) found[threadIdx.x / 32] = most;
  __syncthreads();
  const uint32_t lane = threadIdx.x % 32;
  return of_order(__reduce_max_sync(kAllLanes, lane < kPolicyThreads / 32 ? found[lane] : 0));
}

// Block (part, line): a part of the line's text, or behind these its times.
__global__ void __launch_bounds__(kPolicyThreads)
    rules_kernel(float* logits, int32_t vocabulary, ops::StepState state, const int32_t* rows, LineScratch* scratch) {
  wait_for_previous();
  let_next_begin();
  const int32_t row_index = rows[blockIdx.y];
  if (row_index < 0 || state.rows[row_index].finished != 0) return;
  const ops::RowState& row = state.rows[row_index];
  const ops::TokenPolicy& policy = state.policies[row.policy];
  float* line = logits + static_cast<int64_t>(blockIdx.y) * vocabulary;
  const History history{state.history + static_cast<int64_t>(row_index) * state.history_capacity,
                        min(row.sampled, state.history_capacity)};
  const bool times = blockIdx.x == kTextParts;
  const int32_t split = text_end(policy, vocabulary);
  const Part part = times ? Part{split, vocabulary} : text_part(split, static_cast<int32_t>(blockIdx.x));
  if (part.begin >= part.end) {
    if (!times && threadIdx.x == 0) scratch[blockIdx.y].texts[blockIdx.x] = ops::kForbidden;
    return;
  }
  if (policy.repetition_penalty != 1.0f) {
    penalise_repetition(line, part, policy.repetition_penalty, history);
    __syncthreads();
  }
  if (policy.no_repeat_ngram > 0 && history.size >= policy.no_repeat_ngram) {
    forbid_repeated(line, part, policy.no_repeat_ngram, history);
    __syncthreads();
  }
  const float most = forbid_and_find(line, part, rules_of(policy, state, history, vocabulary));
  if (times) {
    __syncthreads();
    const ops::Peak peak = peak_of<kPolicyThreads>(line, {part.begin, part.end - part.begin});
    if (threadIdx.x == 0) scratch[blockIdx.y].times = peak;
  } else if (threadIdx.x == 0) {
    scratch[blockIdx.y].texts[blockIdx.x] = most;
  }
}

// Where all times together are likelier than the likeliest text, a time it is.
__global__ void __launch_bounds__(kPolicyThreads)
    prefer_times_kernel(float* logits, int32_t vocabulary, ops::StepState state, const int32_t* rows, const LineScratch* scratch) {
  wait_for_previous();
  let_next_begin();
  const int32_t row_index = rows[blockIdx.y];
  if (row_index < 0 || state.rows[row_index].finished != 0) return;
  const int32_t split = text_end(state.policies[state.rows[row_index].policy], vocabulary);
  if (split == vocabulary) return;
  const LineScratch& left = scratch[blockIdx.y];
  float text = ops::kForbidden;
  for (int32_t i = 0; i < kTextParts; ++i) text = fmaxf(text, left.texts[i]);
  const ops::Peak& times = left.times;
  if (times.most == ops::kForbidden || text == ops::kForbidden) return;
  if (!(static_cast<double>(times.most) + ops::log_of(times.sum) > static_cast<double>(text))) return;
  float* line = logits + static_cast<int64_t>(blockIdx.y) * vocabulary;
  const Part part = text_part(split, static_cast<int32_t>(blockIdx.x));
  for (int32_t i = part.begin + static_cast<int32_t>(threadIdx.x); i < part.end; i += kPolicyThreads) line[i] = ops::kForbidden;
}

}  // namespace

int64_t policy_workspace(int32_t count, int32_t) { return count * static_cast<int64_t>(sizeof(LineScratch)); }

cudaError_t logits_policy(const PolicyArgs& args, cudaStream_t stream) {
  if (args.count < 1) return cudaSuccess;
  const auto lines = static_cast<unsigned>(args.count);
  const cudaError_t status = launch_dependent(rules_kernel, dim3(kTextParts + 1, lines), kPolicyThreads, stream, args.logits,
                                              args.vocabulary, args.state, args.rows, scratch_of(args));
  if (status != cudaSuccess) return status;
  return launch_dependent(prefer_times_kernel, dim3(kTextParts, lines), kPolicyThreads, stream, args.logits, args.vocabulary,
                          args.state, args.rows, scratch_of(args));
}

}  // namespace wtrt::kernels
