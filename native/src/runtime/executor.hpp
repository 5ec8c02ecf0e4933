// Runs the device acts over batches of rows and windows. One per engine, used by the engine's thread alone.
#pragma once

#include <cstdint>
#include <functional>
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
    const float* mel;  // [mels, 3000]
    int32_t slot;      // cross-KV slot to fill
  };
  // At most plan().encoder_batch items. False if `keep_going` ended it.
  bool encode(std::span<const EncodeItem> items, const std::function<bool()>& keep_going);

  // ---- prefill and step ----
  struct RowStart {
    int32_t row;    // 0 … max_batch - 1
    int32_t slot;   // its window's cross-KV
    std::vector<int32_t> tokens;
    int32_t sot_index;    // whose logits give the no-speech probability
    int32_t max_sampled;
    ops::TokenPolicy policy;
    const std::vector<int32_t>* suppressed;  // token ids
  };
  // Fills the rows' KV with their prompts and samples each one's first token.
  void prefill(std::span<const RowStart> starts);
  // One step of these rows. Finished rows among them are skipped on the device.
  void step(std::span<const int32_t> rows);

  // What is known of a row by now: the newest state that has come back from the device; never waits for the step just enqueued
  // unless `settled`, which waits for everything.
  void refresh(bool settled);
  const ops::RowState& known(int32_t row) const { return known_[static_cast<size_t>(row)]; }
  std::vector<int32_t> history(int32_t row);  // sampled tokens; waits
  void release(int32_t row);                  // gives its pages back

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
  std::vector<whisper::AlignmentScores> align_together(std::span<const AlignItem> items);
  void prefill_group(std::span<const RowStart> starts);
  void place(const RowStart& start);
  void reserve(int32_t row, int32_t positions);
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
  ops::StepState state_{};              // device addresses
  uint32_t* masks_ = nullptr;           // device: one suppression mask per row
  std::vector<int32_t> free_pages_;
  std::vector<std::vector<int32_t>> row_pages_;
  std::vector<int32_t> lengths_;        // upper bound of each row's length, as enqueued
  std::vector<int32_t> stepping_;       // rows of the last step, already on the device as its token list
  std::vector<ops::RowState> known_, arriving_;
  uint64_t ticket_ = 0;
  bool reading_ = false;
};

}  // namespace wtrt::runtime
