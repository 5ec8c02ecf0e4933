// The op interface: what a device can do for a model. Models are written over it once; a backend implements it.
//
// Ops enqueue: they return at once or when done, the caller cannot tell. Nothing between open() and close() may allocate or read
// back; host results leave by read(), which is complete after wait(). The CPU backend obeys the same rules, and refuses a breach.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ops/step_state.hpp"
#include "ops/tensor.hpp"

namespace wtrt::ops {

enum class ComputeType : int32_t { f32 = 0, bf16 = 1, i8 = 2, f16 = 3 };
enum class Activation : int32_t { none, gelu };  // GELU by erf

// y = x · Wᵀ + b, packed for the device; made once by make_linear.
class Linear {
 public:
  virtual ~Linear() = default;
  virtual int64_t inputs() const = 0;   // K
  virtual int64_t outputs() const = 0;  // N
  virtual int64_t bytes() const = 0;
};

// How a linear is used decides its layout: `window` for the encoder and the cross-KV phase (hundreds of rows and more),
// `token` for prompts and steps (few rows, each row's result the same in any company).
enum class LinearUse : int32_t { window, token };

// One of the matrices that a fused linear stacks along its outputs. weight [N, K]; bias [1, N] or empty.
struct LinearPart {
  HostTensor weight;
  HostTensor bias;
};

class Conv1d {  // kernel 3, padding 1, GELU behind it
 public:
  virtual ~Conv1d() = default;
  virtual int64_t bytes() const = 0;
};

class LayerNorm {  // epsilon 1e-5
 public:
  virtual ~LayerNorm() = default;
  virtual int64_t bytes() const = 0;
};

// Self-attention keys and values in pages of `page_tokens`, all layers.
class PagedKv {
 public:
  virtual ~PagedKv() = default;
  virtual int64_t bytes() const = 0;
  virtual int32_t page_tokens() const = 0;
};

// Cross-attention keys and values: one slot per window, all layers, up to `positions` long. How long the window in a
// slot is stands in device memory beside it.
class CrossKv {
 public:
  virtual ~CrossKv() = default;
  virtual int64_t bytes() const = 0;
};

struct AttentionShape {
  int32_t layers, heads, head_size;
};

// Element types of the caches: f32, f16, bf16, or i8 with a scale per token and head computed as it is written.
struct KvTypes {
  DType self, cross;
};

class Ops {
 public:
  virtual ~Ops() = default;

  virtual ComputeType compute_type() const = 0;
  virtual DType activation_type() const = 0;    // of every tensor between the mel and the logits, which are f32
  virtual KvTypes kv_types() const = 0;         // the caches' element types under this compute type
  virtual int32_t encoder_batch() const = 0;    // windows that are worth encoding together
  virtual int64_t available_bytes() const = 0;  // of the device's memory; -1: not known, the system's to give

  // ---- memory and weights (outside open/close) ----
  // Zero-filled, 64-byte aligned. Throws out_of_memory.
  virtual std::unique_ptr<Buffer> allocate(int64_t bytes) = 0;
  virtual std::unique_ptr<Buffer> upload_f32(const HostTensor& values) = 0;  // converted to f32
  virtual std::unique_ptr<Linear> make_linear(std::span<const LinearPart> parts, LinearUse use) = 0;
  virtual std::unique_ptr<LayerNorm> make_norm(const HostTensor& gain, const HostTensor& bias) = 0;
  // weight [outputs, inputs * 3] as Hugging Face stores it: [outputs, inputs, 3].
  virtual std::unique_ptr<Conv1d> make_conv1d(const HostTensor& weight, const HostTensor& bias, int32_t stride) = 0;
  virtual std::unique_ptr<PagedKv> make_paged_kv(const AttentionShape& shape, int32_t pages, int32_t page_tokens) = 0;
  virtual std::unique_ptr<CrossKv> make_cross_kv(const AttentionShape& shape, int32_t slots, int32_t positions) = 0;
  // Bytes the two would take, without allocating.
  virtual int64_t paged_kv_bytes(const AttentionShape& shape, int32_t pages, int32_t page_tokens) const = 0;
  virtual int64_t cross_kv_bytes(const AttentionShape& shape, int32_t slots, int32_t positions) const = 0;

  // ---- a run of ops without the host in between: one encoder layer, one decode step ----
  // On the CPU it owns the thread pool meanwhile; runs of several engines take turns. `name` (a literal) is what a profiler shows.
  virtual void open(const char* name) = 0;
  virtual void close() = 0;
  // `body` as one run. Bodies of one key enqueue the same ops with the same arguments, so that a device may record them once and
  // replay the record.
  virtual void run_recorded(const char* name, uint64_t key, const std::function<void()>& body) = 0;

  // ---- transfers ----
  virtual void write(void* device, const void* host,
                     int64_t bytes) = 0;  // in order with the ops; host may be reused at once
  // Copies to the host in order with the ops; `host` is filled once wait(ticket) returned.
  virtual uint64_t read(void* host, const void* device, int64_t bytes) = 0;
  virtual void wait(uint64_t ticket) = 0;
  virtual bool ready(uint64_t ticket) = 0;  // never blocks; the host takes what is there and enqueues on

  // ---- encoder ----
  // mel [batch * mels, frames] f32 → out [batch * frames / 2, width]: `over_mel`, GELU, `over_time` (stride 2), GELU, plus `position`
  // [frames / 2, width] f32. scratch: batch * (frames + 2) rows of width + mels rounded up to 8.
  virtual void convolve(const Conv1d& over_mel, const Conv1d& over_time, const Tensor& mel, const Tensor& position,
                        const Tensor& scratch, const Tensor& out, int32_t batch) = 0;
  // qkv [batch * T, 3 * width] (q, k, v side by side) → out [batch * T, width]; no mask; scores scaled by head_size^-0.5.
  virtual void attention(const Tensor& qkv, const Tensor& out, int32_t batch, int32_t heads) = 0;

  // ---- common ----
  virtual void norm(const LayerNorm& norm, const Tensor& in, const Tensor& out) = 0;
  // linear() of norm(in). `normed`, of in's shape, is written or left as it was.
  virtual void norm_linear(const LayerNorm& norm, const Linear& linear, const Tensor& in, const Tensor& normed,
                           Activation activation, const Tensor& out) = 0;
  // out = activation(in · Wᵀ + b) [+ residual]. `residual` null or [rows, N]; it may be `out` itself. The logits' `out` is f32.
  virtual void linear(const Linear& linear, const Tensor& in, Activation activation, const Tensor* residual,
                      const Tensor& out) = 0;

  // ---- cross-KV phase ----
  // linear(in), in [batch * T, width], gives k and v side by side → layer `layer` of slot slots[b] (host array), whose length
  // becomes T. scratch [batch * T, 2 * width].
  virtual void project_cross_kv(const Linear& linear, const Tensor& in, CrossKv& cache, int32_t layer,
                                const Tensor& scratch, std::span<const int32_t> slots) = 0;

  // ---- decoder, over `tokens` [count] in device memory ----
  // out[i] = table[token] + positions[position]; table [vocabulary, width] of the embedding, positions [text_context, width].
  virtual void embed(const Linear& table, const Tensor& positions, const StepState& state, const TokenSlot* tokens,
                     int32_t count, const Tensor& out) = 0;
  // qkv [count, 3 * width]: writes k and v at each token's position, then attends over positions 0 … its own. → out [count, width].
  virtual void self_attention(PagedKv& cache, int32_t layer, const Tensor& qkv, const StepState& state,
                              const TokenSlot* tokens, int32_t count, const Tensor& out) = 0;
  // q [count, width] over the length of the slot of the token's row → out [count, width].
  virtual void cross_attention(const CrossKv& cache, int32_t layer, const Tensor& q, const StepState& state,
                               const TokenSlot* tokens, int32_t count, const Tensor& out) = 0;
  // Cross-attention before the softmax, q · k / √head_size, of some heads (host array) of a layer over the slot of the
  // token's row: q [count, width] → out [heads.size() * count, positions], head by head; -inf beyond the slot's length.
  virtual void alignment_scores(const CrossKv& cache, int32_t layer, std::span<const int32_t> heads, const Tensor& q,
                                const StepState& state, const TokenSlot* tokens, int32_t count, const Tensor& out) = 0;
  // out[i] = in[rows[i]]; rows in device memory.
  virtual void gather(const Tensor& in, const int32_t* rows, int32_t count, const Tensor& out) = 0;

  // ---- token policy; logits [count, vocabulary] belongs to rows[i] (device memory) ----
  // no_speech_prob of each row := softmax(logits)[policy.no_speech].
  virtual void no_speech(const Tensor& logits, const StepState& state, const int32_t* rows, int32_t count) = 0;
  // Repetition, blank, suppression and timestamp rules, in place: forbidden logits become -inf.
  virtual void logits_policy(const Tensor& logits, const StepState& state, const int32_t* rows, int32_t count) = 0;
  // The next token of each row: the largest logit, or at a temperature above 0 a draw from softmax(logits / temperature), which depends
  // on nothing but the logits and the policy's keys. Adds its log-probability (of softmax(logits)), appends it to the history, sets
  // `token`, `finished`. `advance`: how many cache positions the run before wrote: `length` += 1 for a step; after a prefill the host
  // has set it.
  virtual void sample(const Tensor& logits, const StepState& state, const int32_t* rows, int32_t count,
                      int32_t advance) = 0;
  // One step of beam searches (device memory), as openai/whisper's BeamSearchDecoder: candidates, hypotheses that ended, survivors.
  // A survivor stays in its source's row, further ones of the same source take rows that nobody continues: their histories, page
  // tables and what the page in use holds (all layers) are copied. Sets `finished` in all rows of a search that is over.
  virtual void beam_select(PagedKv& cache, const Tensor& logits, const StepState& state, const BeamLines* searches,
                           int32_t count, int32_t advance) = 0;
  // Copies pages, all layers.
  virtual void copy_pages(PagedKv& cache, std::span<const PageCopy> copies) = 0;
  // probabilities[i] = softmax(logits[i, 0 … limit))[targets[i]], or 0 where the target is not below `limit`. Targets
  // [count] and probabilities [count] in device memory.
  virtual void token_probabilities(const Tensor& logits, int32_t limit, const int32_t* targets, int32_t count,
                                   float* probabilities) = 0;
};

// Opens a run and closes it on every way out.
class Run {
 public:
  Run(Ops& ops, const char* name) : ops_(ops) { ops_.open(name); }
  ~Run() { ops_.close(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

 private:
  Ops& ops_;
};

}  // namespace wtrt::ops
