// Shapes of the log-mel kernel.
#pragma once

namespace wtrt::kernels {

struct MelShape {
  static constexpr int kHop = 160, kLength = 400, kHalf = kLength / 2, kBins = kHalf + 1;
  static constexpr int kMostBands = 128;
  static constexpr int kFrames = 8, kThreads = 320;  // of a block, at a time
  static constexpr int kSamples = (kFrames - 1) * kHop + kLength;
};

}  // namespace wtrt::kernels
