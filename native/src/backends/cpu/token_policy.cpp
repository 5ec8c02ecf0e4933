#include "backends/cpu/token_policy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <string>

#include "backends/cpu/vector_kernels.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr int32_t kChunks = 8;  // of a row; fixed, so that sums do not depend on the threads
constexpr int32_t kRowsAtOnce = 64;

void check(const ops::Tensor& logits, int32_t count) {
  if (logits.dtype != DType::f32 || logits.rows < count || logits.cols < 1) {
    throw Error(ErrorCode::internal, "token policy of " + std::to_string(count) + " rows over logits [" +
                                         std::to_string(logits.rows) + ", " + std::to_string(logits.cols) +
                                         "]; they must be f32 and as many");
  }
}

float* line(const ops::Tensor& logits, int32_t i) { return static_cast<float*>(logits.data) + i * logits.cols; }

struct Peak {
  float most;
  int64_t index;
  double sum;  // of exp(logit - most)
};

Peak peak_of(const VectorKernels& kernels, const float* values, int64_t first, int64_t count) {
  Peak peak{kForbidden, first, 0.0};
  if (count < 1) return peak;
  kernels.largest(values + first, count, &peak.most, &peak.index);
  peak.index += first;
  if (peak.most != kForbidden) peak.sum = kernels.sum_exp(values + first, count, peak.most);
  return peak;
}

// Of chunks in rising order: the first of equal maxima stays.
Peak join(std::span<const Peak> chunks) {
  Peak all = chunks.front();
  for (const Peak& chunk : chunks.subspan(1)) {
    if (chunk.most > all.most) {
      all.most = chunk.most;
      all.index = chunk.index;
    }
  }
  all.sum = 0.0;
  for (const Peak& chunk : chunks) {
    if (chunk.sum > 0.0)
      all.sum += chunk.sum * std::exp(static_cast<double>(chunk.most) - static_cast<double>(all.most));
  }
  return all;
}

// Calls body(i, peak) for each line whose row is wanted.
template <typename Wanted, typename Body>
void for_peaks(Isa isa, ThreadPool& pool, const ops::Tensor& logits, int32_t count, const Wanted& wanted,
               const Body& body) {
  const VectorKernels& kernels = vector_kernels(isa);
  const int64_t chunk = (logits.cols + kChunks - 1) / kChunks;
  std::array<Peak, kRowsAtOnce * kChunks> peaks;
  for (int32_t begin = 0; begin < count; begin += kRowsAtOnce) {
    const int32_t lines = std::min(kRowsAtOnce, count - begin);
    pool.parallel_for(lines * kChunks, [&](int32_t task) {
      const int32_t i = begin + task / kChunks;
      if (!wanted(i)) return;
      const int64_t first = task % kChunks * chunk;
      peaks[static_cast<size_t>(task)] = peak_of(kernels, line(logits, i), first, std::min(chunk, logits.cols - first));
    });
    for (int32_t i = 0; i < lines; ++i) {
      if (wanted(begin + i)) body(begin + i, join(std::span(peaks).subspan(static_cast<size_t>(i * kChunks), kChunks)));
    }
  }
}

// ---- the rules; tokens at and above timestamp_begin are times ----

struct Line {
  float* logits;
  int64_t vocabulary;
  void forbid(int64_t first, int64_t end) const {
    for (int64_t i = std::max<int64_t>(first, 0); i < std::min(end, vocabulary); ++i) logits[i] = kForbidden;
  }
  void forbid(int64_t token) const { forbid(token, token + 1); }
};

void forbid_suppressed(const Line& line, const uint32_t* mask, int32_t words) {
  for (int32_t w = 0; w < words; ++w) {
    for (uint32_t bits = mask[w]; bits != 0; bits &= bits - 1)
      line.forbid(static_cast<int64_t>(w) * 32 + std::countr_zero(bits));
  }
}

// Times come in pairs (the end of one segment, the beginning of the next) and never go back.
void forbid_by_history(const Line& line, const ops::TokenPolicy& policy, std::span<const int32_t> history) {
  const auto is_time = [&](int32_t token) { return token >= policy.timestamp_begin; };
  const bool last = !history.empty() && is_time(history.back());
  const bool before_last = history.size() < 2 || is_time(history[history.size() - 2]);
  if (last) {
    if (before_last) {
      line.forbid(policy.timestamp_begin, line.vocabulary);  // a pair is complete: text or the end
    } else {
      line.forbid(0, policy.eot);  // a segment has ended: another time or the end
    }
  }
  const auto latest = std::find_if(history.rbegin(), history.rend(), is_time);
  if (latest == history.rend()) return;
  // The second of a pair may repeat the first; any other time must be later, so that no segment is empty.
  line.forbid(policy.timestamp_begin, last && !before_last ? *latest : static_cast<int64_t>(*latest) + 1);
}

// Where all times together are likelier than the likeliest text, a time it is.
void prefer_times(const VectorKernels& kernels, const Line& line, const ops::TokenPolicy& policy) {
  const int64_t begin = policy.timestamp_begin;
  if (begin < 1 || begin >= line.vocabulary) return;
  const Peak times = peak_of(kernels, line.logits, begin, line.vocabulary - begin);
  if (times.most == kForbidden) return;
  float text;
  int64_t index;
  kernels.largest(line.logits, begin, &text, &index);
  if (static_cast<double>(times.most) + std::log(times.sum) > static_cast<double>(text)) line.forbid(0, begin);
}

void apply(const VectorKernels& kernels, const Line& line, const ops::StepState& state, int32_t row_index) {
  const ops::RowState& row = state.rows[row_index];
  const ops::TokenPolicy& policy = state.policies[row.policy];
  if (row.sampled == 0 && policy.blank >= 0) {
    line.forbid(policy.blank);
    line.forbid(policy.eot);
  }
  forbid_suppressed(line, state.suppress + static_cast<int64_t>(policy.suppress_mask) * state.suppress_words,
                    state.suppress_words);
  if (policy.with_timestamps == 0) return;
  line.forbid(policy.no_timestamps);
  const int32_t* history = state.history + static_cast<int64_t>(row_index) * state.history_capacity;
  forbid_by_history(line, policy, {history, static_cast<size_t>(std::min(row.sampled, state.history_capacity))});
  if (row.sampled == 0) {
    line.forbid(0, policy.timestamp_begin);
    if (policy.max_initial_timestamp >= 0) {
      line.forbid(static_cast<int64_t>(policy.timestamp_begin) + policy.max_initial_timestamp + 1, line.vocabulary);
    }
  }
  prefer_times(kernels, line, policy);
}

}  // namespace

void no_speech(Isa isa, ThreadPool& pool, const ops::Tensor& logits, const ops::StepState& state, const int32_t* rows,
               int32_t count) {
  check(logits, count);
  const auto all = [](int32_t) { return true; };
  for_peaks(isa, pool, logits, count, all, [&](int32_t i, const Peak& peak) {
    ops::RowState& row = state.rows[rows[i]];
    const int32_t token = state.policies[row.policy].no_speech;
    const bool known = token >= 0 && token < logits.cols && peak.sum > 0.0;
    const double share =
        known ? std::exp(static_cast<double>(line(logits, i)[token]) - static_cast<double>(peak.most)) / peak.sum : 0.0;
    row.no_speech_prob = static_cast<float>(share);
  });
}

void logits_policy(Isa isa, ThreadPool& pool, const ops::Tensor& logits, const ops::StepState& state,
                   const int32_t* rows, int32_t count) {
  check(logits, count);
  const VectorKernels& kernels = vector_kernels(isa);
  const auto body = [&](int32_t i) {
    if (state.rows[rows[i]].finished == 0) apply(kernels, {line(logits, i), logits.cols}, state, rows[i]);
  };
  if (count == 1) {
    body(0);
  } else {
    pool.parallel_for(count, body);
  }
}

void sample(Isa isa, ThreadPool& pool, const ops::Tensor& logits, const ops::StepState& state, const int32_t* rows,
            int32_t count, int32_t advance) {
  check(logits, count);
  const auto unfinished = [&](int32_t i) { return state.rows[rows[i]].finished == 0; };
  for_peaks(isa, pool, logits, count, unfinished, [&](int32_t i, const Peak& peak) {
    ops::RowState& row = state.rows[rows[i]];
    const auto token = static_cast<int32_t>(peak.index);
    if (row.sampled < state.history_capacity) {
      state.history[static_cast<int64_t>(rows[i]) * state.history_capacity + row.sampled] = token;
    }
    row.token = token;
    row.length += advance;
    row.sum_logprob -= std::log(peak.sum);
    row.sampled += 1;
    const bool full = row.sampled >= row.max_sampled || row.sampled >= state.history_capacity;
    if (full || token == state.policies[row.policy].eot) row.finished = 1;
  });
}

void token_probabilities(Isa isa, ThreadPool& pool, const ops::Tensor& logits, int32_t limit, const int32_t* targets,
                         int32_t count, float* probabilities) {
  check(logits, count);
  if (limit < 1 || limit > logits.cols) {
    throw Error(ErrorCode::internal,
                "probabilities among " + std::to_string(limit) + " of " + std::to_string(logits.cols) + " tokens");
  }
  const VectorKernels& kernels = vector_kernels(isa);
  pool.parallel_for(count, [&](int32_t i) {
    probabilities[i] = 0.0f;
    if (targets[i] < 0 || targets[i] >= limit) return;
    const Peak peak = peak_of(kernels, line(logits, i), 0, limit);
    const double above = static_cast<double>(line(logits, i)[targets[i]]) - static_cast<double>(peak.most);
    probabilities[i] = static_cast<float>(std::exp(above) / peak.sum);
  });
}

}  // namespace wtrt::cpu
