// Beam search on the step state against openai/whisper's BeamSearchDecoder, written once more from its meaning: maps
// from whole sequences to log-probabilities. The "model" is a hash: logits depend on the sequence alone, and the cache
// holds what was fed.
#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "backends/cpu/token_policy.hpp"
#include "cpu_levels.hpp"
#include "ops/ranking.hpp"

namespace wtrt::cpu {
namespace {

using test::matrix;
using test::normal;
using Tokens = std::vector<int32_t>;

constexpr int32_t kVocabulary = 97, kEot = 90, kPageTokens = 16, kCapacity = 80, kPagesPerRow = 8, kLayers = 3,
                  kHeads = 2;
constexpr double kByLength = std::numeric_limits<double>::quiet_NaN();

uint32_t hash_of(const Tokens& tokens, uint32_t salt) {
  uint32_t hash = 2166136261u ^ salt;
  for (const int32_t token : tokens) hash = (hash ^ static_cast<uint32_t>(token)) * 16777619u;
  return hash;
}

std::vector<float> logits_after(const Tokens& tokens, uint32_t salt, float eot) {
  auto logits = normal(kVocabulary, hash_of(tokens, salt), 2.0f);
  logits[kEot] += eot;
  for (size_t i = 2; i < logits.size(); i += 5) logits[i] = -INFINITY;
  return logits;
}

struct Reference {
  int32_t size, max_ended;
  std::vector<Tokens> beams;
  std::vector<double> sums;
  std::vector<std::pair<Tokens, double>> ended;  // in order
  bool over() const { return static_cast<int32_t>(ended.size()) >= max_ended; }

  explicit Reference(int32_t beam_size, int32_t ended_most)
      : size(beam_size), max_ended(ended_most), beams(static_cast<size_t>(beam_size)), sums(beams.size()) {}

  void update(uint32_t salt, float eot) {
    std::map<Tokens, double> scores;
    for (size_t j = 0; j < beams.size(); ++j) {
      const auto logits = logits_after(beams[j], salt, eot);
      double total = 0;
      for (const float logit : logits) total += std::exp(static_cast<double>(logit));
      std::vector<int32_t> order(logits.size());
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
      });
      for (int32_t n = 0; n < size + 1; ++n) {
        Tokens sequence = beams[j];
        sequence.push_back(order[static_cast<size_t>(n)]);
        scores[sequence] =
            sums[j] + static_cast<double>(logits[static_cast<size_t>(sequence.back())]) - std::log(total);
      }
    }
    std::vector<std::pair<Tokens, double>> ranked(scores.begin(), scores.end()), newly;
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    beams.clear();
    sums.clear();
    for (const auto& [sequence, sum] : ranked) {
      if (sequence.back() == kEot) {
        newly.emplace_back(sequence, sum);
      } else {
        beams.push_back(sequence);
        sums.push_back(sum);
        if (static_cast<int32_t>(beams.size()) == size) break;
      }
    }
    for (const auto& one : newly) {
      if (over()) break;
      ended.push_back(one);
    }
  }
};

// One search in the step state, its rows scattered.
struct Search {
  std::vector<int32_t> rows;
  uint32_t salt;
  float eot;
  Reference reference;
  int32_t prompt;
};

class BeamSearch : public testing::Test {
 protected:
  static constexpr int32_t kRows = 24;
  std::vector<ops::RowState> rows{kRows};
  std::vector<ops::TokenPolicy> policies{kRows};
  std::vector<int32_t> history = std::vector<int32_t>(kRows * kCapacity),
                       pages = std::vector<int32_t>(kRows * kPagesPerRow, -1), best_history = history;
  std::vector<ops::BeamState> beams{kRows};
  CpuPagedKv cache{{kLayers, kHeads, 16}, kRows* kPagesPerRow, kPageTokens, DType::f32};
  ops::StepState state{};
  ThreadPool& pool = ThreadPool::instance();
  ThreadPool::Lease lease{pool};

  void SetUp() override {
    state.rows = rows.data();
    state.policies = policies.data();
    state.history = history.data();
    state.pages = pages.data();
    state.history_capacity = kCapacity;
    state.pages_per_row = kPagesPerRow;
    state.beams = beams.data();
    state.best_history = best_history.data();
  }

  Tokens sequence(int32_t row) const {
    const auto* first = history.data() + row * kCapacity;
    return {first, first + rows[static_cast<size_t>(row)].sampled};
  }

  // As the executor does: the first row holds the prompt, the others share its full pages.
  void place(const Search& search, double length_penalty) {
    const int32_t first = search.rows.front();
    policies[static_cast<size_t>(first)].eot = kEot;
    auto& beam = beams[static_cast<size_t>(first)];
    beam = {};
    beam.size = search.reference.size;
    std::copy(search.rows.begin(), search.rows.end(), beam.rows);
    beam.max_ended = search.reference.max_ended;
    beam.length_penalty = length_penalty;
    for (const int32_t row : search.rows) {
      auto& to = rows[static_cast<size_t>(row)];
      to = {};
      to.length = search.prompt;
      to.policy = first;
      to.max_sampled = kCapacity;
      for (int32_t i = 0; i < kPagesPerRow; ++i) {
        const bool shared = row != first && i < search.prompt / kPageTokens;
        pages[static_cast<size_t>(row * kPagesPerRow + i)] = (shared ? first : row) * kPagesPerRow + i;
      }
    }
    for (int32_t position = 0; position < search.prompt; ++position)
      feed(first, position, 1000.0f + static_cast<float>(position));
  }

  float* cell(int32_t row, int32_t position, int32_t layer, int32_t head) {
    const int32_t page = pages[static_cast<size_t>(row * kPagesPerRow + position / kPageTokens)];
    return reinterpret_cast<float*>(cache.block(layer, page, head) + cache.layout().values) +
           (position % kPageTokens) * 16;
  }
  void feed(int32_t row, int32_t position, float value) {
    for (int32_t layer = 0; layer < kLayers; ++layer) {
      for (int32_t head = 0; head < kHeads; ++head)
        *cell(row, position, layer, head) = value + static_cast<float>(layer * kHeads + head) / 16;
    }
  }
  static float stamp(const Tokens& tokens, size_t count, uint32_t salt) {
    return static_cast<float>(hash_of({tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count)}, salt) %
                              65536);
  }

  void expect_cache(const Search& search, int32_t row) {
    const Tokens tokens = sequence(row);
    const int32_t length = rows[static_cast<size_t>(row)].length;
    ASSERT_EQ(length, search.prompt + static_cast<int32_t>(tokens.size()) - 1);
    for (int32_t position = 0; position < length; ++position) {
      const float fed = position < search.prompt
                            ? 1000.0f + static_cast<float>(position)
                            : stamp(tokens, static_cast<size_t>(position - search.prompt + 1), search.salt);
      for (int32_t layer = 0; layer < kLayers; ++layer) {
        for (int32_t head = 0; head < kHeads; ++head) {
          ASSERT_EQ(*cell(row, position, layer, head), fed + static_cast<float>(layer * kHeads + head) / 16)
              << "row " << row << " position " << position << " of " << length;
        }
      }
    }
  }

  void expect_reference(const Search& search, double length_penalty) {
    std::map<Tokens, double> want, got;
    for (size_t i = 0; i < search.reference.beams.size(); ++i)
      want[search.reference.beams[i]] = search.reference.sums[i];
    for (const int32_t row : search.rows) {
      got[sequence(row)] = rows[static_cast<size_t>(row)].sum_logprob;
      EXPECT_EQ(rows[static_cast<size_t>(row)].finished, search.reference.over() ? 1 : 0);
      EXPECT_EQ(rows[static_cast<size_t>(row)].token, sequence(row).back());
    }
    ASSERT_EQ(got.size(), want.size());
    for (auto a = got.begin(), b = want.begin(); a != got.end(); ++a, ++b) {
      ASSERT_EQ(a->first, b->first);
      if (std::isfinite(b->second)) {
        ASSERT_NEAR(a->second, b->second, 1e-4);
      } else {
        ASSERT_EQ(a->second, b->second);
      }
    }
    const auto& beam = beams[static_cast<size_t>(search.rows.front())];
    ASSERT_EQ(beam.ended, static_cast<int32_t>(search.reference.ended.size()));
    if (search.reference.ended.empty()) return;
    const auto score = [&](const auto& one) {
      return ops::hypothesis_score(one.second, static_cast<int32_t>(one.first.size()) - 1, length_penalty);
    };
    const auto& best = *std::max_element(search.reference.ended.begin(), search.reference.ended.end(),
                                         [&](const auto& a, const auto& b) { return score(a) < score(b); });
    ASSERT_NEAR(beam.best_score, score(best), 1e-4);
    const int32_t* first = best_history.data() + search.rows.front() * kCapacity;
    ASSERT_EQ(Tokens(first, first + beam.best_length), Tokens(best.first.begin(), best.first.end() - 1));
  }

  // One step of all searches that are not over, as the executor lays it out.
  void step(Isa isa, std::vector<Search>& searches, bool first_step) {
    std::vector<float> logits(kVocabulary * 3, 7.0f);  // lines of others come first
    std::vector<ops::BeamLines> lines;
    for (Search& search : searches) {
      const auto line = static_cast<int32_t>(logits.size() / kVocabulary);
      const int32_t count = first_step ? 1 : search.reference.size;
      lines.push_back({search.rows.front(), line, count});
      for (int32_t i = 0; i < count; ++i) {
        const int32_t row = search.rows[static_cast<size_t>(i)];
        const Tokens tokens = sequence(row);
        if (!first_step && rows[static_cast<size_t>(row)].finished == 0)
          feed(row, rows[static_cast<size_t>(row)].length, stamp(tokens, tokens.size(), search.salt));
        const auto after = logits_after(tokens, search.salt, search.eot);
        logits.insert(logits.end(), after.begin(), after.end());
      }
    }
    beam_select(isa, pool, cache, matrix(logits, kVocabulary), state, lines.data(), static_cast<int32_t>(lines.size()),
                first_step ? 0 : 1);
  }
};

TEST_F(BeamSearch, IsTheReferenceStepByStep) {
  int over = 0, ended = 0, steps = 0;
  for (const Isa isa : test::levels()) {
    for (uint32_t round = 0; round < 12; ++round) {
      std::mt19937 random(round);
      std::vector<int32_t> free(kRows);
      std::iota(free.begin(), free.end(), 0);
      std::shuffle(free.begin(), free.end(), random);
      std::vector<Search> searches;
      const double length_penalty = round % 3 == 0 ? 0.6 : kByLength;
      for (const int32_t size : {5, 1, 3, 8}) {
        const double patience = round % 2 == 0 ? 1.0 : 2.0;
        const auto most = static_cast<int32_t>(std::nearbyint(size * patience));
        // Prompts that end within, at and before the border of a page.
        const auto prompt = static_cast<int32_t>(1 + random() % 40 + (random() % 3 == 0 ? 16 - random() % 16 : 0));
        searches.push_back({{free.end() - size, free.end()},
                            static_cast<uint32_t>(random()),
                            round % 4 == 3 ? 0.5f : 2.5f,
                            Reference(size, most),
                            prompt});
        free.resize(free.size() - static_cast<size_t>(size));
        place(searches.back(), length_penalty);
      }
      for (int n = 0; n < 40; ++n) {
        step(isa, searches, n == 0);
        ++steps;
        for (Search& search : searches) {
          if (search.reference.over()) continue;
          search.reference.update(search.salt, search.eot);
          expect_reference(search, length_penalty);
          if (HasFatalFailure())
            FAIL() << "level " << static_cast<int>(isa) << " round " << round << " step " << n << " size "
                   << search.reference.size;
          if (search.reference.over()) {
            ++over;
            ended += static_cast<int>(search.reference.ended.size());
            continue;
          }
          for (const int32_t row : search.rows) expect_cache(search, row);
          if (HasFatalFailure())
            FAIL() << "cache; level " << static_cast<int>(isa) << " round " << round << " step " << n;
        }
      }
    }
  }
  EXPECT_GT(over, 30) << "the data hardly ever ended a search";
  EXPECT_GT(ended, over);
  EXPECT_GT(steps, 400);
}

TEST_F(BeamSearch, EndsWithTheBudget) {
  Search search{{4, 2, 9}, 5, -50.0f, Reference(3, 3), 7};
  place(search, kByLength);
  for (const int32_t row : search.rows) rows[static_cast<size_t>(row)].max_sampled = 6;
  std::vector<Search> all{search};
  for (int n = 0; n < 6; ++n) {
    for (const int32_t row : search.rows) EXPECT_EQ(rows[static_cast<size_t>(row)].finished, 0);
    step(widest_isa(), all, n == 0);
  }
  for (const int32_t row : search.rows) {
    EXPECT_EQ(rows[static_cast<size_t>(row)].finished, 1);
    EXPECT_EQ(rows[static_cast<size_t>(row)].sampled, 6);
  }
  const auto before = rows;
  step(widest_isa(), all, false);  // what is over stays as it is
  EXPECT_EQ(0, std::memcmp(before.data(), rows.data(), rows.size() * sizeof(ops::RowState)));
}

TEST_F(BeamSearch, RefusesLinesThatAreNotItsOwn) {
  Search search{{4, 2, 9}, 5, 0.0f, Reference(3, 3), 7};
  place(search, kByLength);
  const auto logits = normal(2 * kVocabulary, 1);
  const ops::BeamLines lines{4, 0, 2};
  EXPECT_THROW(beam_select(widest_isa(), pool, cache, matrix(logits, kVocabulary), state, &lines, 1, 1),
               std::exception);
}

TEST_F(BeamSearch, CopiesWholePages) {
  for (int32_t layer = 0; layer < kLayers; ++layer) {
    std::memset(cache.block(layer, 3, 0), 17 + layer, static_cast<size_t>(kHeads * cache.layout().bytes));
    std::memset(cache.block(layer, 4, 0), 99, static_cast<size_t>(kHeads * cache.layout().bytes));
  }
  const ops::PageCopy copies[] = {{3, 7}, {4, 0}};
  copy_pages(pool, cache, copies);
  for (int32_t layer = 0; layer < kLayers; ++layer) {
    for (const auto& [from, to] : copies) {
      EXPECT_EQ(0, std::memcmp(cache.block(layer, from, 0), cache.block(layer, to, 0),
                               static_cast<size_t>(kHeads * cache.layout().bytes)));
    }
  }
  const ops::PageCopy outside{3, kRows * kPagesPerRow};
  EXPECT_THROW(copy_pages(pool, cache, {&outside, 1}), std::exception);
}

}  // namespace
}  // namespace wtrt::cpu
