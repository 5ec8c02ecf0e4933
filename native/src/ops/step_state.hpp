// What a decode step needs to know of each row: all of it in device memory, so that a step never asks the host.
#pragma once

#include <cstdint>

namespace wtrt::ops {

// How the next token of a row is chosen. One per group of rows; rows point to it.
struct TokenPolicy {
  // Which tokens may follow, as openai/whisper's logit filters decide.
  int32_t eot, no_timestamps, timestamp_begin, no_speech;
  int32_t blank;            // the token of " ", suppressed together with eot at the first sampled position; -1: allowed
  int32_t with_timestamps;  // 1: timestamp rules apply
  int32_t max_initial_timestamp;  // last timestamp index (0.02 s each) the first token may have; -1: no limit
  int32_t suppress_mask;          // which of the suppression bit masks applies
  // Repetition within the row's history, before those filters.
  float repetition_penalty =
      1.0f;                     // logits of tokens in the history are divided by it (negative ones multiplied); 1: off
  int32_t no_repeat_ngram = 0;  // no sequence of so many tokens comes twice; 0: off
  // Sampling: at a temperature above 0 the noise of (seed, window, candidate, position, token) decides.
  float temperature = 0.0f;  // 0: the likeliest token
  uint32_t window = 0;       // which window of the recording
  uint64_t seed = 0;
};

// One decode row.
struct RowState {
  int32_t length;        // tokens in the self-attention KV cache = position of `token`
  int32_t token;         // what the next step feeds
  int32_t cross_slot;    // its window's cross-attention KV
  int32_t policy;        // index into the policies
  int32_t sampled;       // tokens sampled so far; they stand in the row's history
  int32_t max_sampled;   // the row finishes when `sampled` reaches it
  int32_t finished;      // 1: eot was sampled, the budget is used up or the beam search is over; steps skip the row
  int32_t candidate;     // which of its window's draws it is
  float no_speech_prob;  // from the logits at <|startoftranscript|>
  double sum_logprob;    // of the sampled tokens, eot included
};

constexpr int32_t kMaxBeams = 32;

// A beam search. Its rows share a cross-attention slot and a policy; at the page in use each has a page of its own.
struct BeamState {
  int32_t size;             // rows, 1 … kMaxBeams
  int32_t rows[kMaxBeams];  // the first one is prefilled, and gives the search its number
  int32_t max_ended;        // the search is over when so many hypotheses have ended
  int32_t ended;
  int32_t best_length;    // tokens without eot of the best one that ended; they stand in best_history
  double length_penalty;  // see hypothesis_score()
  double best_sum, best_score;
};

// Device addresses of the state's arrays. Row r's history: history[r * history_capacity …]; its pages: pages[r * pages_per_row …].
struct StepState {
  RowState* rows;
  TokenPolicy* policies;
  int32_t* history;          // sampled tokens
  int32_t* pages;            // page numbers of the self-attention KV cache, in order of position
  const uint32_t* suppress;  // bit masks over the vocabulary, suppress_words each
  int32_t history_capacity, pages_per_row, suppress_words;
  BeamState* beams = nullptr;       // by number
  int32_t* best_history = nullptr;  // history_capacity for each beam search
};

// One token to run through the decoder: a step has one per row, a prefill several with rising positions.
// Tokens of one row stand together, in order. Device memory.
struct TokenSlot {
  int32_t row;       // index into StepState::rows
  int32_t position;  // prefill: of this token. Steps: -1, the row's own `length`
  int32_t token;     // prefill: the id. Steps: -1, the row's own `token`
};

// A beam search's lines of logits: one for each of its rows in order, or after the prefill one for all. Device memory.
struct BeamLines {
  int32_t search;  // index into StepState::beams
  int32_t first, count;
};

struct PageCopy {
  int32_t from, to;
};

}  // namespace wtrt::ops
