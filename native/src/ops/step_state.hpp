// What a decode step needs to know of each row: all of it in device memory, so that a step never asks the host.
#pragma once

#include <cstdint>

namespace wtrt::ops {

// Which tokens may follow, as openai/whisper's logit filters decide. One per job and window; rows point to it.
struct TokenPolicy {
  int32_t eot, no_timestamps, timestamp_begin, no_speech;
  int32_t blank;                  // the token of " ", suppressed together with eot at the first sampled position; -1: allowed
  int32_t with_timestamps;        // 1: timestamp rules apply
  int32_t max_initial_timestamp;  // last timestamp index (0.02 s each) the first token may have; -1: no limit
  int32_t suppress_mask;          // which of the suppression bit masks applies
};

// One decode row.
struct RowState {
  int32_t length;        // tokens in the self-attention KV cache = position of `token`
  int32_t token;         // what the next step feeds
  int32_t cross_slot;    // its window's cross-attention KV
  int32_t policy;        // index into the policies
  int32_t sampled;       // tokens sampled so far; they stand in the row's history
  int32_t max_sampled;   // the row finishes when `sampled` reaches it
  int32_t finished;      // 1: eot was sampled or the budget is used up; steps skip the row
  float no_speech_prob;  // from the logits at <|startoftranscript|>
  double sum_logprob;    // of the sampled tokens, eot included
};

// Device addresses of the state's arrays. Row r's history: history[r * history_capacity …]; its pages: pages[r * pages_per_row …].
struct StepState {
  RowState* rows;
  TokenPolicy* policies;
  int32_t* history;           // sampled tokens
  int32_t* pages;             // page numbers of the self-attention KV cache, in order of position
  const uint32_t* suppress;   // bit masks over the vocabulary, suppress_words each
  int32_t history_capacity, pages_per_row, suppress_words;
};

// One token to run through the decoder: a step has one per row, a prefill several with rising positions.
// Tokens of one row stand together, in order. Device memory.
struct TokenSlot {
  int32_t row;       // index into StepState::rows
  int32_t position;  // prefill: of this token. Steps: -1, the row's own `length`
  int32_t token;     // prefill: the id. Steps: -1, the row's own `token`
};

}  // namespace wtrt::ops
