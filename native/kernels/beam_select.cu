// One step of beam searches: the twin of beam_search.cpp. Three launches: the best of each line's chunks, what becomes
// of each search, and the copies of pages that it asks for. Compiled without contraction, as the CPU's code is.
#include <algorithm>

#include "launch.cuh"
#include "ops/ranking.hpp"
#include "peak_kernel.cuh"
#include "policy_scratch.cuh"

namespace wtrt::kernels {
namespace {

constexpr uint32_t kNobody = 0xffffffffu;

__device__ int32_t this_warp() { return static_cast<int32_t>(threadIdx.x / 32); }
__device__ int32_t this_lane() { return static_cast<int32_t>(threadIdx.x % 32); }

struct Searches {
  const float* logits;
  int32_t vocabulary;
  ops::StepState state;
  const ops::BeamLines* lines;
  LineScratch* scratch;
};

__device__ bool over(const ops::StepState& state, const ops::BeamState& beam) {
  return state.rows[beam.rows[0]].finished != 0;
}

// ---- the largest logits of a line, equal ones by rising token ----

// The first `wanted` of sorted lists (at most one per lane) in order, by one warp. `size`: entries of this lane's list.
__device__ void merge_lists(const TopEntry* list, int32_t size, int32_t wanted, TopEntry* merged) {
  int32_t at = 0;
  for (int32_t n = 0; n < wanted; ++n) {
    const TopEntry head = at < size ? list[at] : TopEntry{0.0f, -1};
    const Place mine =
        head.token >= 0 ? Place{order_of(head.logit), static_cast<uint32_t>(head.token)} : Place{0, kNobody};
    const Place first = first_of_warp(mine);
    if (first.order == 0) {
      if (threadIdx.x % 32 == 0) merged[n] = {0.0f, -1};
    } else if (mine.order == first.order && mine.index == first.index) {
      merged[n] = head;
      ++at;
    }
  }
  __syncwarp();
}

// Of the values that a warp looks at (every kPeakThreads-th block of 32), the first `wanted` in order: each lane knows
// the first of its own, and the warp looks once more through those of the lane that has given one away.
template <typename Values>
__device__ void top_of_warp(const Values& values, ops::Range range, int32_t wanted, TopEntry* top) {
  const int32_t lane = this_lane(), begin = this_warp() * 32, count = static_cast<int32_t>(range.count);
  Place mine{0, kNobody};
  for (int32_t i = begin + lane; i < count; i += kPeakThreads) {
    const uint32_t order = order_of(values(i));
    if (order > mine.order) mine = {order, static_cast<uint32_t>(i)};
  }
  for (int32_t n = 0; n < wanted; ++n) {
    const Place given = first_of_warp(mine);
    if (lane == 0)
      top[n] = given.order == 0 ? TopEntry{0.0f, -1}
                                : TopEntry{of_order(given.order), static_cast<int32_t>(range.first + given.index)};
    if (n + 1 == wanted || given.order == 0) continue;
    const int32_t giver = static_cast<int32_t>(given.index % 32);  // begin and kPeakThreads are multiples of 32
    Place next{0, kNobody};
    for (int32_t i = begin + giver + lane * kPeakThreads; i < count; i += 32 * kPeakThreads) {
      const uint32_t order = order_of(values(i));
      const bool behind = order < given.order || (order == given.order && static_cast<uint32_t>(i) > given.index);
      if (behind && order > next.order) next = {order, static_cast<uint32_t>(i)};
    }
    next = first_of_warp(next);
    if (lane == giver) mine = next;
  }
  __syncwarp();
}

// Block (chunk, search, a line and every gridDim.z-th after it).
__global__ void __launch_bounds__(kPeakThreads, 3) tops_kernel(Searches searches) {
  constexpr int32_t kWarps = kPeakThreads / 32;
  __shared__ Tile tile;
  __shared__ TopEntry tops[kWarps][kMostTops];
  wait_for_previous();
  let_next_begin();
  const ops::BeamLines lines = searches.lines[blockIdx.y];
  if (lines.search < 0) return;
  const ops::BeamState& beam = searches.state.beams[lines.search];
  if (over(searches.state, beam)) return;
  const ops::Range range = ops::chunk_of(searches.vocabulary, static_cast<int32_t>(blockIdx.x));
  const int32_t wanted = beam.size + 1, warp = this_warp(), lane = this_lane();
  for (int32_t i = static_cast<int32_t>(blockIdx.z); i < lines.count; i += static_cast<int32_t>(gridDim.z)) {
    const float* line = searches.logits + static_cast<int64_t>(lines.first + i) * searches.vocabulary;
    LineScratch& scratch = searches.scratch[lines.first + i];
    const auto look = [&](const ops::Peak&) {
      if (range.count <= kTileSize) {
        top_of_warp([&](int32_t k) { return tile[k]; }, range, wanted, tops[warp]);
      } else {
        top_of_warp([&](int32_t k) { return line[range.first + k]; }, range, wanted, tops[warp]);
      }
      __syncthreads();
    };
    fetch(tile, line + range.first, range.count);
    const ops::Peak peak = peak_of(tile, line, range, NothingMore{}, look);
    if (threadIdx.x == 0) scratch.peaks[blockIdx.x] = peak;
    if (warp == kWarps - 1)
      merge_lists(tops[lane % kWarps], lane < kWarps && range.count > 0 ? wanted : 0, wanted, scratch.tops[blockIdx.x]);
    __syncthreads();
  }
}

// ---- what becomes of a search ----

struct Candidate {
  double sum;  // log-probability of its tokens
  int32_t row, token;
};

__device__ bool better(const Candidate& a, const Candidate& b) {
  if (a.sum != b.sum) return a.sum > b.sum;
  return a.row != b.row ? a.row < b.row : a.token < b.token;
}

constexpr int32_t kSelectThreads = 256;
constexpr int32_t kSelectWarps = kSelectThreads / 32;
constexpr int32_t kMostCandidates = ops::kMaxBeams * kMostTops;

struct Selection {
  TopEntry tops[kSelectWarps][ops::kChunks][kMostTops], best[kSelectWarps][kMostTops];
  Candidate of_line[kSelectWarps][kMostTops];
  Candidate proposed[kMostCandidates];  // line by line, each in order
  Candidate survivors[ops::kMaxBeams];
  int32_t best_row, best_length;  // of the best hypothesis that has ended in this step; -1: none
  int32_t forks, from[kMostForks], to[kMostForks];
};

class Search {
 public:
  __device__ Search(const Searches& all, const ops::BeamLines& lines, Selection& selection)
      : all_(all),
        state_(all.state),
        beam_(all.state.beams[lines.search]),
        lines_(lines),
        selection_(selection),
        size_(beam_.size),
        wanted_(size_ + 1) {}

  __device__ ops::RowState& row(int32_t i) const { return state_.rows[beam_.rows[i]]; }
  __device__ int32_t* history(int32_t i) const {
    return state_.history + static_cast<int64_t>(beam_.rows[i]) * state_.history_capacity;
  }
  __device__ int32_t* pages(int32_t i) const {
    return state_.pages + static_cast<int64_t>(beam_.rows[i]) * state_.pages_per_row;
  }

  // What each line proposes, a warp for each.
  __device__ void propose() const {
    const int32_t warp = this_warp(), lane = this_lane();
    for (int32_t i = warp; i < lines_.count; i += kSelectWarps) {
      const LineScratch& scratch = all_.scratch[lines_.first + i];
      for (int32_t chunk = 0; chunk < ops::kChunks; ++chunk)
        for (int32_t n = lane; n < wanted_; n += 32) selection_.tops[warp][chunk][n] = scratch.tops[chunk][n];
      const double sum = row(i).sum_logprob;
      const ops::Peak peak = join_in_warp(scratch.peaks);
      const double base = ops::log_of(peak.sum);
      __syncwarp();
      merge_lists(selection_.tops[warp][lane % ops::kChunks], lane < ops::kChunks ? wanted_ : 0, wanted_,
                  selection_.best[warp]);
      Candidate* proposed = selection_.of_line[warp];
      for (int32_t n = lane; n < wanted_; n += 32) {
        const TopEntry& entry = selection_.best[warp][n];
        const double with = sum + peak.logprob(entry.logit, base);
        proposed[n] = {with == with ? with : static_cast<double>(ops::kForbidden), i, entry.token};  // NaN has no rank
      }
      __syncwarp();
      sort_line(proposed, &selection_.proposed[i * wanted_]);
    }
  }

  // The best that go on, as many as there are beams, of the lines' sorted lists. Hypotheses that end before these are
  // noted. By one warp, a lane for each line.
  __device__ void survive() const {
    const int32_t lane = this_lane(), eot = state_.policies[row(0).policy].eot;
    const Candidate* next = &selection_.proposed[lane * wanted_];
    const Candidate* end = lane < lines_.count ? next + wanted_ : next;
    if (lane == 0) selection_.best_row = -1;
    for (int32_t count = 0; count < size_;) {
      const Candidate mine = next < end ? *next : Candidate{0.0, -1, -1};
      const int32_t first = first_sum(mine.sum, next < end);
      if (first < 0) return;
      const bool ends = __shfl_sync(kAllLanes, mine.token, first) == eot;
      if (lane == first) {
        if (ends) note_ended(mine);
        if (!ends) selection_.survivors[count] = mine;
        ++next;
      }
      count += ends ? 0 : 1;
      __syncwarp();
    }
  }

  // Which row each survivor takes: the first of a row stays there, others take those that nobody continues. By one
  // warp, a lane for each; to be followed by copy_forks() of the block and append() of this warp with what is returned.
  struct Placed {
    ops::RowState state;
    int32_t to;
  };
  __device__ Placed place() const {
    const int32_t lane = this_lane();
    const bool mine = lane < size_;
    const int32_t source = mine ? selection_.survivors[lane].row : -1;
    const uint32_t same = __match_any_sync(kAllLanes, source);
    const bool stays = mine && __ffs(static_cast<int>(same)) - 1 == lane;
    const uint32_t continued = __reduce_or_sync(kAllLanes, mine ? 1u << source : 0u);
    const uint32_t forking = __ballot_sync(kAllLanes, mine && !stays);
    const int32_t fork = __popc(forking & ((1u << lane) - 1u));
    Placed placed{};
    placed.to = stays ? source : -1;
    if (mine && !stays) {
      uint32_t free = ~continued;
      for (int32_t i = 0; i < fork; ++i) free &= free - 1;
      placed.to = __ffs(static_cast<int>(free)) - 1;
      selection_.from[fork] = source;
      selection_.to[fork] = placed.to;
    }
    if (mine) placed.state = row(source);
    if (lane == 0) selection_.forks = __popc(forking);
    __syncwarp();
    return placed;
  }

  __device__ void keep_best() const {
    if (selection_.best_row < 0) return;
    copy(history(selection_.best_row), selection_.best_length,
         state_.best_history + static_cast<int64_t>(lines_.search) * state_.history_capacity,
         static_cast<int32_t>(threadIdx.x), kSelectThreads);
  }

  // Histories and full pages; what the pages in use hold is left to a kernel behind.
  __device__ void copy_forks(int32_t page_tokens, int32_t advance) const {
    const int32_t warp = this_warp(), lane = this_lane();
    LineScratch& scratch = all_.scratch[lines_.first];
    for (int32_t i = warp; i < selection_.forks; i += kSelectWarps) {
      const int32_t from = selection_.from[i], to = selection_.to[i];
      const int32_t page = (row(from).length + advance) / page_tokens,
                    used = (row(from).length + advance) % page_tokens;
      copy(history(from), row(from).sampled, history(to), lane, 32);
      copy(pages(from), page, pages(to), lane, 32);
      if (lane == 0 && used > 0) scratch.copies[i] = {pages(from)[page], pages(to)[page]};
      if (lane == 0 && i == 0) scratch.fork_positions = used;
    }
  }

  __device__ void append(const Placed& placed, int32_t advance) const {
    const int32_t lane = this_lane();
    const bool mine = lane < size_;
    bool finished = false;
    if (mine) {
      const Candidate& survivor = selection_.survivors[lane];
      ops::RowState to = placed.state;
      history(placed.to)[to.sampled] = survivor.token;
      to.token = survivor.token;
      to.sum_logprob = survivor.sum;
      to.length += advance;
      to.sampled += 1;
      const bool all = beam_.ended >= beam_.max_ended;
      if (all || to.sampled >= to.max_sampled || to.sampled >= state_.history_capacity) to.finished = 1;
      row(placed.to) = to;
      finished = placed.to == 0 && to.finished != 0;
    }
    const bool done = __any_sync(kAllLanes, finished);
    LineScratch& scratch = all_.scratch[lines_.first];
    if (lane == 0) scratch.forks = done || scratch.fork_positions == 0 ? 0 : selection_.forks;
  }

 private:
  // A line's candidates in order: equal sums may come of different logits.
  __device__ void sort_line(const Candidate* from, Candidate* to) const {
    for (int32_t n = this_lane(); n < wanted_; n += 32) {
      int32_t before = 0;
      for (int32_t k = 0; k < wanted_; ++k) before += better(from[k], from[n]) ? 1 : 0;
      to[before] = from[n];
    }
  }

  // The lane with the largest sum of those that have one, of equal ones the first; -1: none.
  __device__ static int32_t first_sum(double sum, bool there) {
    const auto bits = static_cast<uint64_t>(__double_as_longlong(sum + 0.0));
    const uint64_t order = (bits >> 63) != 0 ? ~bits : bits | uint64_t{1} << 63;
    const uint32_t high = there ? static_cast<uint32_t>(order >> 32) : 0;
    const uint32_t highest = __reduce_max_sync(kAllLanes, high);
    const bool among = there && high == highest;
    const uint32_t low = among ? static_cast<uint32_t>(order) : 0;
    const uint32_t lowest = __reduce_max_sync(kAllLanes, low);
    return __ffs(static_cast<int>(__ballot_sync(kAllLanes, among && low == lowest))) - 1;
  }

  __device__ void note_ended(const Candidate& candidate) const {
    if (beam_.ended >= beam_.max_ended) return;
    const int32_t length = row(candidate.row).sampled;
    const double score = ops::hypothesis_score(candidate.sum, length, beam_.length_penalty);
    if (beam_.ended++ > 0 && !(score > beam_.best_score)) return;
    beam_.best_score = score;
    beam_.best_sum = candidate.sum;
    beam_.best_length = length;
    selection_.best_row = candidate.row;
    selection_.best_length = length;
  }

  __device__ static void copy(const int32_t* from, int32_t count, int32_t* to, int32_t first, int32_t step) {
    for (int32_t i = first; i < count; i += step) to[i] = from[i];
  }

  const Searches& all_;
  const ops::StepState& state_;
  ops::BeamState& beam_;
  const ops::BeamLines& lines_;
  Selection& selection_;
  const int32_t size_, wanted_;
};

// Block (search).
__global__ void __launch_bounds__(kSelectThreads)
    select_kernel(Searches searches, int32_t page_tokens, int32_t advance) {
  __shared__ Selection selection;
  wait_for_previous();
  let_next_begin();
  const ops::BeamLines lines = searches.lines[blockIdx.x];
  if (lines.search < 0) return;
  if (over(searches.state, searches.state.beams[lines.search])) {
    if (threadIdx.x == 0) searches.scratch[lines.first].forks = 0;
    return;
  }
  const Search search(searches, lines, selection);
  const bool first_warp = threadIdx.x < 32;
  search.propose();
  __syncthreads();
  Search::Placed placed{};
  if (first_warp) {
    search.survive();
    placed = search.place();
  }
  __syncthreads();
  search.keep_best();
  __syncthreads();
  search.copy_forks(page_tokens, advance);
  __syncthreads();
  if (first_warp) search.append(placed, advance);
}

// ---- pages in use ----

template <typename Word>
__device__ void copy_words(const std::byte* from, std::byte* to, int64_t bytes) {
  const auto words = static_cast<int32_t>(bytes / static_cast<int64_t>(sizeof(Word)));
#pragma unroll 4
  for (int32_t i = static_cast<int32_t>(threadIdx.x % 32); i < words; i += 32)
    reinterpret_cast<Word*>(to)[i] = reinterpret_cast<const Word*>(from)[i];
}

// Block (share of the work, search); a warp copies the positions of one head's keys or values.
__global__ void __launch_bounds__(kSelectThreads)
    fork_pages_kernel(PagedKv cache, const ops::BeamLines* searches, const LineScratch* scratch) {
  wait_for_previous();
  let_next_begin();
  const ops::BeamLines lines = searches[blockIdx.y];
  if (lines.search < 0) return;
  const LineScratch& asked = scratch[lines.first];
  const int64_t size = static_cast<int64_t>(size_of(cache.type));
  const int64_t head_bytes = size * cache.page_tokens * cache.head_size,
                bytes = size * asked.fork_positions * cache.head_size;
  const int32_t blocks = 2 * cache.heads, total = asked.forks * cache.layers * blocks;
  for (int32_t i = static_cast<int32_t>(blockIdx.x * kSelectWarps + threadIdx.x / 32); i < total;
       i += static_cast<int32_t>(gridDim.x) * kSelectWarps) {
    const ops::PageCopy& pages = asked.copies[i / blocks % asked.forks];
    const int64_t layer = i / blocks / asked.forks;
    const auto block = [&](int32_t page) {
      return static_cast<std::byte*>(cache.data) + ((layer * cache.pages + page) * blocks + i % blocks) * head_bytes;
    };
    if (size * cache.head_size % 16 == 0) {
      copy_words<int4>(block(pages.from), block(pages.to), bytes);
    } else {
      copy_words<uint16_t>(block(pages.from), block(pages.to), bytes);
    }
  }
}

}  // namespace

int64_t policy_workspace(int32_t count, int32_t) { return count * static_cast<int64_t>(sizeof(LineScratch)); }

cudaError_t beam_select(const Device& device, const PolicyArgs& args, const PagedKv& cache,
                        const ops::BeamLines* searches, int32_t count, int32_t advance, cudaStream_t stream) {
  if (count < 1) return cudaSuccess;
  auto* scratch = static_cast<LineScratch*>(args.workspace);
  const Searches all{args.logits, args.vocabulary, args.state, searches, scratch};
  const auto blocks = static_cast<unsigned>(count);
  const auto share = [&](unsigned most, unsigned least) { return std::min(most, std::max(least, most / blocks)); };
  const auto shape = [&](dim3 grid, int32_t threads) {
    LaunchShape shape{grid, threads};
    shape.overlap = device.sm >= 90;
    return shape;
  };
  cudaError_t status =
      launch(tops_kernel, shape(dim3(ops::kChunks, blocks, share(ops::kMaxBeams, 5)), kPeakThreads), stream, all);
  if (status != cudaSuccess) return status;
  status = launch(select_kernel, shape(dim3(blocks), kSelectThreads), stream, all, cache.page_tokens, advance);
  if (status != cudaSuccess) return status;
  return launch(fork_pages_kernel, shape(dim3(share(1024, 64), blocks), kSelectThreads), stream, cache, searches,
                scratch);
}

}  // namespace wtrt::kernels
