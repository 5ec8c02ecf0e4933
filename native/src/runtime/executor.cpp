#include "runtime/executor.hpp"

#include <algorithm>

#include "common/error.hpp"
#include "decoding/ranking.hpp"
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
  state_.beams = reinterpret_cast<ops::BeamState*>(base + layout.beams);
  state_.best_history = reinterpret_cast<int32_t*>(base + layout.best_history);
  state_.history_capacity = layout.history_capacity;
  state_.pages_per_row = layout.pages_per_row;
  state_.suppress_words = layout.suppress_words;

  const auto rows = static_cast<size_t>(plan.max_batch);
  for (int32_t page = plan.pages; page-- > 0;) free_pages_.push_back(page);
  row_pages_.resize(rows);
  groups_.resize(rows);
  lengths_.resize(rows);
  known_.resize(rows);
  placed_.resize(rows);
}

Executor::~Executor() = default;

MemoryPlan Executor::measured() const {
  MemoryPlan plan = plan_;
  plan.self_kv = self_kv_->bytes();
  plan.cross_kv = cross_kv_->bytes();
  plan.workspace = encoder_.memory->bytes() + decoder_.memory->bytes() + aligner_.bytes() + state_memory_->bytes();
  return plan;
}

bool Executor::encode(std::span<const EncodeItem> items, int32_t positions, const std::function<bool()>& keep_going) {
  std::vector<int32_t> slots;
  std::vector<float> window(static_cast<size_t>(model_->config().n_mels) * 2 * static_cast<size_t>(positions));
  for (const EncodeItem& item : items) {
    for (int64_t m = 0; m < model_->config().n_mels; ++m) {
      std::copy_n(item.mel + m * encoder_.mel.cols, 2 * positions, window.data() + m * 2 * positions);
    }
    auto* to = static_cast<float*>(encoder_.mel.data) + slots.size() * window.size();
    ops_->write(to, window.data(), static_cast<int64_t>(window.size() * sizeof(float)));
    slots.push_back(item.slot);
  }
  const auto between_layers = [&](int32_t) { return keep_going(); };
  const models::Whisper& whisper = model_->whisper();
  return whisper.encode(*ops_, encoder_, {static_cast<int32_t>(items.size()), positions}, between_layers) &&
         whisper.project_cross_kv(*ops_, encoder_, positions, *cross_kv_, slots, between_layers);
}

void Executor::prefill(std::span<const GroupStart> starts) {
  while (!starts.empty()) {  // as many groups at a time as the workspace holds tokens
    size_t count = 0, tokens = 0;
    while (count < starts.size() && tokens + starts[count].tokens.size() <= static_cast<size_t>(plan_.prefill_tokens)) {
      tokens += starts[count++].tokens.size();
    }
    if (count == 0) throw Error(ErrorCode::internal, "a prompt is longer than the text context");
    prefill_together(starts.first(count));
    starts = starts.subspan(count);
  }
}

void Executor::prefill_together(std::span<const GroupStart> starts) {
  std::vector<ops::TokenSlot> slots;
  std::vector<ops::PageCopy> copies;
  Lines sots, lasts;
  for (const GroupStart& start : starts) {
    place(start);
    const auto first = static_cast<int32_t>(slots.size());
    for (size_t i = 0; i < start.tokens.size(); ++i) {
      slots.push_back({start.rows.front(), static_cast<int32_t>(i), start.tokens[i]});
    }
    sots.rows.push_back(start.rows.front());
    sots.picks.push_back(first + start.sot_index);
    if (start.max_ended > 0) continue;
    share_prompt(start, copies);
    lasts.rows.insert(lasts.rows.end(), start.rows.begin(), start.rows.end());
    lasts.picks.insert(lasts.picks.end(), start.rows.size(), static_cast<int32_t>(slots.size()) - 1);
  }
  lasts.draws = static_cast<int32_t>(lasts.rows.size());
  int32_t end = 0;
  for (const GroupStart& start : starts) {
    end += static_cast<int32_t>(start.tokens.size());
    if (start.max_ended == 0) continue;
    lasts.searches.push_back({start.rows.front(), static_cast<int32_t>(lasts.rows.size()), 1});
    lasts.rows.push_back(start.rows.front());
    lasts.picks.push_back(end - 1);
  }
  const auto count = static_cast<int32_t>(sots.rows.size());
  const models::Whisper& whisper = model_->whisper();
  ops_->write(decoder_.tokens, slots.data(), static_cast<int64_t>(slots.size() * sizeof(ops::TokenSlot)));
  write_lines(sots);
  {
    const ops::Run run(*ops_, "prefill");
    whisper.decode(*ops_, decoder_, static_cast<int32_t>(slots.size()), state_, {*self_kv_, *cross_kv_});
    whisper.logits(*ops_, decoder_, count);
    ops_->no_speech(decoder_.logits.slice(0, count), state_, decoder_.rows, count);
  }
  write_lines(lasts);
  {
    const ops::Run run(*ops_, "prefill choice");
    if (!copies.empty()) ops_->copy_pages(*self_kv_, copies);
    choose(lasts, 0);
  }
  ask_states();
  stepping_.clear();  // the token list was overwritten
}

// Where a page of the prompt is not full, each draw goes on in a copy of it. (Searches copy as they select.)
void Executor::share_prompt(const GroupStart& start, std::vector<ops::PageCopy>& copies) {
  const auto length = static_cast<int32_t>(start.tokens.size());
  if (length % kPageTokens == 0) return;
  const auto& first = row_pages_[static_cast<size_t>(start.rows.front())];
  for (size_t i = 1; i < start.rows.size(); ++i) {
    const auto& pages = row_pages_[static_cast<size_t>(start.rows[i])].pages;
    copies.push_back({first.pages[static_cast<size_t>(length / kPageTokens)], pages.front()});
  }
}

void Executor::write_lines(const Lines& lines) {
  ops_->write(decoder_.rows, lines.rows.data(), static_cast<int64_t>(lines.rows.size() * sizeof(int32_t)));
  ops_->write(decoder_.picks, lines.picks.data(), static_cast<int64_t>(lines.picks.size() * sizeof(int32_t)));
  ops_->write(decoder_.searches, lines.searches.data(),
              static_cast<int64_t>(lines.searches.size() * sizeof(ops::BeamLines)));
}

// The next tokens of lines that were written. Inside a run.
void Executor::choose(const Lines& lines, int32_t advance) {
  const auto count = static_cast<int32_t>(lines.rows.size());
  const auto searches = static_cast<int32_t>(lines.searches.size());
  const ops::Tensor logits = decoder_.logits.slice(0, count);
  model_->whisper().logits(*ops_, decoder_, count);
  ops_->logits_policy(logits, state_, decoder_.rows, count);
  if (lines.draws > 0) ops_->sample(logits.slice(0, lines.draws), state_, decoder_.rows, lines.draws, advance);
  if (searches > 0) ops_->beam_select(*self_kv_, logits, state_, decoder_.searches, searches, advance);
}

// Writes a group's beginning into the step state.
void Executor::place(const GroupStart& start) {
  const int32_t group = start.rows.front();
  groups_[static_cast<size_t>(group)] = {start.rows, start.max_ended > 0, start.length_penalty, start.policy.eot};
  ops::TokenPolicy policy = start.policy;
  policy.suppress_mask = mask_of(*start.suppressed, group);
  ops_->write(state_.policies + group, &policy, sizeof policy);
  ops::RowState row{};
  row.length = static_cast<int32_t>(start.tokens.size());
  row.cross_slot = start.slot;
  row.policy = group;
  row.max_sampled = start.max_sampled;
  row.candidate = start.first_candidate;
  const int32_t shared = row.length / kPageTokens;  // full pages of the prompt
  for (const int32_t index : start.rows) {
    ops_->write(state_.rows + index, &row, sizeof row);
    known_[static_cast<size_t>(index)] = row;
    placed_[static_cast<size_t>(index)] = asked_;
    lengths_[static_cast<size_t>(index)] = row.length;
    row_pages_[static_cast<size_t>(index)].shared = index == group ? 0 : shared;
    if (index != group) {
      ops_->write(state_.pages + static_cast<int64_t>(index) * state_.pages_per_row,
                  row_pages_[static_cast<size_t>(group)].pages.data(), shared * 4LL);
    }
    reserve(index, row.length + 1);
    ++row.candidate;
  }
  if (start.max_ended == 0) return;
  ops::BeamState search{};
  search.size = static_cast<int32_t>(start.rows.size());
  std::copy(start.rows.begin(), start.rows.end(), search.rows);
  search.max_ended = start.max_ended;
  search.length_penalty = start.length_penalty;
  ops_->write(state_.beams + group, &search, sizeof search);
}

int32_t Executor::mask_of(const std::vector<int32_t>& suppressed, int32_t row) {
  std::vector<uint32_t> mask(static_cast<size_t>(state_.suppress_words));
  for (const int32_t id : suppressed) mask[static_cast<size_t>(id) / 32] |= 1u << (static_cast<uint32_t>(id) % 32u);
  ops_->write(masks_ + static_cast<int64_t>(row) * state_.suppress_words, mask.data(), state_.suppress_words * 4LL);
  return row;
}

// Makes sure that the row's pages cover `positions`: the page after the one in use is there before a step needs it.
void Executor::reserve(int32_t row, int32_t positions) {
  auto& [shared, pages] = row_pages_[static_cast<size_t>(row)];
  const int32_t needed = std::min((positions + kPageTokens) / kPageTokens + 1, state_.pages_per_row);
  const int32_t before = shared + static_cast<int32_t>(pages.size());
  if (before >= needed) return;
  while (shared + static_cast<int32_t>(pages.size()) < needed) {
    if (free_pages_.empty()) throw Error(ErrorCode::internal, "the self-attention KV cache ran out of pages");
    pages.push_back(free_pages_.back());
    free_pages_.pop_back();
  }
  // Entries before these may have changed on the device.
  ops_->write(state_.pages + static_cast<int64_t>(row) * state_.pages_per_row + before,
              pages.data() + (before - shared), (needed - before) * 4LL);
}

int32_t Executor::step(std::span<const int32_t> groups) {
  Lines lines;
  for (const int32_t group : groups) {
    if (groups_[static_cast<size_t>(group)].search) continue;
    for (const int32_t row : groups_[static_cast<size_t>(group)].rows) {
      if (known(row).finished == 0) lines.rows.push_back(row);
    }
  }
  lines.draws = static_cast<int32_t>(lines.rows.size());
  for (const int32_t group : groups) {
    if (!groups_[static_cast<size_t>(group)].search) continue;
    const auto& rows = groups_[static_cast<size_t>(group)].rows;
    lines.searches.push_back({group, static_cast<int32_t>(lines.rows.size()), static_cast<int32_t>(rows.size())});
    lines.rows.insert(lines.rows.end(), rows.begin(), rows.end());
  }
  const auto count = static_cast<int32_t>(lines.rows.size());
  for (const int32_t row : lines.rows) reserve(row, ++lengths_[static_cast<size_t>(row)]);
  if (lines.rows != stepping_) {
    std::vector<ops::TokenSlot> slots;
    for (const int32_t row : lines.rows) {
      lines.picks.push_back(static_cast<int32_t>(slots.size()));
      slots.push_back({row, -1, -1});
    }
    ops_->write(decoder_.tokens, slots.data(), static_cast<int64_t>(slots.size() * sizeof(ops::TokenSlot)));
    write_lines(lines);
    stepping_ = lines.rows;
  }
  const auto key =
      static_cast<uint64_t>(count) << 32 | static_cast<uint64_t>(lines.draws) << 16 | lines.searches.size();
  ops_->run_recorded("decode step", key, [&] {
    model_->whisper().decode(*ops_, decoder_, count, state_, {*self_kv_, *cross_kv_});
    choose(lines, 1);
  });
  ask_states();
  return count;
}

void Executor::ask_states() {
  Arrival next{asked_ + 1, 0, std::vector<ops::RowState>(known_.size())};
  next.ticket =
      ops_->read(next.rows.data(), state_.rows, static_cast<int64_t>(next.rows.size() * sizeof(ops::RowState)));
  ++asked_;
  arriving_.push_back(std::move(next));  // where its rows lie does not change
}

void Executor::take(const Arrival& arrival) {
  ops_->wait(arrival.ticket);
  for (size_t row = 0; row < known_.size(); ++row) {
    if (placed_[row] < arrival.number) known_[row] = arrival.rows[row];
  }
}

void Executor::refresh(bool settled) {
  while (!arriving_.empty() && (settled || arriving_.size() > 1 || ops_->ready(arriving_.front().ticket))) {
    take(arriving_.front());
    arriving_.pop_front();
  }
}

void Executor::settle() { ops_->wait(ops_->read(nullptr, nullptr, 0)); }

bool Executor::finished(int32_t group) const {
  const auto& rows = groups_[static_cast<size_t>(group)].rows;
  return std::all_of(rows.begin(), rows.end(), [&](int32_t row) { return known(row).finished != 0; });
}

Executor::Decoded Executor::decoded(int32_t index) {
  const Group& group = groups_[static_cast<size_t>(index)];
  std::vector<ops::RowState> states;
  for (const int32_t row : group.rows) states.push_back(known(row));
  decoding::Choice best{};
  if (group.search) {
    ops::BeamState search;
    ops_->wait(ops_->read(&search, state_.beams + index, sizeof search));
    best = decoding::best_of_search(search, states);
  } else {
    best = decoding::best_draw(states, group.eot, group.length_penalty);
  }
  Decoded decoded{{},
                  best.sum_logprob,
                  static_cast<double>(states.front().no_speech_prob),
                  best.length < states.front().max_sampled};
  decoded.tokens.resize(static_cast<size_t>(best.length));
  const auto history = [&](int32_t* first, int32_t number) {
    return first + static_cast<int64_t>(number) * state_.history_capacity;
  };
  const int32_t* from = best.row < 0 ? history(state_.best_history, index)
                                     : history(state_.history, group.rows[static_cast<size_t>(best.row)]);
  ops_->wait(ops_->read(decoded.tokens.data(), from, best.length * 4LL));
  return decoded;
}

void Executor::release(int32_t group) {
  for (const int32_t row : groups_[static_cast<size_t>(group)].rows) {
    auto& pages = row_pages_[static_cast<size_t>(row)].pages;
    free_pages_.insert(free_pages_.end(), pages.rbegin(), pages.rend());
    pages.clear();
  }
  groups_[static_cast<size_t>(group)].rows.clear();
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
    place({.rows = {item.row},
           .slot = item.slot,
           .tokens = {item.tokens.begin(), item.tokens.end()},
           .sot_index = 0,
           .max_sampled = 0,
           .policy = {},
           .suppressed = &none});
    texts.push_back({item.row, item.tokens});
  }
  auto scores = aligner_.run(decoder_, state_, {*self_kv_, *cross_kv_}, texts, model_->tokenizer()->special().eot);
  for (const AlignItem& item : items) release(item.row);
  stepping_.clear();  // the token list was overwritten
  return scores;
}

std::vector<float> Executor::start_logits(int32_t row, int32_t slot, int32_t sot, int32_t first, int32_t count) {
  const std::vector<int32_t> none;
  place({.rows = {row},
         .slot = slot,
         .tokens = {sot},
         .sot_index = 0,
         .max_sampled = 1,
         .policy = {},
         .suppressed = &none});
  const ops::TokenSlot token{row, 0, sot};
  const int32_t pick = 0;
  ops_->write(decoder_.tokens, &token, sizeof token);
  ops_->write(decoder_.picks, &pick, sizeof pick);
  {
    const ops::Run run(*ops_, "language detection");
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
