#include <algorithm>
#include <set>

#include "backends/cpu/token_policy.hpp"
#include "common/error.hpp"
#include "cpu_levels.hpp"

namespace wtrt::cpu {
namespace {

using test::matrix;
using test::normal;

constexpr float kOut = -std::numeric_limits<float>::infinity();

// The rules once more, straight from their description, in double.
struct Reference {
  ops::TokenPolicy policy;
  std::set<int32_t> suppressed;

  // False when the two sides of the timestamp rule are too close to call.
  bool filter(std::vector<float>& logits, const std::vector<int32_t>& history) const {
    const auto size = static_cast<int32_t>(logits.size());
    const auto ban = [&](auto&& condition) {
      for (int32_t i = 0; i < size; ++i) {
        if (condition(i)) logits[static_cast<size_t>(i)] = kOut;
      }
    };
    const int32_t begin = policy.timestamp_begin;
    if (history.empty() && policy.blank >= 0) ban([&](int32_t i) { return i == policy.blank || i == policy.eot; });
    ban([&](int32_t i) { return suppressed.count(i) > 0; });
    if (policy.with_timestamps == 0) return true;
    ban([&](int32_t i) { return i == policy.no_timestamps; });
    const size_t n = history.size();
    const bool last = n >= 1 && history[n - 1] >= begin, penultimate = n < 2 || history[n - 2] >= begin;
    if (last && penultimate) ban([&](int32_t i) { return i >= begin; });
    if (last && !penultimate) ban([&](int32_t i) { return i < policy.eot; });
    int32_t latest = -1;
    for (const int32_t token : history) latest = token >= begin ? token : latest;
    if (latest >= 0) {
      const int32_t least = last && !penultimate ? latest : latest + 1;
      ban([&](int32_t i) { return i >= begin && i < least; });
    }
    if (n == 0) {
      ban([&](int32_t i) { return i < begin; });
      if (policy.max_initial_timestamp >= 0) ban([&](int32_t i) { return i > begin + policy.max_initial_timestamp; });
    }
    double times = 0, text = -INFINITY;
    for (int32_t i = 0; i < size; ++i) {
      const double x = logits[static_cast<size_t>(i)];
      if (i >= begin)
        times += std::exp(x);
      else
        text = std::max(text, x);
    }
    if (times > 0 && std::fabs(std::log(times) - text) < 1e-5) return false;
    if (times > 0 && std::log(times) > text) ban([&](int32_t i) { return i < begin; });
    return true;
  }
};

struct Table {
  std::vector<ops::RowState> rows;
  std::vector<ops::TokenPolicy> policies;
  std::vector<int32_t> history;
  std::vector<uint32_t> suppress;
  ops::StepState state{};
  static constexpr int32_t kCapacity = 32;

  Table(int32_t row_count, int32_t vocabulary, const Reference& reference) : rows(static_cast<size_t>(row_count)) {
    const int32_t words = (vocabulary + 31) / 32;
    suppress.assign(static_cast<size_t>(2 * words), 0xffffffffu);  // the first mask belongs to nobody
    std::fill(suppress.begin() + words, suppress.end(), 0u);
    for (const int32_t token : reference.suppressed)
      suppress[static_cast<size_t>(words + token / 32)] |= 1u << (token % 32);
    policies = {reference.policy, reference.policy};
    policies[1].suppress_mask = 1;
    history.assign(static_cast<size_t>(row_count * kCapacity), -7);
    for (ops::RowState& row : rows) {
      row.policy = 1;
      row.max_sampled = kCapacity;
    }
    state = {rows.data(), policies.data(), history.data(), nullptr, suppress.data(), kCapacity, 0, words};
  }
  void set_history(int32_t row, const std::vector<int32_t>& tokens) {
    std::copy(tokens.begin(), tokens.end(), history.begin() + row * kCapacity);
    rows[static_cast<size_t>(row)].sampled = static_cast<int32_t>(tokens.size());
  }
};

Reference small_reference(bool with_timestamps) {
  Reference reference;
  reference.policy = {.eot = 100,
                      .no_timestamps = 119,
                      .timestamp_begin = 120,
                      .no_speech = 118,
                      .blank = 5,
                      .with_timestamps = with_timestamps ? 1 : 0,
                      .max_initial_timestamp = 20,
                      .suppress_mask = 1};
  for (int32_t i = 0; i < 9; ++i) reference.suppressed.insert(i * i + 31);
  for (int32_t i = 101; i < 119; ++i) reference.suppressed.insert(i);
  return reference;
}

// Text and times mixed as no decoder would, with rising times most of the time.
std::vector<int32_t> random_history(std::mt19937& random, int32_t vocabulary, const ops::TokenPolicy& policy) {
  std::vector<int32_t> history(random() % 12);
  int32_t time = policy.timestamp_begin;
  for (int32_t& token : history) {
    if (random() % 3 == 0) {
      time = std::min<int32_t>(vocabulary - 1,
                               time + static_cast<int32_t>(random() % 14) * static_cast<int32_t>(random() % 2));
      token = time;
    } else {
      token = static_cast<int32_t>(random() % static_cast<uint32_t>(policy.eot));
    }
  }
  return history;
}

TEST(LogitsPolicy, FollowsTheRulesOnRandomHistories) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int32_t kVocabulary = 187, kRows = 64;
  for (const Isa isa : test::levels()) {
    std::mt19937 random(17);
    int preferred = 0, compared = 0;
    for (int round = 0; round < 60; ++round) {
      Reference reference = small_reference(round % 5 != 0);
      if (round % 7 == 0) reference.policy.max_initial_timestamp = -1;
      if (round % 3 == 0) reference.policy.blank = -1;
      Table table(kRows, kVocabulary, reference);
      auto logits = normal(kRows * kVocabulary, static_cast<uint32_t>(random()), 2.0f);
      auto want = logits;
      std::vector<int32_t> rows;
      for (int32_t i = 0; i < kRows; ++i) rows.push_back(kRows - 1 - i);
      std::vector<bool> clear;
      for (int32_t i = 0; i < kRows; ++i) {
        const auto history = random_history(random, kVocabulary, reference.policy);
        table.set_history(rows[static_cast<size_t>(i)], history);
        std::vector<float> one(want.begin() + i * kVocabulary, want.begin() + (i + 1) * kVocabulary);
        clear.push_back(reference.filter(one, history));
        preferred += !history.empty() && history.back() < 100 && one[7] == kOut;
        std::copy(one.begin(), one.end(), want.begin() + i * kVocabulary);
      }
      logits_policy(isa, pool, matrix(logits, kVocabulary), table.state, rows.data(), kRows);
      for (int32_t i = 0; i < kRows; ++i) {
        if (!clear[static_cast<size_t>(i)]) continue;
        ++compared;
        ASSERT_EQ(0, std::memcmp(&logits[static_cast<size_t>(i * kVocabulary)],
                                 &want[static_cast<size_t>(i * kVocabulary)], kVocabulary * 4))
            << "level " << static_cast<int>(isa) << " round " << round << " line " << i;
      }
    }
    EXPECT_GT(preferred, 100) << "the data never showed the preference for times";
    EXPECT_GT(compared, 3500);
  }
}

TEST(Sample, TakesTheLargestAndCounts) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const Isa isa : test::levels()) {
    for (const int32_t vocabulary : {1, 9, 187, 51865}) {
      const Reference reference = small_reference(true);
      constexpr int32_t kRows = 5;
      Table table(kRows, 187, reference);
      auto logits = normal(static_cast<size_t>(kRows * vocabulary), 23, 3.0f);
      for (size_t i = 0; i < logits.size(); i += 4) logits[i] = kOut;
      for (int32_t i = 0; i < kRows; ++i) {
        logits[static_cast<size_t>(i * vocabulary + vocabulary / 2)] = 9.0f;
        logits[static_cast<size_t>(i * vocabulary + vocabulary - 1)] = 9.0f;
      }
      if (vocabulary > 100) logits[static_cast<size_t>(2 * vocabulary + 100)] = 25.0f;  // the end token
      table.rows[1].finished = 1;
      table.rows[3].max_sampled = 1;
      const auto untouched = table.rows[1];
      const int32_t rows[kRows] = {0, 1, 2, 3, 4};
      const auto before = logits;
      sample(isa, pool, matrix(logits, vocabulary), table.state, rows, kRows, 1);
      EXPECT_EQ(before, logits);
      EXPECT_EQ(0, std::memcmp(&untouched, &table.rows[1], sizeof untouched));
      EXPECT_EQ(table.history[Table::kCapacity], -7);
      for (const int32_t i : {0, 2, 3, 4}) {
        const float* line = logits.data() + i * vocabulary;
        const auto token = static_cast<int32_t>(std::max_element(line, line + vocabulary) - line);
        double total = 0;
        for (int32_t j = 0; j < vocabulary; ++j) total += std::exp(static_cast<double>(line[j]));
        const ops::RowState& row = table.rows[static_cast<size_t>(i)];
        EXPECT_EQ(row.token, token) << "vocabulary " << vocabulary;
        EXPECT_EQ(table.history[static_cast<size_t>(i * Table::kCapacity)], token);
        EXPECT_EQ(row.sampled, 1);
        EXPECT_EQ(row.length, 1);
        EXPECT_EQ(row.finished, token == 100 || i == 3 ? 1 : 0);
        EXPECT_NEAR(row.sum_logprob, line[token] - std::log(total), 2e-6);
      }
    }
  }
}

TEST(Sample, ALineIsTheSameInAnyCompany) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int32_t kVocabulary = 51865, kRows = 70;
  const auto logits = normal(static_cast<size_t>(kRows) * kVocabulary, 29, 3.0f);
  for (const Isa isa : test::levels()) {
    Table together(kRows, 187, small_reference(false)), alone(kRows, 187, small_reference(false));
    std::vector<int32_t> rows(kRows);
    for (int32_t i = 0; i < kRows; ++i) rows[static_cast<size_t>(i)] = i;
    sample(isa, pool, matrix(logits, kVocabulary), together.state, rows.data(), kRows, 0);
    for (int32_t i = 0; i < kRows; ++i) {
      sample(isa, pool, matrix(logits, kVocabulary).slice(i, 1), alone.state, &rows[static_cast<size_t>(i)], 1, 0);
    }
    EXPECT_EQ(0, std::memcmp(together.rows.data(), alone.rows.data(), kRows * sizeof(ops::RowState)));
  }
}

TEST(NoSpeech, IsItsShareOfTheSoftmax) {
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int32_t kVocabulary = 51865;
  const auto logits = normal(3 * kVocabulary, 31, 3.0f);
  for (const Isa isa : test::levels()) {
    Table table(3, 187, small_reference(true));
    const int32_t rows[] = {2, 0, 1};
    no_speech(isa, pool, matrix(logits, kVocabulary), table.state, rows, 3);
    for (int32_t i = 0; i < 3; ++i) {
      double total = 0;
      const float* line = logits.data() + i * kVocabulary;
      for (int32_t j = 0; j < kVocabulary; ++j) total += std::exp(static_cast<double>(line[j]));
      const double want = std::exp(static_cast<double>(line[118])) / total;
      EXPECT_NEAR(table.rows[static_cast<size_t>(rows[i])].no_speech_prob / want, 1.0, 3e-6);
    }
  }
}

}  // namespace
}  // namespace wtrt::cpu
