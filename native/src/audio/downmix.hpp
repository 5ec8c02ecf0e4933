// Many channels to one, with the weights of FFmpeg's `-ac 1`.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace wtrt::audio {

enum class Speaker : uint8_t { front_left, front_right, front_centre, low_frequency, other_front, other, unknown };

// Weights that sum to one, one per channel: front left and right 1/√2, centre 1, low frequency 0, surround 1/2, then
// normalised. Where a speaker is unknown, the usual layout for that number of channels (up to 8), else plain averaging.
std::vector<float> downmix_weights(std::span<const Speaker> speakers);

// Of one channel alone; of one that is not there, silence.
std::vector<float> channel_weights(size_t channels, int channel);

// `interleaved` holds out.size() frames. Values outside [-1, 1] are kept (the resampler still follows); NaN becomes 0.
void downmix(std::span<const float> interleaved, std::span<const float> weights, std::span<float> out);

}  // namespace wtrt::audio
