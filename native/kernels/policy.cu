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

// What the history says of times. Each warp looks for itself, from the end back to the last time.
struct Recent {
  bool last, before_last;  // whether these are times; before_last also where there is none
  int32_t latest;          // the last time, or -1
};
// A lane's token of the 32 that end at `end`.
__device__ int32_t token_before(const History& history, int32_t end) {
  const int32_t i = end - 32 + static_cast<int32_t>(threadIdx.x % 32);
  return i >= 0 ? history.tokens[i] : -1;
}
// `token`: token_before(history, history.size), fetched early.
__device__ Recent recent_of(const History& history, int32_t token, int32_t times_begin) {
  Recent recent{false, true, -1};
  for (int32_t end = history.size; end > 0; end -= 32) {
    if (end != history.size) token = token_before(history, end);
    const uint32_t times = __ballot_sync(kAllLanes, token >= times_begin && token >= 0);
    if (end == history.size) {
      recent.last = (times >> 31) != 0;
      recent.before_last = end < 2 || (times >> 30 & 1) != 0;
    }
    if (times == 0) continue;
    recent.latest = __shfl_sync(kAllLanes, token, 31 - __clz(static_cast<int>(times)));
    break;
  }
  return recent;
}

__device__ Rules rules_of(const ops::TokenPolicy& policy, const History& history, int32_t last_token,
                          int32_t vocabulary) {
  const bool first = history.size == 0;
  Rules rules{0, policy.timestamp_begin, policy.timestamp_begin, vocabulary, -1, -1, -1};
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
  const auto [last, before_last, latest] = recent_of(history, last_token, policy.timestamp_begin);
  if (last && !before_last) rules.below = policy.eot;
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

// What the history forbids and weighs anew, in memory.
__device__ void forbid_by_repetition(float* line, const Part& part, const ops::TokenPolicy& policy,
                                     const History& history) {
  if (policy.repetition_penalty != 1.0f) {
    penalise_repetition(line, part, policy.repetition_penalty, history);
    __syncthreads();
  }
  if (policy.no_repeat_ngram > 0 && history.size >= policy.no_repeat_ngram) {
    forbid_repeated(line, part, policy.no_repeat_ngram, history);
    __syncthreads();
  }
}

// The bits of the tokens in [first, end) among the 32 from `begin` on.
__device__ uint32_t bits_of(int32_t begin, int32_t first, int32_t end) {
  const auto below = [](int32_t n) { return n >= 32 ? 0xffffffffu : n <= 0 ? 0u : (1u << n) - 1u; };
  return below(end - begin) & ~below(first - begin);
}

// What is forbidden in a tile, a bit for each token: one word for a thread to make, one bit of several for it to read.
constexpr int32_t kRuleWords = kTileSize / 32;
static_assert(kRuleWords == kPeakThreads);

// This thread's word of a suppression mask for the tile that begins at `tile_begin`, which may be within a word of the
// mask.
__device__ uint32_t suppressed(const ops::StepState& state, int32_t mask, int32_t tile_begin) {
  const uint32_t* words = state.suppress + static_cast<int64_t>(mask) * state.suppress_words;
  const int32_t word = tile_begin / 32 + static_cast<int32_t>(threadIdx.x);
  const uint32_t low = word < state.suppress_words ? words[word] : 0,
                 high = word + 1 < state.suppress_words ? words[word + 1] : 0;
  return __funnelshift_r(low, high, static_cast<uint32_t>(tile_begin % 32));
}
__device__ uint32_t forbidden(const Rules& rules, int32_t tile_begin) {
  const int32_t begin = tile_begin + static_cast<int32_t>(threadIdx.x) * 32;
  const auto one = [&](int32_t token) { return token >= 0 ? bits_of(begin, token, token + 1) : 0u; };
  return bits_of(begin, 0, rules.below) | bits_of(begin, rules.times_begin, rules.times_below) |
         ~bits_of(begin, 0, rules.from) | one(rules.blank) | one(rules.blank_eot) | one(rules.no_timestamps);
}
__device__ void forbid_in(Tile& tile, float* values, const uint32_t (&bits)[kRuleWords]) {
  const int32_t thread = static_cast<int32_t>(threadIdx.x);
#pragma unroll
  for (int32_t k = 0; k < kTileEach; ++k) {
    if ((bits[thread / 32 + k * (kPeakThreads / 32)] >> (thread % 32) & 1u) == 0 || tile.at[k] == ops::kForbidden)
      continue;
    tile.at[k] = ops::kForbidden;
    values[thread + k * kPeakThreads] = ops::kForbidden;
  }
}

// What all blocks of a team learn of each other's parts: the largest of text, and the logarithm of what the times add
// up to.
__device__ Letter letter_of_text(float most) { return {__float_as_uint(most), 0}; }
__device__ Letter letter_of_times(const ops::Peak& peak) {
  const double weight = peak.most == ops::kForbidden ? static_cast<double>(ops::kForbidden)
                                                     : static_cast<double>(peak.most) + ops::log_of(peak.sum);
  return {0, static_cast<uint64_t>(__double_as_longlong(weight))};
}
// Where all times together are likelier than the likeliest text, a time it is.
__device__ bool prefer_times(const Letter (&parts)[kParts]) {
  float text = ops::kForbidden;
#pragma unroll
  for (int32_t i = 0; i < kTextParts; ++i) text = fmaxf(text, __uint_as_float(static_cast<uint32_t>(parts[i].low)));
  const double times = __longlong_as_double(static_cast<long long>(parts[kTimes].high));
  return text != ops::kForbidden && times > static_cast<double>(text);
}

// A team for each line.
__global__ void __launch_bounds__(kPeakThreads, 3)
    rules_kernel(float* logits, int32_t vocabulary, ops::StepState state, const int32_t* rows) {
  __shared__ PeakBoard board;
  __shared__ uint32_t bits[kRuleWords];
  __shared__ Letter parts[kParts];
  __shared__ Bell bell;
  if (threadIdx.x == 0) expect_letters(bell, kParts);
  team_arrive();
  wait_for_previous();
  let_next_begin();
  const Team team = this_team();
  const int32_t row_index = rows[blockIdx.y];
  if (row_index < 0 || state.rows[row_index].finished != 0) return;
  const ops::RowState& row = state.rows[row_index];
  const ops::TokenPolicy& policy = state.policies[row.policy];
  const History history{state.history + static_cast<int64_t>(row_index) * state.history_capacity,
                        min(row.sampled, state.history_capacity)};
  const int32_t last_token = token_before(history, history.size);
  const int32_t split = text_end(policy, vocabulary), suppress_mask = policy.suppress_mask;
  float* line = logits + static_cast<int64_t>(blockIdx.y) * vocabulary;
  team_wait();
  for (int32_t index = team.rank; index < kParts; index += team.size) {
    const Part part = part_of(index, split, vocabulary);
    const uint32_t masked = suppressed(state, suppress_mask, part.begin);
    forbid_by_repetition(line, part, policy, history);
    Tile tile = fetch(line + part.begin, part.end - part.begin);
    const Rules rules = rules_of(policy, history, last_token, vocabulary);
    const auto forbid = [&](Tile& held, int64_t first) {
      const int32_t begin = part.begin + static_cast<int32_t>(first);
      const uint32_t word = (first == 0 ? masked : suppressed(state, suppress_mask, begin)) | forbidden(rules, begin);
      __syncthreads();  // the bits of another tile may still be read
      bits[threadIdx.x] = word;
      __syncthreads();
      forbid_in(held, line + begin, bits);
    };
    Letter letter;
    if (index == kTimes) {
      letter = letter_of_times(peak_of(board, tile, line, {part.begin, part.end - part.begin}, forbid));
    } else {
      letter =
          letter_of_text(of_order(largest_of(board, tile, line + part.begin, part.end - part.begin, forbid).order));
    }
    if (threadIdx.x < static_cast<uint32_t>(team.size))
      send(team, letter, parts[index], bell, static_cast<int32_t>(threadIdx.x));
  }
  await_letters(team, bell);
  if (split == vocabulary || !prefer_times(parts)) return;
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
