#include "runtime/executor.hpp"

#include <algorithm>

#include "common/error.hpp"
#include "runtime/state_layout.hpp"

namespace wtrt::runtime {
Executor::Executor(std::shared_ptr<const Model> model, const MemoryPlan& plan)
    : model_(std::move(model)),
      plan_(plan),
      ops_(model_->make_ops()),
      encoder_(*ops_, model_->config(), plan.encoder_batch),
      decoder_(*ops_, model_->config(), plan.prefill_tokens, plan.logit_rows),
      aligner_(model_->whisper(), *ops_, plan.prefill_tokens, plan.logit_rows) {
  const auto shape = model_->whisper().decoder_attention();
  self_kv_ = ops_->make_paged_kv(shape, plan.pages, kPageTokens);
  cross_kv_ = ops_->make_cross_kv(shape, plan.max_batch, model_->config().n_audio_ctx);

  const StateLayout layout(plan.max_batch, model_->config());
  state_memory_ = ops_->allocate(layout.bytes);
  auto* base = static_cast<std::byte*>(state_memory_->data());
  state_.rows = reinterpret_cast<ops::RowState*>(base);
  state_.policies = reinterpret_cast<ops::TokenPolicy*>(base + layout.policies);
  state_.history = reinterpret_cast<int32_t*>(base + layout.history);
  state_.pages = reinterpret_cast<int32_t*>(base + layout.pages);
  masks_ = reinterpret_cast<uint32_t*>(base + layout.masks);
  state_.suppress = masks_;
  state_.history_capacity = layout.history_capacity;
  state_.pages_per_row = layout.pages_per_row;
  state_.suppress_words = layout.suppress_words;

  const auto rows = static_cast<size_t>(plan.max_batch);
  for (int32_t page = plan.pages; page-- > 0;) free_pages_.push_back(page);
  row_pages_.resize(rows);
  lengths_.resize(rows);
  known_.resize(rows);
  arriving_.resize(rows);
}

Executor::~Executor() = default;

MemoryPlan Executor::measured() const {
  MemoryPlan plan = plan_;
  plan.self_kv = self_kv_->bytes();
  plan.cross_kv = cross_kv_->bytes();
  plan.workspace = encoder_.memory->bytes() + decoder_.memory->bytes() + aligner_.bytes() + state_memory_->bytes();
  return plan;
}

bool Executor::encode(std::span<const EncodeItem> items, const std::function<bool()>& keep_going) {
  std::vector<int32_t> slots;
  const int64_t window = static_cast<int64_t>(model_->config().n_mels) * encoder_.mel.cols;
  for (const EncodeItem& item : items) {
    auto* to = static_cast<float*>(encoder_.mel.data) + static_cast<int64_t>(slots.size()) * window;
    ops_->write(to, item.mel, window * static_cast<int64_t>(sizeof(float)));
    slots.push_back(item.slot);
  }
  const auto between_layers = [&](int32_t) { return keep_going(); };
  const models::Whisper& whisper = model_->whisper();
  return whisper.encode(*ops_, encoder_, static_cast<int32_t>(items.size()), between_layers) &&
         whisper.project_cross_kv(*ops_, encoder_, *cross_kv_, slots, between_layers);
}

void Executor::prefill(std::span<const RowStart> starts) {
  while (!starts.empty()) {  // as many rows at a time as the workspace holds tokens
    size_t count = 0, tokens = 0;
    while (count < starts.size() && tokens + starts[count].tokens.size() <= static_cast<size_t>(plan_.prefill_tokens)) {
      tokens += starts[count++].tokens.size();
    }
    if (count == 0) throw Error(ErrorCode::internal, "a prompt is longer than the text context");
    prefill_group(starts.first(count));
    starts = starts.subspan(count);
  }
}

void Executor::prefill_group(std::span<const RowStart> starts) {
  std::vector<ops::TokenSlot> slots;
  std::vector<int32_t> sot_picks, last_picks, rows;
  for (const RowStart& start : starts) {
    place(start);
    const auto first = static_cast<int32_t>(slots.size());
    for (size_t i = 0; i < start.tokens.size(); ++i) {
      slots.push_back({start.row, static_cast<int32_t>(i), start.tokens[i]});
    }
    sot_picks.push_back(first + start.sot_index);
    last_picks.push_back(static_cast<int32_t>(slots.size()) - 1);
    rows.push_back(start.row);
  }
  const auto count = static_cast<int32_t>(rows.size());
  const auto tokens = static_cast<int32_t>(slots.size());
  const auto bytes = static_cast<int64_t>(rows.size() * sizeof(int32_t));
  const models::Whisper& whisper = model_->whisper();
  ops_->write(decoder_.tokens, slots.data(), static_cast<int64_t>(slots.size() * sizeof(ops::TokenSlot)));
  ops_->write(decoder_.rows, rows.data(), bytes);
  ops_->write(decoder_.picks, sot_picks.data(), bytes);
  {
    const ops::Run run(*ops_);
    whisper.decode(*ops_, decoder_, tokens, state_, {*self_kv_, *cross_kv_});
    whisper.logits(*ops_, decoder_, count);
    ops_->no_speech(decoder_.logits.slice(0, count), state_, decoder_.rows, count);
  }
  ops_->write(decoder_.picks, last_picks.data(), bytes);
  {
    const ops::Run run(*ops_);
    whisper.logits(*ops_, decoder_, count);
    ops_->logits_policy(decoder_.logits.slice(0, count), state_, decoder_.rows, count);
    ops_->sample(decoder_.logits.slice(0, count), state_, decoder_.rows, count, 0);
  }
  stepping_.clear();  // the token list was overwritten
}

// Writes a row's beginning into the step state.
void Executor::place(const RowStart& start) {
  const auto index = static_cast<size_t>(start.row);
  if (reading_) {  // a read on its way would bring back what the row held before
    ops_->wait(ticket_);
    reading_ = false;
  }
  ops::TokenPolicy policy = start.policy;
  policy.suppress_mask = mask_of(*start.suppressed, start.row);
  ops_->write(state_.policies + start.row, &policy, sizeof policy);
  ops::RowState row{};
  row.length = static_cast<int32_t>(start.tokens.size());
  row.cross_slot = start.slot;
  row.policy = start.row;
  row.max_sampled = start.max_sampled;
  ops_->write(state_.rows + start.row, &row, sizeof row);
  known_[index] = row;
  lengths_[index] = row.length;
  reserve(start.row, row.length + 1);
}

int32_t Executor::mask_of(const std::vector<int32_t>& suppressed, int32_t row) {
  std::vector<uint32_t> mask(static_cast<size_t>(state_.suppress_words));
  for (const int32_t id : suppressed) mask[static_cast<size_t>(id) / 32] |= 1u << (static_cast<uint32_t>(id) % 32u);
  ops_->write(masks_ + static_cast<int64_t>(row) * state_.suppress_words, mask.data(), state_.suppress_words * 4LL);
  return row;
}

// Makes sure that the row's pages cover `positions`: the page after the one in use is there before a step needs it.
void Executor::reserve(int32_t row, int32_t positions) {
  auto& pages = row_pages_[static_cast<size_t>(row)];
  const auto needed = std::min<size_t>(static_cast<size_t>(positions + kPageTokens) / kPageTokens + 1,
                                       static_cast<size_t>(state_.pages_per_row));
  if (pages.size() >= needed) return;
  while (pages.size() < needed) {
    if (free_pages_.empty()) throw Error(ErrorCode::internal, "the self-attention KV cache ran out of pages");
    pages.push_back(free_pages_.back());
    free_pages_.pop_back();
  }
  ops_->write(state_.pages + static_cast<int64_t>(row) * state_.pages_per_row, pages.data(),
              static_cast<int64_t>(pages.size() * sizeof(int32_t)));
}

void Executor::step(std::span<const int32_t> rows) {
  const auto count = static_cast<int32_t>(rows.size());
  for (const int32_t row : rows) reserve(row, ++lengths_[static_cast<size_t>(row)]);
  if (!std::equal(rows.begin(), rows.end(), stepping_.begin(), stepping_.end())) {
    std::vector<ops::TokenSlot> slots;
    std::vector<int32_t> picks;
    for (const int32_t row : rows) {
      picks.push_back(static_cast<int32_t>(slots.size()));
      slots.push_back({row, -1, -1});
    }
    stepping_.assign(rows.begin(), rows.end());
    ops_->write(decoder_.tokens, slots.data(), static_cast<int64_t>(slots.size() * sizeof(ops::TokenSlot)));
    ops_->write(decoder_.rows, stepping_.data(), count * 4LL);
    ops_->write(decoder_.picks, picks.data(), count * 4LL);
  }
  const ops::Run run(*ops_);
  model_->whisper().decode(*ops_, decoder_, count, state_, {*self_kv_, *cross_kv_});
  model_->whisper().logits(*ops_, decoder_, count);
  ops_->logits_policy(decoder_.logits.slice(0, count), state_, decoder_.rows, count);
  ops_->sample(decoder_.logits.slice(0, count), state_, decoder_.rows, count, 1);
}

void Executor::refresh(bool settled) {
  const auto bytes = static_cast<int64_t>(arriving_.size() * sizeof(ops::RowState));
  if (reading_ && (settled || ops_->ready(ticket_))) {
    ops_->wait(ticket_);
    known_ = arriving_;
    reading_ = false;
  }
  if (reading_) return;
  ticket_ = ops_->read(arriving_.data(), state_.rows, bytes);
  reading_ = true;
  if (settled || ops_->ready(ticket_)) {
    ops_->wait(ticket_);
    known_ = arriving_;
    reading_ = false;
  }
}

std::vector<int32_t> Executor::history(int32_t row) {
  std::vector<int32_t> tokens(static_cast<size_t>(known(row).sampled));
  const auto bytes = static_cast<int64_t>(tokens.size() * sizeof(int32_t));
  ops_->wait(ops_->read(tokens.data(), state_.history + static_cast<int64_t>(row) * state_.history_capacity, bytes));
  return tokens;
}

void Executor::release(int32_t row) {
  auto& pages = row_pages_[static_cast<size_t>(row)];
  free_pages_.insert(free_pages_.end(), pages.rbegin(), pages.rend());
  pages.clear();
}

std::vector<whisper::AlignmentScores> Executor::align(std::span<const AlignItem> items) {
  std::vector<whisper::AlignmentScores> all;
  while (!items.empty()) {  // as many at a time as the workspace holds tokens
    size_t count = 0, tokens = 0;
    while (count < items.size() && tokens + items[count].tokens.size() <= static_cast<size_t>(plan_.prefill_tokens)) {
      tokens += items[count++].tokens.size();
    }
    if (count == 0) throw Error(ErrorCode::internal, "a text to align is longer than the text context");
    for (auto& scores : align_together(items.first(count))) all.push_back(std::move(scores));
    items = items.subspan(count);
  }
  return all;
}

std::vector<whisper::AlignmentScores> Executor::align_together(std::span<const AlignItem> items) {
  const std::vector<int32_t> none;
  std::vector<Aligner::Text> texts;
  for (const AlignItem& item : items) {
    place({item.row, item.slot, {item.tokens.begin(), item.tokens.end()}, 0, 0, {}, &none});
    texts.push_back({item.row, item.tokens});
  }
  auto scores = aligner_.run(decoder_, state_, {*self_kv_, *cross_kv_}, texts, model_->tokenizer()->special().eot);
  for (const AlignItem& item : items) release(item.row);
  stepping_.clear();  // the token list was overwritten
  return scores;
}

std::vector<float> Executor::start_logits(int32_t row, int32_t slot, int32_t sot, int32_t first, int32_t count) {
  const std::vector<int32_t> none;
  place({row, slot, {sot}, 0, 1, {}, &none});
  const ops::TokenSlot token{row, 0, sot};
  const int32_t pick = 0;
  ops_->write(decoder_.tokens, &token, sizeof token);
  ops_->write(decoder_.picks, &pick, sizeof pick);
  {
    const ops::Run run(*ops_);
    model_->whisper().decode(*ops_, decoder_, 1, state_, {*self_kv_, *cross_kv_});
    model_->whisper().logits(*ops_, decoder_, 1);
  }
  std::vector<float> logits(static_cast<size_t>(count));
  ops_->wait(ops_->read(logits.data(), static_cast<float*>(decoder_.logits.data) + first, count * 4LL));
  release(row);
  stepping_.clear();
  return logits;
}

}  // namespace wtrt::runtime
