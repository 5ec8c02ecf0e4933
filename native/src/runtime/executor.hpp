// Runs the device acts over batches of rows and windows. One per engine, used by the engine's thread alone.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "runtime/aligner.hpp"
#include "runtime/memory_plan.hpp"
#include "runtime/model.hpp"

namespace wtrt::runtime {

class Executor {
 public:
  Executor(std::shared_ptr<const Model> model, const MemoryPlan& plan);
  ~Executor();

  const MemoryPlan& plan() const { return plan_; }
  MemoryPlan measured() const;  // the same with the bytes really taken

  // ---- encode and project_cross_kv ----
  struct EncodeItem {
    const float* mel;  // [mels, 3000], of which the first 2 * positions frames are encoded
    int32_t slot;      // cross-KV slot to fill
  };
  // At most plan().encoder_batch items. False if `keep_going` ended it.
  bool encode(std::span<const EncodeItem> items, int32_t positions, const std::function<bool()>& keep_going);

  // ---- prefill and step ----
  // The rows of one window: beams of one search, or draws that know nothing of each other.
  struct GroupStart {
    std::vector<int32_t> rows;  // each 0 … max_batch - 1; the first one names the group
    int32_t slot;               // its window's cross-KV
    std::vector<int32_t> tokens;
    int32_t sot_index;  // whose logits give the no-speech probability
    int32_t max_sampled;
    ops::TokenPolicy policy;
    const std::vector<int32_t>* suppressed;  // token ids
    int32_t first_candidate = 0;             // numbers of the draws
    int32_t max_ended = 0;                   // a search ends with so many ended hypotheses; 0: draws
    double length_penalty = std::numeric_limits<double>::quiet_NaN();
  };
  // Fills the groups' KV with their prompts, which all rows of a group share, and samples each row's first token.
  void prefill(std::span<const GroupStart> starts);
  // One step of these groups' rows; how many there were. Finished rows among them are skipped on the device.
  int32_t step(std::span<const int32_t> groups);

  // Takes what has come back of the rows' states. Waits for no more than the step before the one just enqueued, so that the
  // device is never without work, unless `settled`, which waits for everything.
  void refresh(bool settled);
  void settle();  // waits until the device has done all that was enqueued
  bool finished(int32_t group) const;
  // The best hypothesis of a finished group; waits.
  struct Decoded {
    std::vector<int32_t> tokens;  // without the end token
    double sum_logprob, no_speech_prob;
    bool ended;  // by the end token, not by max_sampled
  };
  Decoded decoded(int32_t group);
  void release(int32_t group);  // gives its pages back
  int32_t pages_in_use() const { return plan_.pages - static_cast<int32_t>(free_pages_.size()); }

  // ---- align ----
  struct AlignItem {
    int32_t row, slot;  // the row is free, and so it is again when this is done
    std::span<const int32_t> tokens;
  };
  // Forces the texts on their windows; waits.
  std::vector<whisper::AlignmentScores> align(std::span<const AlignItem> items);

  // Logits [count] of ids first … first + count - 1 after the single token <|startoftranscript|>, for language detection; waits.
  std::vector<float> start_logits(int32_t row, int32_t slot, int32_t sot, int32_t first, int32_t count);

 private:
  struct Group {
    std::vector<int32_t> rows;
    bool search = false;
    double length_penalty = 0;
    int32_t eot = -1;
  };
  struct RowPages {
    int32_t shared = 0;          // leading entries of its table that are another row's pages
    std::vector<int32_t> pages;  // its own, behind these
  };
  // The lines of logits of a step: draws, then those of searches.
  struct Lines {
    std::vector<int32_t> rows, picks;
    int32_t draws = 0;
    std::vector<ops::BeamLines> searches;
  };

  std::vector<whisper::AlignmentScores> align_together(std::span<const AlignItem> items);
  void prefill_together(std::span<const GroupStart> starts);
  void share_prompt(const GroupStart& start, std::vector<ops::PageCopy>& copies);
  void write_lines(const Lines& lines);
  void choose(const Lines& lines, int32_t advance);
  void place(const GroupStart& start);
  void reserve(int32_t row, int32_t positions);
  const ops::RowState& known(int32_t row) const { return known_[static_cast<size_t>(row)]; }
  int32_t mask_of(const std::vector<int32_t>& suppressed, int32_t row);

  std::shared_ptr<const Model> model_;
  MemoryPlan plan_;
  std::unique_ptr<ops::Ops> ops_;
  models::EncoderWork encoder_;
  models::DecoderWork decoder_;
  Aligner aligner_;
  std::unique_ptr<ops::PagedKv> self_kv_;
  std::unique_ptr<ops::CrossKv> cross_kv_;

  std::unique_ptr<ops::Buffer> state_memory_;
  ops::StepState state_{};     // device addresses
  uint32_t* masks_ = nullptr;  // device: one suppression mask per row
  std::vector<int32_t> free_pages_;
  std::vector<RowPages> row_pages_;
  std::vector<Group> groups_;      // by first row
  std::vector<int32_t> lengths_;   // upper bound of each row's length, as enqueued
  std::vector<int32_t> stepping_;  // rows of the last step, already on the device as its token list
  // The rows' states on their way from the device, oldest first.
  struct Arrival {
    uint64_t number, ticket;
    std::vector<ops::RowState> rows;
  };
  void ask_states();
  void take(const Arrival& arrival);
  std::vector<ops::RowState> known_;
  std::deque<Arrival> arriving_;
  uint64_t asked_ = 0;
  std::vector<uint64_t> placed_;  // of each row: how many had been asked for when it began; those know only its past
};

}  // namespace wtrt::runtime
