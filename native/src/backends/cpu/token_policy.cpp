#include "backends/cpu/token_policy.hpp"

#include <algorithm>
#include <bit>
#include <span>
#include <string>

#include "backends/cpu/logit_peaks.hpp"
#include "backends/cpu/vector_kernels.hpp"
#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

// ---- the rules; tokens at and above timestamp_begin are times ----

struct Line {
  float* logits;
  int64_t vocabulary;
  void forbid(int64_t first, int64_t end) const {
    for (int64_t i = std::max<int64_t>(first, 0); i < std::min(end, vocabulary); ++i) logits[i] = kForbidden;
  }
  void forbid(int64_t token) const { forbid(token, token + 1); }
};

// Once for each token of the history, however often it stands there.
void penalise_repetition(const Line& line, float penalty, std::span<const int32_t> history) {
  for (size_t i = 0; i < history.size(); ++i) {
    const auto before = history.first(i);
    const int32_t token = history[i];
    if (token >= line.vocabulary || std::find(before.begin(), before.end(), token) != before.end()) continue;
    float& logit = line.logits[token];
    logit = logit < 0 ? logit * penalty : logit / penalty;
  }
}

// What would complete a sequence of `size` tokens that the history has already.
void forbid_repeated(const Line& line, size_t size, std::span<const int32_t> history) {
  if (history.size() < size) return;
  const auto last = history.last(size - 1);
  for (size_t i = 0; i + size <= history.size(); ++i) {
    if (std::equal(last.begin(), last.end(), history.begin() + static_cast<std::ptrdiff_t>(i))) {
      line.forbid(history[i + size - 1]);
    }
  }
}

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
  const Peak times = peak_of(kernels, line.logits, {begin, line.vocabulary - begin});
  if (times.most == kForbidden) return;
  float text;
  int64_t index;
  kernels.largest(line.logits, begin, &text, &index);
  if (static_cast<double>(times.most) + ops::log_of(times.sum) > static_cast<double>(text)) line.forbid(0, begin);
}

void apply(const VectorKernels& kernels, const Line& line, const ops::StepState& state, int32_t row_index) {
  const ops::RowState& row = state.rows[row_index];
  const ops::TokenPolicy& policy = state.policies[row.policy];
  const std::span history(state.history + static_cast<int64_t>(row_index) * state.history_capacity,
                          static_cast<size_t>(std::min(row.sampled, state.history_capacity)));
  if (policy.repetition_penalty != 1.0f) penalise_repetition(line, policy.repetition_penalty, history);
  if (policy.no_repeat_ngram > 0) forbid_repeated(line, static_cast<size_t>(policy.no_repeat_ngram), history);
  if (row.sampled == 0 && policy.blank >= 0) {
    line.forbid(policy.blank);
    line.forbid(policy.eot);
  }
  forbid_suppressed(line, state.suppress + static_cast<int64_t>(policy.suppress_mask) * state.suppress_words,
                    state.suppress_words);
  if (policy.with_timestamps == 0) return;
  line.forbid(policy.no_timestamps);
  forbid_by_history(line, policy, history);
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
  check_logits(logits, count);
  const auto all = [](int32_t) { return true; };
  for_peaks(isa, pool, logits, count, all, [&](int32_t i, const Peak& peak) {
    ops::RowState& row = state.rows[rows[i]];
    const int32_t token = state.policies[row.policy].no_speech;
    const bool known = token >= 0 && token < logits.cols && peak.sum > 0.0;
    const double share =
        known ? ops::exp_of(static_cast<double>(line_of(logits, i)[token]) - static_cast<double>(peak.most)) / peak.sum
              : 0.0;
    row.no_speech_prob = static_cast<float>(share);
  });
}

void logits_policy(Isa isa, ThreadPool& pool, const ops::Tensor& logits, const ops::StepState& state,
                   const int32_t* rows, int32_t count) {
  check_logits(logits, count);
  const VectorKernels& kernels = vector_kernels(isa);
  const auto body = [&](int32_t i) {
    if (state.rows[rows[i]].finished == 0) apply(kernels, {line_of(logits, i), logits.cols}, state, rows[i]);
  };
  if (count == 1) {
    body(0);
  } else {
    pool.parallel_for(count, body);
  }
}

void token_probabilities(Isa isa, ThreadPool& pool, const ops::Tensor& logits, int32_t limit, const int32_t* targets,
                         int32_t count, float* probabilities) {
  check_logits(logits, count);
  if (limit < 1 || limit > logits.cols) {
    throw Error(ErrorCode::internal,
                "probabilities among " + std::to_string(limit) + " of " + std::to_string(logits.cols) + " tokens");
  }
  const VectorKernels& kernels = vector_kernels(isa);
  pool.parallel_for(count, [&](int32_t i) {
    probabilities[i] = 0.0f;
    if (targets[i] < 0 || targets[i] >= limit) return;
    const Peak peak = peak_of(kernels, line_of(logits, i), {0, limit});
    const double above = static_cast<double>(line_of(logits, i)[targets[i]]) - static_cast<double>(peak.most);
    probabilities[i] = static_cast<float>(ops::exp_of(above) / peak.sum);
  });
}

}  // namespace wtrt::cpu
