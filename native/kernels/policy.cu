// Which tokens may follow: the rules of token_policy.cpp. Compiled without contraction, as the CPU's code is.
#include "policy.hpp"

#include "launch.cuh"
#include "ops/exact_math.hpp"
#include "peak_kernel.cuh"
#include "team.cuh"

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

// What the history says of times. Each warp looks for itself, from the end back to the last time.
struct Recent {
  bool last, before_last;  // whether these are times; before_last also where there is none
  int32_t latest;          // the last time, or -1
};
__device__ Recent recent_of(const History& history, int32_t times_begin) {
  const int32_t lane = static_cast<int32_t>(threadIdx.x % 32);
  Recent recent{false, true, -1};
  for (int32_t end = history.size; end > 0; end -= 32) {
    const int32_t i = end - 32 + lane;
    const int32_t token = i >= 0 ? history.tokens[i] : -1;
    const uint32_t times = __ballot_sync(kAllLanes, i >= 0 && token >= times_begin);
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

__device__ Rules rules_of(const ops::TokenPolicy& policy, const History& history, int32_t vocabulary) {
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
  const auto [last, before_last, latest] = recent_of(history, policy.timestamp_begin);
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

// What all blocks of a team learn of each other's parts.
struct Found {
  float texts[kTextParts];  // the largest of each
  double times;             // the logarithm of what they add up to
};

__device__ void tell_times(const ops::Peak& peak, const Team& team, Found& found) {
  const double weight = peak.most == ops::kForbidden ? static_cast<double>(ops::kForbidden)
                                                     : static_cast<double>(peak.most) + ops::log_of(peak.sum);
  for (int32_t rank = 0; rank < team.size; ++rank) at_rank(&found, rank)->times = weight;
}

// Bits of the suppression mask for one tile, which begins anywhere.
class TileMask {
 public:
  static constexpr int32_t kWords = kTileSize / 32 + 1;
  __device__ TileMask(const uint32_t* mask, int32_t words, uint32_t (&shared)[kWords])
      : mask_(mask), words_(words), shared_(shared) {}
  // A thread's word for the tile that begins at `token`.
  __device__ uint32_t fetch(int32_t token) const {
    const int32_t word = token / 32 + static_cast<int32_t>(threadIdx.x);
    return threadIdx.x < kWords && word < words_ ? mask_[word] : 0;
  }
  __device__ void put(uint32_t word) const {
    if (threadIdx.x < kWords) shared_[threadIdx.x] = word;
  }
  __device__ bool has(int32_t tile_begin, int32_t token) const {
    return (shared_[token / 32 - tile_begin / 32] >> (token % 32) & 1u) != 0;
  }

 private:
  const uint32_t* mask_;
  int32_t words_;
  uint32_t (&shared_)[kWords];
};

// A team for each line.
__global__ void __launch_bounds__(kPeakThreads, 3)
    rules_kernel(float* logits, int32_t vocabulary, ops::StepState state, const int32_t* rows) {
  __shared__ Tile tile;
  __shared__ uint32_t mask_words[TileMask::kWords];
  __shared__ Found found;
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
  const int32_t split = text_end(policy, vocabulary);
  const TileMask mask(state.suppress + static_cast<int64_t>(policy.suppress_mask) * state.suppress_words,
                      state.suppress_words, mask_words);
  float* line = logits + static_cast<int64_t>(blockIdx.y) * vocabulary;
  team_wait();
  for (int32_t index = team.rank; index < kParts; index += team.size) {
    const Part part = part_of(index, split, vocabulary);
    uint32_t word = mask.fetch(part.begin);
    forbid_by_repetition(line, part, policy, history);
    fetch(tile, line + part.begin, part.end - part.begin);
    const Rules rules = rules_of(policy, history, vocabulary);
    const auto forbid = [&](int64_t first) {
      const int32_t begin = part.begin + static_cast<int32_t>(first);
      if (first > 0) {
        word = mask.fetch(begin);
        __syncthreads();
      }
      mask.put(word);
      __syncthreads();
      for_mine(part.end - begin, [&](int32_t i) {
        if (tile[i] == ops::kForbidden || !(rules.forbid(begin + i) || mask.has(begin, begin + i))) return;
        line[begin + i] = tile[i] = ops::kForbidden;
      });
    };
    if (index == kTimes) {
      const ops::Peak peak = peak_of(tile, line, {part.begin, part.end - part.begin}, forbid, NothingMore{});
      if (threadIdx.x == 0) tell_times(peak, team, found);
    } else {
      const Place place = largest_of(tile, line + part.begin, part.end - part.begin, forbid);
      const float most = part.begin < part.end ? of_order(place.order) : ops::kForbidden;
      if (threadIdx.x < static_cast<uint32_t>(team.size))
        at_rank(&found, static_cast<int32_t>(threadIdx.x))->texts[index] = most;
    }
    __syncthreads();
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
  LaunchShape shape{dim3(static_cast<unsigned>(team), static_cast<unsigned>(args.count)), kPeakThreads};
  shape.cluster = team;
  shape.overlap = device.sm >= 90;
  return launch(rules_kernel, shape, stream, args.logits, args.vocabulary, args.state, args.rows);
}

}  // namespace wtrt::kernels
