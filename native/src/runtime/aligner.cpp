#include "runtime/aligner.hpp"

#include <algorithm>

namespace wtrt::runtime {

Aligner::Aligner(const models::Whisper& model, ops::Ops& ops, int32_t tokens, int32_t rows)
    : model_(model), ops_(ops), work_(ops, model.config(), tokens, rows) {
  for (const auto& heads : models::alignment_heads(model.config())) heads_ += static_cast<int32_t>(heads.size());
}

int64_t Aligner::bytes(const checkpoint::WhisperConfig& config, int32_t tokens, int32_t rows) {
  return models::AlignWork::bytes(config, tokens, rows);
}

std::vector<whisper::AlignmentScores> Aligner::run(models::DecoderWork& decoder, const ops::StepState& state,
                                                   models::Whisper::Caches caches, std::span<const Text> texts,
                                                   int32_t first_special) {
  std::vector<ops::TokenSlot> slots;
  std::vector<whisper::AlignmentScores> results;
  const int64_t positions = work_.scores.cols;
  for (const Text& text : texts) {
    for (size_t i = 0; i < text.tokens.size(); ++i)
      slots.push_back({text.row, static_cast<int32_t>(i), text.tokens[i]});
    const auto tokens = static_cast<int32_t>(text.tokens.size());
    const auto size = static_cast<size_t>(heads_) * text.tokens.size() * static_cast<size_t>(positions);
    results.push_back({heads_, tokens, static_cast<int32_t>(positions), std::vector<float>(size),
                       std::vector<float>(text.tokens.size())});
  }
  ops_.write(decoder.tokens, slots.data(), static_cast<int64_t>(slots.size() * sizeof(ops::TokenSlot)));

  const auto count = static_cast<int32_t>(slots.size());
  int64_t done = 0;  // heads
  uint64_t ticket = 0;
  model_.align(ops_, decoder, work_, count, state, caches, [&](std::span<const int32_t> heads) {
    const auto* from = static_cast<const float*>(work_.scores.data);
    for (size_t h = 0; h < heads.size(); ++h, ++done) {
      for (whisper::AlignmentScores& result : results) {
        const int64_t size = result.tokens * positions;
        ticket = ops_.read(result.scores.data() + done * size, from, size * static_cast<int64_t>(sizeof(float)));
        from += size;
      }
    }
  });
  read_probabilities(decoder, texts, first_special, results);
  ops_.wait(ticket);
  return results;
}

// Each token's probability stands at the token before it; as many at a time as there is room for their logits.
void Aligner::read_probabilities(models::DecoderWork& decoder, std::span<const Text> texts, int32_t first_special,
                                 std::vector<whisper::AlignmentScores>& results) {
  std::vector<int32_t> picks, targets;
  std::vector<float*> places;
  int32_t first = 0;
  for (size_t t = 0; t < texts.size(); ++t) {
    const auto tokens = texts[t].tokens;
    for (size_t i = 1; i < tokens.size(); ++i) {
      if (tokens[i] >= first_special) continue;
      picks.push_back(first + static_cast<int32_t>(i) - 1);
      targets.push_back(tokens[i]);
      places.push_back(&results[t].probabilities[i]);
    }
    first += static_cast<int32_t>(tokens.size());
  }
  std::vector<float> probabilities(picks.size());
  uint64_t ticket = 0;
  const auto room = static_cast<size_t>(decoder.logits.rows);
  for (size_t from = 0; from < picks.size(); from += room) {
    const auto count = static_cast<int32_t>(std::min(room, picks.size() - from));
    ops_.write(decoder.picks, picks.data() + from, count * 4LL);
    ops_.write(work_.targets, targets.data() + from, count * 4LL);
    {
      const ops::Run run(ops_, "align probabilities");
      model_.probabilities(ops_, decoder, work_, count, first_special);
    }
    ticket = ops_.read(probabilities.data() + from, work_.probabilities, count * 4LL);
  }
  if (!picks.empty()) ops_.wait(ticket);
  for (size_t i = 0; i < places.size(); ++i) *places[i] = probabilities[i];
}

}  // namespace wtrt::runtime
