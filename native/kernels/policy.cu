// Which tokens may follow: the rules of token_policy.cpp. Compiled without contraction, as the CPU's code is.
#include "ops/exact_math.hpp"
#include "peak_kernel.cuh"
#include "policy.hpp"
#include "ptx_launch.cuh"

namespace wtrt::kernels {
namespace {

struct History {
  const int32_t* tokens;
  int32_t size;
};

// Tokens that a row may not take, as ranges and single ones; -1: none.
struct Rules {
  int32_t below;                     // text before it
  int32_t times_begin, times_below;  // times within
  int32_t from;                      // everything from it on
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

// A line falls into parts, shared by the blocks of a team: some of text, and the times.
constexpr int32_t kTextParts = 7, kTimes = kTextParts, kParts = kTextParts + 1;

struct Part {
  int32_t begin, end;
};
__device__ Part part_of(int32_t part, int32_t split, int32_t vocabulary) {
  if (part == kTimes) return {split, vocabulary};
  const int32_t length = (split + kTextParts - 1) / kTextParts;
  return {min(part * length, split), min((part + 1) * length, split)};
}

// The last time in the history, or -1.
__device__ int32_t latest_time(const History& history, int32_t times_begin) {
  __shared__ int32_t found[kPeakThreads / 32];
  int32_t latest = -1;
  for (int32_t i = threadIdx.x; i < history.size; i += kPeakThreads)
    if (history.tokens[i] >= times_begin) latest = i;
  latest = __reduce_max_sync(kAllLanes, latest);
  if (threadIdx.x % 32 == 0) found[threadIdx.x / 32] = latest;
  __syncthreads();
  const uint32_t lane = threadIdx.x % 32;
  latest = __reduce_max_sync(kAllLanes, lane < kPeakThreads / 32 ? found[lane] : -1);
  return latest < 0 ? -1 : history.tokens[latest];
}

__device__ Rules rules_of(const ops::TokenPolicy& policy, const ops::StepState& state, const History& history,
                          int32_t vocabulary) {
  const bool first = history.size == 0;
  Rules rules{0,
              policy.timestamp_begin,
              policy.timestamp_begin,
              vocabulary,
              -1,
              -1,
              -1,
              state.suppress + static_cast<int64_t>(policy.suppress_mask) * state.suppress_words,
              state.suppress_words};
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
  for (int32_t i = threadIdx.x; i < history.size; i += kPeakThreads) {
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
  for (int32_t i = threadIdx.x; i + size <= history.size; i += kPeakThreads) {
    const int32_t token = history.tokens[i + size - 1];
    bool again = token >= part.begin && token < part.end;
    for (int32_t k = 0; again && k < size - 1; ++k) again = history.tokens[i + k] == last[k];
    if (again) line[token] = ops::kForbidden;
  }
}

// What all blocks of a team learn of each other's parts.
struct Found {
  float texts[kTextParts];  // the largest of each
  double times;             // the logarithm of what they add up to
};

// Forbids within a part, and finds what is left.
__device__ void forbid_and_find(float* line, const Part& part, const Rules& rules, bool times, int32_t index,
                                const Team& team, Found& found) {
  const auto forbid = [&](Tile& tile, int64_t first) {
    const int32_t begin = part.begin + static_cast<int32_t>(first) + static_cast<int32_t>(threadIdx.x);
    constexpr int32_t kAtOnce = kPerThread / 2;  // loads under way before the first store
#pragma unroll
    for (int32_t half = 0; half < kPerThread; half += kAtOnce) {
      uint32_t suppressed[kAtOnce];
#pragma unroll
      for (int32_t k = 0; k < kAtOnce; ++k) {
        const int32_t token = begin + (half + k) * kPeakThreads;
        suppressed[k] = token < part.end ? rules.suppressed(token) : 0;
      }
#pragma unroll
      for (int32_t k = 0; k < kAtOnce; ++k) {
        const int32_t token = begin + (half + k) * kPeakThreads;
        float& logit = tile.at[half + k];
        if (logit == ops::kForbidden || !(suppressed[k] != 0 || rules.forbid(token))) continue;
        line[token] = logit = ops::kForbidden;
      }
    }
  };
  if (times) {
    const ops::Peak peak = peak_of(line, {part.begin, part.end - part.begin}, forbid);
    if (threadIdx.x != 0) return;
    const double weight = peak.most == ops::kForbidden ? static_cast<double>(ops::kForbidden)
                                                       : static_cast<double>(peak.most) + ops::log_of(peak.sum);
    for (int32_t rank = 0; rank < team.size; ++rank) at_rank(&found, rank)->times = weight;
  } else {
    Tile tile;
    const Place place = largest_of(line + part.begin, part.end - part.begin, tile, forbid);
    const float most = part.begin < part.end ? of_order(place.order) : ops::kForbidden;
    if (threadIdx.x < static_cast<uint32_t>(team.size))
      at_rank(&found, static_cast<int32_t>(threadIdx.x))->texts[index] = most;
  }
}

// A team for each line.
__global__ void __launch_bounds__(kPeakThreads, 2)
    rules_kernel(float* logits, int32_t vocabulary, ops::StepState state, const int32_t* rows) {
  __shared__ Found found;
  team_arrive();
  wait_for_previous();
  let_next_begin();
  const Team team = this_team();
  const int32_t row_index = rows[blockIdx.y];
  if (row_index < 0 || state.rows[row_index].finished != 0) return;
  const ops::RowState& row = state.rows[row_index];
  const ops::TokenPolicy& policy = state.policies[row.policy];
  float* line = logits + static_cast<int64_t>(blockIdx.y) * vocabulary;
  const History history{state.history + static_cast<int64_t>(row_index) * state.history_capacity,
                        min(row.sampled, state.history_capacity)};
  const int32_t split = text_end(policy, vocabulary);
  const Rules rules = rules_of(policy, state, history, vocabulary);
  const float penalty = policy.repetition_penalty;
  const int32_t ngram = history.size >= policy.no_repeat_ngram ? policy.no_repeat_ngram : 0;
  team_wait();
  for (int32_t index = team.rank; index < kParts; index += team.size) {
    const Part part = part_of(index, split, vocabulary);
    if (penalty != 1.0f) penalise_repetition(line, part, penalty, history);
    if (penalty != 1.0f) __syncthreads();
    if (ngram > 0) forbid_repeated(line, part, ngram, history);
    if (ngram > 0) __syncthreads();
    forbid_and_find(line, part, rules, index == kTimes, index, team, found);
  }
  team_arrive();
  team_wait();
  if (split == vocabulary) return;
  // Where all times together are likelier than the likeliest text, a time it is.
  float text = ops::kForbidden;
  for (int32_t i = 0; i < kTextParts; ++i) text = fmaxf(text, found.texts[i]);
  if (text == ops::kForbidden || !(found.times > static_cast<double>(text))) return;
  for (int32_t index = team.rank; index < kTextParts; index += team.size) {
    const Part part = part_of(index, split, vocabulary);
    for (int32_t i = part.begin + static_cast<int32_t>(threadIdx.x); i < part.end; i += kPeakThreads)
      line[i] = ops::kForbidden;
  }
}

}  // namespace

cudaError_t logits_policy(const Device& device, const PolicyArgs& args, cudaStream_t stream) {
  if (args.count < 1) return cudaSuccess;
  const int team = device.sm >= 90 ? kParts : 1;
  const Launch how{dim3(static_cast<unsigned>(team), static_cast<unsigned>(args.count)), kPeakThreads, team,
                   device.sm >= 90};
  return launch(how, stream, rules_kernel, args.logits, args.vocabulary, args.state, args.rows);
}

}  // namespace wtrt::kernels
