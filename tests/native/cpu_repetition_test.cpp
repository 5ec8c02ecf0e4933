// Repetition penalty and no-repeat n-grams, as CTranslate2 defines them: over a row's own history, before the other
// rules.
#include <set>

#include "backends/cpu/token_policy.hpp"
#include "cpu_levels.hpp"

namespace wtrt::cpu {
namespace {

using test::matrix;
using test::normal;

constexpr float kOut = -std::numeric_limits<float>::infinity();
constexpr int32_t kVocabulary = 40;

std::vector<float> filtered(std::vector<float> logits, std::vector<int32_t> history, float penalty, int32_t ngram,
                            const std::set<int32_t>& suppressed = {}) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  std::vector<uint32_t> mask(2);
  for (const int32_t token : suppressed) mask[static_cast<size_t>(token / 32)] |= 1u << (token % 32);
  ops::TokenPolicy policy{};
  policy.eot = 39;
  policy.blank = -1;
  policy.repetition_penalty = penalty;
  policy.no_repeat_ngram = ngram;
  ops::RowState row{};
  row.sampled = static_cast<int32_t>(history.size());
  history.resize(32);
  ops::StepState state{};
  state.rows = &row;
  state.policies = &policy;
  state.history = history.data();
  state.suppress = mask.data();
  state.history_capacity = 32;
  state.suppress_words = 2;
  const int32_t rows = 0;
  logits_policy(widest_isa(), pool, matrix(logits, kVocabulary), state, &rows, 1);
  return logits;
}

TEST(Repetition, IsPenalisedOncePerToken) {
  const auto logits = normal(kVocabulary, 3, 2.0f);
  const std::vector<int32_t> history = {7, 3, 7, 7, 12, 3};
  const auto got = filtered(logits, history, 1.5f, 0);
  const std::set<int32_t> seen(history.begin(), history.end());
  for (int32_t i = 0; i < kVocabulary; ++i) {
    const float logit = logits[static_cast<size_t>(i)];
    const float want = seen.count(i) == 0 ? logit : logit < 0 ? logit * 1.5f : logit / 1.5f;
    EXPECT_EQ(got[static_cast<size_t>(i)], want) << "token " << i;
  }
  EXPECT_EQ(filtered(logits, history, 1.0f, 0), logits);
  EXPECT_EQ(filtered(logits, {}, 1.5f, 0), logits);
}

TEST(Repetition, ForbidsWhatWouldCompleteAKnownSequence) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<int32_t> history(random() % 24);
    for (int32_t& token : history) token = static_cast<int32_t>(random() % 4);
    const auto size = 1 + random() % 4;
    std::set<std::vector<int32_t>> known;
    for (size_t i = 0; i + size <= history.size(); ++i) {
      known.insert(
          {history.begin() + static_cast<std::ptrdiff_t>(i), history.begin() + static_cast<std::ptrdiff_t>(i + size)});
    }
    const auto got = filtered(std::vector<float>(kVocabulary, 1.0f), history, 1.0f, static_cast<int32_t>(size));
    for (int32_t token = 0; token < kVocabulary; ++token) {
      bool repeats = false;
      if (history.size() + 1 >= size) {
        std::vector<int32_t> next(history.end() - static_cast<std::ptrdiff_t>(size - 1), history.end());
        next.push_back(token);
        repeats = known.count(next) > 0;
      }
      EXPECT_EQ(got[static_cast<size_t>(token)], repeats ? kOut : 1.0f) << "size " << size << " token " << token;
    }
  }
}

TEST(Repetition, IsLookedAtBeforeTokensAreSuppressed) {
  const auto got = filtered(std::vector<float>(kVocabulary, -1.0f), {7, 9}, 2.0f, 0, {7});
  EXPECT_EQ(got[7], kOut);  // and not NaN
  EXPECT_EQ(got[9], -2.0f);
}

}  // namespace
}  // namespace wtrt::cpu
