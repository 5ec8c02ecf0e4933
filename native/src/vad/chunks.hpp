// Speech cut into pieces that are decoded together: the idea of faster-whisper's batched pipeline.
#pragma once

#include <span>
#include <vector>

#include "vad/span_finder.hpp"

namespace wtrt::vad {

// Neighbouring spans whose speech together is at most `max_samples` long.
struct SpeechChunk {
  std::vector<SpeechSpan> spans;
  int64_t samples = 0;  // of speech in them
};

// Fills chunks in order, each with as many spans as fit; no span is in two. A span that alone is too long is cut into
// pieces of `max_samples`. Throws invalid_argument unless max_samples is positive and the spans are in order.
std::vector<SpeechChunk> merge_spans(std::span<const SpeechSpan> spans, int64_t max_samples);

}  // namespace wtrt::vad
