// One step of beam searches over the step state (BeamSearchDecoder of openai/whisper).
#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "backends/cpu/logit_peaks.hpp"
#include "backends/cpu/token_policy.hpp"
#include "common/error.hpp"
#include "ops/ranking.hpp"

namespace wtrt::cpu {
namespace {

constexpr int32_t kMost = ops::kMaxBeams;

// The largest logits of a line in falling order, equal ones by rising token.
struct Top {
  struct Entry {
    float logit;
    int32_t token;
  };
  std::array<Entry, kMost + 1> entries;
  int32_t size = 0;

  void add(float logit, int32_t token, int32_t limit) {
    if (size == limit && !(logit > entries[static_cast<size_t>(size - 1)].logit)) return;
    if (size < limit) ++size;
    int32_t at = size - 1;
    for (; at > 0 && logit > entries[static_cast<size_t>(at - 1)].logit; --at) {
      entries[static_cast<size_t>(at)] = entries[static_cast<size_t>(at - 1)];
    }
    entries[static_cast<size_t>(at)] = {logit, token};
  }
};

// The largest logits of a range. Only a block whose largest is among the largest of blocks can hold one of them.
Top top_of(const VectorKernels& kernels, const float* line, Range range, int32_t wanted) {
  constexpr int64_t kBlock = 64;
  const auto block_of = [&](int64_t block) {
    return Range{range.first + block * kBlock, std::min(kBlock, range.count - block * kBlock)};
  };
  Top blocks;
  for (int64_t block = 0; block * kBlock < range.count; ++block) {
    float most;
    int64_t index;
    kernels.largest(line + block_of(block).first, block_of(block).count, &most, &index);
    blocks.add(most, static_cast<int32_t>(block), wanted);
  }
  const auto kept = std::span(blocks.entries).first(static_cast<size_t>(blocks.size));
  std::sort(kept.begin(), kept.end(), [](const Top::Entry& a, const Top::Entry& b) { return a.token < b.token; });
  Top top;
  for (const Top::Entry& entry : kept) {
    const auto [first, count] = block_of(entry.token);
    for (int64_t i = first; i < first + count; ++i) top.add(line[i], static_cast<int32_t>(i), wanted);
  }
  return top;
}

struct Candidate {
  double sum;  // log-probability of its tokens
  int32_t row, token;
};

// Fixed room for the candidates of one search: nothing is allocated within a run.
struct Candidates {
  std::array<Candidate, kMost*(kMost + 1)> all;
  int32_t count = 0;
  std::span<Candidate> span() { return std::span(all).first(static_cast<size_t>(count)); }
};

class Search {
 public:
  Search(const ops::StepState& state, const ops::BeamLines& lines)
      : state_(state), beam_(state.beams[lines.search]), lines_(lines) {}

  ops::RowState& row(int32_t i) const { return state_.rows[beam_.rows[i]]; }
  bool over() const { return row(0).finished != 0; }

  // What its lines propose, best first; of equal ones the earlier row's.
  void propose(Isa isa, ThreadPool& pool, const ops::Tensor& logits, Candidates& proposed) const {
    const VectorKernels& kernels = vector_kernels(isa);
    const int32_t wanted = beam_.size + 1;
    std::array<Top, kMost * kChunks> tops;
    std::array<Peak, kMost * kChunks> peaks;
    pool.parallel_for(lines_.count * kChunks, [&](int32_t task) {
      const float* line = line_of(logits, lines_.first + task / kChunks);
      const Range range = ops::chunk_of(logits.cols, task % kChunks);
      peaks[static_cast<size_t>(task)] = peak_of(kernels, line, range);
      tops[static_cast<size_t>(task)] = top_of(kernels, line, range, wanted);
    });
    for (int32_t i = 0; i < lines_.count; ++i) {
      const auto first = static_cast<size_t>(i * kChunks);
      add_line(i, ops::join(&peaks[first], kChunks), std::span(tops).subspan(first, kChunks), proposed);
    }
    const auto better = [](const Candidate& a, const Candidate& b) {
      if (a.sum != b.sum) return a.sum > b.sum;
      return a.row != b.row ? a.row < b.row : a.token < b.token;
    };
    std::sort(proposed.span().begin(), proposed.span().end(), better);
  }

  // The best that go on, as many as there are beams: their number. Hypotheses that end before these are noted.
  int32_t survive(std::span<const Candidate> proposed, std::span<Candidate> survivors) const {
    const int32_t eot = state_.policies[row(0).policy].eot;
    int32_t count = 0;
    for (const Candidate& candidate : proposed) {
      if (count == beam_.size) break;
      if (candidate.token != eot) {
        survivors[static_cast<size_t>(count++)] = candidate;
      } else if (beam_.ended < beam_.max_ended) {
        note_ended(candidate);
      }
    }
    return count;
  }

  // Gives each survivor a row and its token. Returns the pages that must be copied for it.
  int32_t place(std::span<const Candidate> survivors, int32_t page_tokens, int32_t advance,
                std::span<ops::PageCopy> copies) const {
    std::array<bool, kMost> continued{};
    for (const Candidate& survivor : survivors) continued[static_cast<size_t>(survivor.row)] = true;
    std::array<int32_t, kMost> rows;
    std::array<bool, kMost> taken{};
    int32_t free = 0, copied = 0;
    for (size_t i = 0; i < survivors.size(); ++i) {
      const int32_t source = survivors[i].row;
      rows[i] = source;
      if (!taken[static_cast<size_t>(source)]) {
        taken[static_cast<size_t>(source)] = true;
        continue;
      }
      while (continued[static_cast<size_t>(free)]) ++free;  // there are as many of these as survivors without a row
      rows[i] = free++;
      if (fork(source, rows[i], page_tokens, advance, &copies[static_cast<size_t>(copied)])) ++copied;
    }
    const bool over = beam_.ended >= beam_.max_ended;
    for (size_t i = 0; i < survivors.size(); ++i) append(rows[i], survivors[i], advance, over);
    return copied;
  }

 private:
  int32_t* history(int32_t i) const {
    return state_.history + static_cast<int64_t>(beam_.rows[i]) * state_.history_capacity;
  }
  int32_t* pages(int32_t i) const { return state_.pages + static_cast<int64_t>(beam_.rows[i]) * state_.pages_per_row; }

  // What one line proposes, of the tops of its chunks.
  void add_line(int32_t i, const Peak& peak, std::span<const Top> tops, Candidates& proposed) const {
    Top best;
    for (const Top& top : tops) {
      for (int32_t n = 0; n < top.size; ++n) {
        const Top::Entry& entry = top.entries[static_cast<size_t>(n)];
        best.add(entry.logit, entry.token, beam_.size + 1);
      }
    }
    for (int32_t n = 0; n < best.size; ++n) {
      const Top::Entry& entry = best.entries[static_cast<size_t>(n)];
      const double sum = row(i).sum_logprob + peak.logprob(entry.logit);
      proposed.all[static_cast<size_t>(proposed.count++)] = {sum, i, entry.token};
    }
  }

  void note_ended(const Candidate& candidate) const {
    const int32_t length = row(candidate.row).sampled;
    const double score = ops::hypothesis_score(candidate.sum, length, beam_.length_penalty);
    if (beam_.ended++ > 0 && !(score > beam_.best_score)) return;
    beam_.best_score = score;
    beam_.best_sum = candidate.sum;
    beam_.best_length = length;
    std::copy_n(history(candidate.row), length,
                state_.best_history + static_cast<int64_t>(lines_.search) * state_.history_capacity);
  }

  // Makes row `to` what `from` is. The page in use stays its own; true if that must be filled.
  bool fork(int32_t from, int32_t to, int32_t page_tokens, int32_t advance, ops::PageCopy* copy) const {
    const int32_t length = row(from).length + advance, page = length / page_tokens;
    row(to) = row(from);
    std::copy_n(history(from), row(from).sampled, history(to));
    std::copy_n(pages(from), page, pages(to));
    if (length % page_tokens == 0) return false;
    *copy = {pages(from)[page], pages(to)[page]};
    return true;
  }

  void append(int32_t i, const Candidate& survivor, int32_t advance, bool over) const {
    ops::RowState& to = row(i);
    history(i)[to.sampled] = survivor.token;
    to.token = survivor.token;
    to.sum_logprob = survivor.sum;
    to.length += advance;
    to.sampled += 1;
    if (over || to.sampled >= to.max_sampled || to.sampled >= state_.history_capacity) to.finished = 1;
  }

  const ops::StepState& state_;
  ops::BeamState& beam_;
  const ops::BeamLines& lines_;
};

void check_search(const ops::BeamState& beam, const ops::BeamLines& lines, const ops::Tensor& logits) {
  if (beam.size < 1 || beam.size > kMost || (lines.count != 1 && lines.count != beam.size) ||
      lines.first + lines.count > logits.rows || logits.cols <= beam.size) {
    throw Error(ErrorCode::internal,
                "beam search " + std::to_string(lines.search) + " of " + std::to_string(beam.size) +
                    " beams over lines " + std::to_string(lines.first) + " + " + std::to_string(lines.count) +
                    " of logits [" + std::to_string(logits.rows) + ", " + std::to_string(logits.cols) + "]");
  }
}

}  // namespace

void beam_select(Isa isa, ThreadPool& pool, CpuPagedKv& cache, const ops::Tensor& logits, const ops::StepState& state,
                 const ops::BeamLines* searches, int32_t count, int32_t advance) {
  check_logits(logits, 0);
  for (int32_t i = 0; i < count; ++i) {
    check_search(state.beams[searches[i].search], searches[i], logits);
    const Search search(state, searches[i]);
    if (search.over()) continue;
    Candidates proposed;
    search.propose(isa, pool, logits, proposed);
    std::array<Candidate, kMost> survivors;
    const auto survived = static_cast<size_t>(search.survive(proposed.span(), survivors));
    std::array<ops::PageCopy, kMost> copies;
    const auto copied =
        static_cast<size_t>(search.place(std::span(survivors).first(survived), cache.page_tokens(), advance, copies));
    if (copied > 0 && !search.over()) copy_pages(pool, cache, std::span(copies).first(copied));
  }
}

}  // namespace wtrt::cpu
