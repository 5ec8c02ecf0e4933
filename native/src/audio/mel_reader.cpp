#include <algorithm>
#include <string>

#include "audio/log_mel.hpp"
#include "audio/mel_kernel.hpp"
#include "common/error.hpp"

namespace wtrt::audio {
namespace {

constexpr int64_t kBlocksPerQuestion = kSampleRate / kBlockAdvance;  // about a second of audio
// A window, as much again behind it, and room to look ahead. Recordings shorter than this (82 s) are read once only.
constexpr int64_t kKeptBlocks = 512;
static_assert(kKeptBlocks * kBlockFrames > 2 * kWindowFrames + kBlockFrames);

// Samples that so many blocks see.
size_t seen_by(int64_t blocks) { return static_cast<size_t>(blocks * kBlockAdvance + kBlockOverlap); }

float shown(float log10_power, float maximum) { return (std::max(log10_power, maximum - 8.0f) + 4.0f) / 4.0f; }

}  // namespace

struct MelReader::State {
  State(std::unique_ptr<PcmSource> from, std::shared_ptr<const MelFrames> made_by)
      : source(std::move(from)),
        maker(std::move(made_by)),
        block_size(static_cast<size_t>(maker->n_mels()) * kBlockFrames),
        kept(block_size * kKeptBlocks),
        input(seen_by(maker->most_blocks())) {
    restart();
  }

  // Before the first sample; what is known of the whole recording stays.
  void restart() {
    made = 0;
    filled = kFrameLead;  // these are mirrored once the samples after them are there
    taken = 0;
    ended = false;
  }

  void rewind() {
    source->rewind();
    restart();
  }

  float* block_at(int64_t block) { return kept.data() + static_cast<size_t>(block % kKeptBlocks) * block_size; }
  int64_t first_kept_block() const { return std::max<int64_t>(0, made - kKeptBlocks); }

  void fill_input(size_t size) {
    while (filled < size && !ended) {
      const size_t got = source->read(std::span(input).first(size).subspan(filled));
      filled += got;
      taken += static_cast<int64_t>(got);
      if (got == 0) {
        ended = true;
        if (total < 0) total = taken;
      }
    }
    if (filled < size) std::fill(input.data() + filled, input.data() + size, 0.0f);
    if (made == 0) {
      for (size_t i = 0; i < kFrameLead; ++i) input[i] = input[2 * kFrameLead - i];
    }
  }

  // Makes the next block and at most `most` in all, as many as can be made at once.
  void make_blocks(int64_t most) {
    most = std::min({most, int64_t{maker->most_blocks()}, kKeptBlocks - made % kKeptBlocks});
    fill_input(seen_by(most));
    const int64_t count = ended ? std::clamp<int64_t>(blocks_of_audio() - made, 1, most) : most;
    float* out = block_at(made);
    maker->make(input.data(), static_cast<int>(count), out);
    const auto values = static_cast<size_t>(count) * block_size, advance = static_cast<size_t>(count * kBlockAdvance);
    for (size_t i = 0; i < values; ++i) maximum = std::max(maximum, out[i]);
    const size_t left = filled - std::min(filled, advance);
    std::copy_n(input.begin() + static_cast<ptrdiff_t>(advance), left, input.begin());
    filled = left;
    made += count;
  }

  // Blocks whose frames see any of the audio: 200 samples before a frame's own.
  int64_t blocks_of_audio() const { return (total + kFrameLead + kBlockAdvance - 1) / kBlockAdvance; }
  int64_t content() const { return total < 0 ? -1 : total / kHopLength; }

  // Makes blocks until frame `end` - 1 is there or the audio is over; its tail counts for the maximum.
  void make_until(int64_t end) {
    const int64_t wanted = (end + kBlockFrames - 1) / kBlockFrames;
    while (made < wanted && !ended) make_blocks(wanted - made);
    while (ended && made < blocks_of_audio()) make_blocks(blocks_of_audio() - made);
  }

  // Brings frames from `seek` on within reach.
  void go_to(int64_t seek, int64_t end) {
    if (seek / kBlockFrames < first_kept_block()) {
      if (!source->can_rewind()) {
        throw Error(ErrorCode::invalid_argument, "frame " + std::to_string(seek) + " was asked for, but a pipe keeps " +
                                                     std::to_string(kKeptBlocks * kBlockFrames) + " frames only");
      }
      rewind();
    }
    make_until(end);
  }

  void copy_frames(int64_t seek, int64_t count, float* out) {
    const float silence = shown(kLogFloor, maximum);
    for (int64_t i = 0; i < count;) {
      const int64_t block = (seek + i) / kBlockFrames;
      const int64_t lane = (seek + i) % kBlockFrames;
      const int64_t run = std::min(count - i, kBlockFrames - lane);
      const float* from = block < made ? block_at(block) + lane : nullptr;
      for (int m = 0; m < maker->n_mels(); ++m) {
        float* row = out + static_cast<int64_t>(m) * kWindowFrames + i;
        for (int64_t j = 0; j < run; ++j)
          row[j] = from != nullptr ? shown(from[m * kBlockFrames + j], maximum) : silence;
      }
      i += run;
    }
  }

  std::unique_ptr<PcmSource> source;
  std::shared_ptr<const MelFrames> maker;
  size_t block_size;
  std::vector<float> kept;   // ring of the last kKeptBlocks blocks, each [n_mels, kBlockFrames] of log10 power
  std::vector<float> input;  // samples from 2560 * made - 200 on, `filled` of them
  int64_t made = 0;          // blocks made since the start
  size_t filled = 0;
  int64_t taken = 0;   // samples read since the start
  int64_t total = -1;  // samples of the whole recording once known
  bool ended = false;  // the source has nothing more
  bool scanned = false;
  float maximum = kLogFloor;
};

MelReader::MelReader(std::unique_ptr<PcmSource> source, std::shared_ptr<const MelFrames> maker)
    : state_(std::make_unique<State>(std::move(source), std::move(maker))) {}

MelReader::MelReader(std::unique_ptr<PcmSource> source, int n_mels)
    : MelReader(std::move(source), std::make_shared<MelKernel>(n_mels)) {}

MelReader::~MelReader() = default;

void MelReader::scan(KeepGoing keep_going, void* context) {
  State& s = *state_;
  if (s.scanned || !s.source->can_rewind()) return;
  int64_t question = s.made;
  while (!s.ended) {
    if (keep_going != nullptr && s.made >= question) {
      if (!keep_going(context)) {
        throw Error(ErrorCode::cancelled, "cancelled while the recording was read for its loudest moment");
      }
      question = s.made + kBlocksPerQuestion;
    }
    s.make_blocks(kKeptBlocks);
  }
  s.make_until(s.content());
  s.scanned = true;
}

bool MelReader::can_rewind() const { return state_->source->can_rewind(); }

int64_t MelReader::content_frames() const { return state_->content(); }

bool MelReader::has_content(int64_t frame) {
  State& s = *state_;
  while (s.total < 0 && s.taken < (frame + 1) * kHopLength) s.make_blocks(1);
  return s.total < 0 || frame < s.content();
}

void MelReader::prepare(int64_t seek, int64_t end) {
  if (state_->total >= 0) end = std::min(end, state_->content());
  if (end > seek) state_->go_to(seek, end);
}

int MelReader::window(int64_t seek, int frames, float* out) {
  State& s = *state_;
  if (seek < 0 || frames < 0 || frames > kWindowFrames) {
    throw Error(ErrorCode::invalid_argument, "a window of " + std::to_string(frames) + " frames from " +
                                                 std::to_string(seek) + " on: 0 to 3000 frames from 0 on are possible");
  }
  scan(nullptr, nullptr);
  int64_t end = seek + frames;
  if (s.total >= 0) end = std::min(end, s.content());
  if (end > seek) s.go_to(seek, end);
  if (s.total >= 0) end = std::min(end, s.content());
  const int64_t count = std::max<int64_t>(0, end - seek);
  s.copy_frames(seek, count, out);
  for (int m = 0; m < s.maker->n_mels(); ++m) {
    float* row = out + static_cast<int64_t>(m) * kWindowFrames;
    std::fill(row + count, row + kWindowFrames, 0.0f);
  }
  return static_cast<int>(count);
}

void MelReader::leading_window(float* out) {
  scan(nullptr, nullptr);
  state_->go_to(0, kWindowFrames);
  state_->copy_frames(0, kWindowFrames, out);
}

}  // namespace wtrt::audio
