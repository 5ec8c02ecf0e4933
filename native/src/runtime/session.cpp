#include "runtime/session.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "runtime/state_layout.hpp"

namespace wtrt::runtime {
namespace {

constexpr int32_t kLogitRows = 16;  // logits of a long prefill leave the device in pieces

int32_t pages_of(const checkpoint::WhisperConfig& config) {
  return (config.n_text_ctx + kPageTokens - 1) / kPageTokens;
}

}  // namespace

Session::Session(std::shared_ptr<const Model> model)
    : model_(std::move(model)),
      ops_(model_->make_ops()),
      encoder_(*ops_, model_->config(), 1),
      decoder_(*ops_, model_->config(), model_->config().n_text_ctx, kLogitRows) {
  const checkpoint::WhisperConfig& config = model_->config();
  const auto shape = model_->whisper().decoder_attention();
  self_kv_ = ops_->make_paged_kv(shape, pages_of(config), kPageTokens);
  cross_kv_ = ops_->make_cross_kv(shape, 1, config.n_audio_ctx);
  row_ = ops_->allocate(sizeof(ops::RowState));
  pages_ = ops_->allocate(pages_of(config) * 4LL);
  std::vector<int32_t> pages(static_cast<size_t>(pages_of(config)));
  std::iota(pages.begin(), pages.end(), 0);
  ops_->write(pages_->data(), pages.data(), pages_of(config) * 4LL);
  state_.rows = static_cast<ops::RowState*>(row_->data());
  state_.pages = static_cast<int32_t*>(pages_->data());
  state_.pages_per_row = pages_of(config);
}

void Session::encode(const float* mel, float* output) {
  const checkpoint::WhisperConfig& config = model_->config();
  ops_->write(encoder_.mel.data, mel, config.n_mels * encoder_.mel.cols * 4);
  model_->whisper().encode(*ops_, encoder_, {1, config.n_audio_ctx}, {});
  encoded_ = true;
  projected_ = false;
  if (output == nullptr) return;
  read_activations(encoder_.normed.slice(0, config.n_audio_ctx), output);
}

void Session::read_activations(const ops::Tensor& tensor, float* to) {
  const int64_t count = tensor.rows * tensor.cols;
  if (tensor.dtype == DType::f32) {
    ops_->wait(ops_->read(to, tensor.data, count * 4));
    return;
  }
  std::vector<uint16_t> bits(static_cast<size_t>(count));
  ops_->wait(ops_->read(bits.data(), tensor.data, count * 2));
  std::transform(bits.begin(), bits.end(), to, tensor.dtype == DType::f16 ? f16_to_f32 : bf16_to_f32);
}

void Session::project_cross_kv() {
  if (!encoded_) throw Error(ErrorCode::invalid_argument, "project_cross_kv: encode a window first");
  const int32_t slot = 0;
  model_->whisper().project_cross_kv(*ops_, encoder_, model_->config().n_audio_ctx, *cross_kv_, {&slot, 1}, {});
  projected_ = true;
}

void Session::prefill(std::span<const int32_t> tokens, float* logits) {
  if (!projected_) throw Error(ErrorCode::invalid_argument, "prefill: project the window's cross-attention KV first");
  length_ = 0;
  const ops::RowState row{};
  ops_->write(row_->data(), &row, sizeof row);
  decode(tokens, logits);
}

void Session::step(int32_t token, float* logits) {
  if (length_ == 0) throw Error(ErrorCode::invalid_argument, "step: prefill the row first");
  decode({&token, 1}, logits);
}

void Session::align(std::span<const int32_t> tokens, float* scores, float* probabilities) {
  if (!projected_) throw Error(ErrorCode::invalid_argument, "align: project the window's cross-attention KV first");
  length_ = 0;
  check_tokens(tokens);
  const ops::RowState row{};
  ops_->write(row_->data(), &row, sizeof row);
  if (!aligner_)
    aligner_ = std::make_unique<Aligner>(model_->whisper(), *ops_, model_->config().n_text_ctx, kLogitRows);
  const Aligner::Text text{0, tokens};
  const auto results =
      aligner_->run(decoder_, state_, {*self_kv_, *cross_kv_}, {&text, 1}, model_->tokenizer()->special().eot);
  if (scores != nullptr) std::copy(results[0].scores.begin(), results[0].scores.end(), scores);
  if (probabilities != nullptr)
    std::copy(results[0].probabilities.begin(), results[0].probabilities.end(), probabilities);
}

void Session::check_tokens(std::span<const int32_t> tokens) const {
  const checkpoint::WhisperConfig& config = model_->config();
  const auto count = static_cast<int64_t>(tokens.size());
  if (count < 1 || length_ + count > config.n_text_ctx) {
    throw Error(ErrorCode::invalid_argument, std::to_string(count) + " tokens after " + std::to_string(length_) +
                                                 " do not fit the text context of " +
                                                 std::to_string(config.n_text_ctx));
  }
  for (const int32_t token : tokens) {
    if (token >= 0 && token < config.vocab_size) continue;
    throw Error(ErrorCode::invalid_argument,
                "token " + std::to_string(token) + " is outside 0.." + std::to_string(config.vocab_size - 1));
  }
}

void Session::decode(std::span<const int32_t> tokens, float* logits) {
  const checkpoint::WhisperConfig& config = model_->config();
  const auto count = static_cast<int64_t>(tokens.size());
  check_tokens(tokens);
  std::vector<ops::TokenSlot> slots;
  for (const int32_t token : tokens) slots.push_back({0, length_++, token});
  ops_->write(decoder_.tokens, slots.data(), count * static_cast<int64_t>(sizeof(ops::TokenSlot)));
  {
    const ops::Run run(*ops_, "decode");
    model_->whisper().decode(*ops_, decoder_, static_cast<int32_t>(count), state_, {*self_kv_, *cross_kv_});
  }
  if (logits == nullptr) return;
  for (int64_t first = 0; first < count; first += kLogitRows) {
    const auto rows = static_cast<int32_t>(std::min<int64_t>(kLogitRows, count - first));
    std::vector<int32_t> picks(static_cast<size_t>(rows));
    std::iota(picks.begin(), picks.end(), static_cast<int32_t>(first));
    ops_->write(decoder_.picks, picks.data(), rows * 4LL);
    {
      const ops::Run run(*ops_, "logits");
      model_->whisper().logits(*ops_, decoder_, rows);
    }
    ops_->wait(ops_->read(logits + first * config.vocab_size, decoder_.logits.data, rows * 4LL * config.vocab_size));
  }
}

}  // namespace wtrt::runtime
