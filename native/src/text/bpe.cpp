#include "text/bpe.hpp"

#include <functional>
#include <queue>
#include <tuple>

namespace wtrt::text {
namespace {

// The parts of a piece as a list: next[i] is where the part that begins at byte i ends. A heap of candidate merges
// keeps long pieces at n log n.
class Merger {
 public:
  Merger(const Vocabulary& vocabulary, std::string_view piece)
      : vocabulary_(vocabulary), piece_(piece), next_(piece.size() + 1), previous_(piece.size() + 1) {
    for (size_t i = 0; i < piece.size(); ++i) next_[i] = i + 1;
    for (size_t i = 1; i <= piece.size(); ++i) previous_[i] = i - 1;
    for (size_t i = 0; i + 1 < piece.size(); ++i) consider(i);
  }

  void merge_all() {
    while (!candidates_.empty()) {
      const auto [rank, first, end] = candidates_.top();
      candidates_.pop();
      const size_t second = next_[first];
      if (second == kMerged || second == piece_.size() || next_[second] != end) continue;  // a part changed since
      next_[first] = end;
      next_[second] = kMerged;
      previous_[end] = first;
      if (first > 0) consider(previous_[first]);
      if (end < piece_.size()) consider(first);
    }
  }

  void append_ids(std::vector<TokenId>& ids) const {
    for (size_t i = 0; i < piece_.size(); i = next_[i])
      ids.push_back(*vocabulary_.find(piece_.substr(i, next_[i] - i)));
  }

 private:
  static constexpr size_t kMerged = ~size_t{0};
  using Candidate = std::tuple<TokenId, size_t, size_t>;  // rank, begin, end: ordered as merges are

  void consider(size_t first) {
    const size_t end = next_[next_[first]];
    if (end - first > vocabulary_.longest()) return;
    if (const auto id = vocabulary_.find(piece_.substr(first, end - first))) candidates_.emplace(*id, first, end);
  }

  const Vocabulary& vocabulary_;
  std::string_view piece_;
  std::vector<size_t> next_, previous_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates_;
};

}  // namespace

void append_bpe(const Vocabulary& vocabulary, std::string_view piece, std::vector<TokenId>& ids) {
  if (const auto whole = vocabulary.find(piece)) {
    ids.push_back(*whole);
    return;
  }
  Merger merger(vocabulary, piece);
  merger.merge_all();
  merger.append_ids(ids);
}

}  // namespace wtrt::text
