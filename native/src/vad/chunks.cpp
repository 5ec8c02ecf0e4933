#include "vad/chunks.hpp"

#include <algorithm>
#include <string>

#include "common/error.hpp"

namespace wtrt::vad {

std::vector<SpeechChunk> merge_spans(std::span<const SpeechSpan> spans, int64_t max_samples) {
  if (max_samples <= 0) {
    throw Error(ErrorCode::invalid_argument, "max_samples: " + std::to_string(max_samples) + " is not positive");
  }
  std::vector<SpeechChunk> chunks;
  int64_t reached = 0;
  for (const SpeechSpan& span : spans) {
    if (span.start < reached || span.end < span.start) {
      throw Error(ErrorCode::invalid_argument,
                  "spans: [" + std::to_string(span.start) + ", " + std::to_string(span.end) +
                      ") does not follow the one before, which ends at " + std::to_string(reached));
    }
    reached = span.end;
    for (int64_t from = span.start; from < span.end;) {
      const int64_t end = std::min(span.end, from + max_samples);
      if (chunks.empty() || chunks.back().samples + end - from > max_samples) chunks.emplace_back();
      chunks.back().spans.push_back({from, end});
      chunks.back().samples += end - from;
      from = end;
    }
  }
  return chunks;
}

}  // namespace wtrt::vad
