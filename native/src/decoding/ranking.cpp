#include "decoding/ranking.hpp"

#include <algorithm>

#include "ops/ranking.hpp"

namespace wtrt::decoding {

Choice best_draw(std::span<const ops::RowState> rows, int32_t eot, double length_penalty) {
  Choice best{};
  double best_score = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const int32_t length = rows[i].sampled - (rows[i].token == eot ? 1 : 0);
    const double score = ops::hypothesis_score(rows[i].sum_logprob, length, length_penalty);
    if (i > 0 && !(score > best_score)) continue;
    best = {static_cast<int32_t>(i), length, rows[i].sum_logprob};
    best_score = score;
  }
  return best;
}

Choice best_of_search(const ops::BeamState& search, std::span<const ops::RowState> rows) {
  const Choice ended{-1, search.best_length, search.best_sum};
  if (search.ended >= search.size) return ended;
  // All rows are of one length: the likeliest is the best of them.
  const auto likeliest = std::max_element(rows.begin(), rows.end(),
                                          [](const auto& a, const auto& b) { return a.sum_logprob < b.sum_logprob; });
  const double score = ops::hypothesis_score(likeliest->sum_logprob, likeliest->sampled, search.length_penalty);
  if (search.ended > 0 && !(score > search.best_score)) return ended;
  return {static_cast<int32_t>(likeliest - rows.begin()), likeliest->sampled, likeliest->sum_logprob};
}

}  // namespace wtrt::decoding
