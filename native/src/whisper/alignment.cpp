#include "whisper/alignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace wtrt::whisper {
namespace {

constexpr size_t kHalf = 3;  // neighbours on each side of a median

void softmax(const float* scores, std::span<float> out) {
  const float most = *std::max_element(scores, scores + out.size());
  double total = 0;
  for (size_t i = 0; i < out.size(); ++i) total += static_cast<double>(out[i] = std::exp(scores[i] - most));
  for (float& value : out) value = static_cast<float>(static_cast<double>(value) / total);
}

// Every column of weights [tokens, frames] gets mean 0 and deviation 1; one that is the same in all tokens says
// nothing.
void standardise(std::span<float> weights, int32_t tokens, int32_t frames) {
  const auto columns = static_cast<size_t>(frames);
  std::vector<double> mean(columns), squares(columns);
  const auto for_all = [&](const auto& body) {
    for (size_t t = 0; t < static_cast<size_t>(tokens); ++t) {
      for (size_t c = 0; c < columns; ++c) body(weights[t * columns + c], c);
    }
  };
  for_all([&](float value, size_t c) { mean[c] += static_cast<double>(value); });
  for (double& value : mean) value /= tokens;
  for_all([&](float value, size_t c) {
    const double off = static_cast<double>(value) - mean[c];
    squares[c] += off * off;
  });
  for_all([&](float& value, size_t c) {
    const float deviation = static_cast<float>(std::sqrt(squares[c] / tokens));
    value = deviation > 0 ? (value - static_cast<float>(mean[c])) / deviation : 0.0f;
  });
}

// A network of exchanges after which the fourth of seven stands in its place: no branches, so that it runs on vectors.
inline float median_of_seven(const float* values) {
  float v[7];
  for (size_t i = 0; i < 7; ++i) v[i] = values[i];
  constexpr uint8_t kExchanges[][2] = {{0, 5}, {0, 3}, {1, 6}, {2, 4}, {0, 1}, {3, 5}, {2, 6},
                                       {2, 3}, {3, 6}, {4, 5}, {1, 4}, {1, 3}, {3, 4}};
  for (const auto& [low, high] : kExchanges) {
    const float least = v[high] < v[low] ? v[high] : v[low], most = v[high] < v[low] ? v[low] : v[high];
    v[low] = least;
    v[high] = most;
  }
  return v[3];
}

enum Step : uint8_t { kDiagonal, kDown, kRight };

// The step that leads into each cell, [rows + 1, columns + 1] with a border; ties go right, as in openai/whisper.
std::vector<uint8_t> cheapest_steps(std::span<const float> cost, int32_t rows, int32_t columns) {
  constexpr float kFar = std::numeric_limits<float>::infinity();
  const auto height = static_cast<size_t>(rows) + 1, width = static_cast<size_t>(columns) + 1;
  std::vector<uint8_t> steps(height * width, kRight);
  for (size_t i = 0; i < height; ++i) steps[i * width] = kDown;
  std::vector<float> before(width, kFar), here(width, kFar);
  before[0] = 0;
  for (size_t i = 1; i < height; ++i) {
    here[0] = kFar;
    for (size_t j = 1; j < width; ++j) {
      const float diagonal = before[j - 1], down = before[j], right = here[j - 1];
      float least = right;
      if (diagonal < down && diagonal < right) {
        least = diagonal;
        steps[i * width + j] = kDiagonal;
      } else if (down < diagonal && down < right) {
        least = down;
        steps[i * width + j] = kDown;
      }
      here[j] = cost[(i - 1) * (width - 1) + j - 1] + least;
    }
    std::swap(before, here);
  }
  return steps;
}

}  // namespace

void median_filter(std::span<float> row) {
  const size_t size = row.size();
  if (size <= kHalf) return;
  std::vector<float> padded(size + 2 * kHalf);
  std::copy(row.begin(), row.end(), padded.begin() + kHalf);
  for (size_t i = 1; i <= kHalf; ++i) {
    padded[kHalf - i] = row[i];
    padded[kHalf + size - 1 + i] = row[size - 1 - i];
  }
  const float* const from = padded.data();
  float* const to = row.data();
  for (size_t i = 0; i < size; ++i) to[i] = median_of_seven(from + i);
}

std::vector<float> attention_map(const AlignmentScores& scores, int32_t first, int32_t end, int32_t frames) {
  const auto columns = static_cast<size_t>(frames), tokens = static_cast<size_t>(scores.tokens);
  std::vector<float> map(static_cast<size_t>(end - first) * columns), weights(tokens * columns);
  for (size_t head = 0; head < static_cast<size_t>(scores.heads); ++head) {
    const float* of_head = scores.scores.data() + head * tokens * static_cast<size_t>(scores.positions);
    for (size_t t = 0; t < tokens; ++t) {
      softmax(of_head + t * static_cast<size_t>(scores.positions), std::span(weights).subspan(t * columns, columns));
    }
    standardise(weights, scores.tokens, frames);
    for (size_t t = static_cast<size_t>(first); t < static_cast<size_t>(end); ++t) {
      const auto row = std::span(weights).subspan(t * columns, columns);
      median_filter(row);
      float* sums = map.data() + (t - static_cast<size_t>(first)) * columns;
      for (size_t c = 0; c < columns; ++c) sums[c] += row[c];
    }
  }
  for (float& value : map) value /= static_cast<float>(scores.heads);
  return map;
}

std::vector<int32_t> warp(std::span<const float> cost, int32_t rows, int32_t columns) {
  const std::vector<uint8_t> steps = cheapest_steps(cost, rows, columns);
  const auto width = static_cast<size_t>(columns) + 1;
  std::vector<int32_t> entered(static_cast<size_t>(rows));
  auto i = static_cast<size_t>(rows), j = static_cast<size_t>(columns);
  while (i > 0 && j > 0) {
    entered[i - 1] = static_cast<int32_t>(j) - 1;  // the last to be written is the first in time
    const uint8_t step = steps[i * width + j];
    if (step != kRight) --i;
    if (step != kDown) --j;
  }
  return entered;  // rows above the way's beginning are entered at column 0
}

}  // namespace wtrt::whisper
