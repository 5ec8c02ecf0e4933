// Whisper against the reference implementation, layer by layer and by logits, in float32.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "audio/log_mel.hpp"
#include "backends/cpu/cpu_backend.hpp"
#include "checkpoint/safetensors.hpp"
#include "models/whisper.hpp"
#include "shared_data.hpp"

namespace wtrt::models {
namespace {

// The tensors of a golden file by name, as floats or token ids.
class Golden {
 public:
  explicit Golden(const std::filesystem::path& path) : file_(MappedFile::open(path)) {
    for (auto& stored : checkpoint::read_safetensors(file_->bytes(), path.string()))
      tensors_[stored.name] = stored.view;
  }
  bool has(const std::string& name) const { return tensors_.count(name) != 0; }
  std::vector<float> floats(const std::string& name) const { return read<float>(name); }
  std::vector<int32_t> ids(const std::string& name) const { return read<int32_t>(name); }

 private:
  template <typename T>
  std::vector<T> read(const std::string& name) const {
    const auto bytes = tensors_.at(name).data;
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, checkpoint::TensorView> tensors_;
};

// max|a - b| ≤ 1e-3 · max|b|
void expect_close(const std::vector<float>& ours, const std::vector<float>& reference, const std::string& what) {
  ASSERT_EQ(ours.size(), reference.size()) << what;
  double worst = 0, largest = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_TRUE(std::isfinite(ours[i])) << what << " at " << i;
    worst = std::max(worst, std::abs(static_cast<double>(ours[i]) - static_cast<double>(reference[i])));
    largest = std::max(largest, std::abs(static_cast<double>(reference[i])));
  }
  EXPECT_LE(worst, 1e-3 * largest) << what;
}

// Every `stride`-th row of the first `rows` rows, columns [first, first + count).
std::vector<float> rows_of(const ops::Tensor& tensor, int64_t rows, int64_t stride, int64_t first, int64_t count) {
  std::vector<float> values;
  for (int64_t r = 0; r < rows; r += stride) {
    const float* row = static_cast<const float*>(tensor.data) + r * tensor.cols + first;
    values.insert(values.end(), row, row + count);
  }
  return values;
}

// One model in float32 with room for one window and one row of tokens.
struct Bench {
  explicit Bench(const std::filesystem::path& directory)
      : checkpoint(checkpoint::Checkpoint::open(directory)),
        ops(cpu::make_cpu_ops(cpu::resolve({.isa = {}, .compute_type = ops::ComputeType::f32, .threads = 0}))),
        model(*ops, *checkpoint),
        encoder(*ops, model.config(), 1),
        decoder(*ops, model.config(), model.config().n_text_ctx, model.config().n_text_ctx),
        self_kv(ops->make_paged_kv(model.decoder_attention(), 14, 32)),
        cross_kv(ops->make_cross_kv(model.decoder_attention(), 1, model.config().n_audio_ctx)) {
    std::iota(pages.begin(), pages.end(), 0);
    state.rows = &row;
    state.pages = pages.data();
    state.pages_per_row = 14;
  }

  // Leaves the tokens' logits in decoder.logits.
  void decode(const std::vector<int32_t>& tokens, const std::function<void(int32_t)>& after_layer) {
    for (size_t i = 0; i < tokens.size(); ++i) decoder.tokens[i] = {0, static_cast<int32_t>(i), tokens[i]};
    std::iota(decoder.picks, decoder.picks + tokens.size(), 0);
    const auto count = static_cast<int32_t>(tokens.size());
    const ops::Run run(*ops, "decode");
    model.decode(*ops, decoder, count, state, {*self_kv, *cross_kv}, after_layer);
    model.logits(*ops, decoder, count);
  }

  std::shared_ptr<const checkpoint::Checkpoint> checkpoint;
  std::unique_ptr<ops::Ops> ops;
  Whisper model;
  EncoderWork encoder;
  DecoderWork decoder;
  std::unique_ptr<ops::PagedKv> self_kv;
  std::unique_ptr<ops::CrossKv> cross_kv;
  std::array<int32_t, 14> pages{};
  ops::RowState row{};
  ops::StepState state{};
};

class OnSpeech : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(OnSpeech, BlocksCrossKvAndLogitsAreTheReferences) {
  const auto [name, golden_name] = GetParam();
  if (test::kSanitized && std::string_view(name) == "whisper-base")
    GTEST_SKIP() << "tiny.en and the fixtures take every path of it";
  WTRT_NEEDS_SHARED("golden/whisper");
  WTRT_NEEDS_SHARED(std::string("models/") + name);
  Bench bench(test::shared() / "models" / name);
  const Golden golden(test::shared() / "golden/whisper" / golden_name);
  const int64_t width = bench.model.config().width;

  for (const std::string clip : {"dev-clean_2412-153948-0000", "test-clean_2961-960-0000"}) {
    const auto source = audio::open_file(test::shared() / "speech/librispeech" / (clip + ".flac"));
    std::vector<float> samples(30 * audio::kSampleRate);
    size_t size = 0;
    for (size_t got; (got = source->read(std::span(samples).subspan(size))) > 0;) size += got;
    const auto mel = audio::log_mel(std::span(samples).first(size), bench.model.config().n_mels,
                                    static_cast<int64_t>(samples.size() - size));
    std::copy(mel.begin(), mel.end(), static_cast<float*>(bench.encoder.mel.data));

    const auto encoder_block = [&](int32_t done) {
      if (done == 0) return true;
      const std::string block = clip + ".enc_block" + std::to_string(done - 1) + ".every50";
      expect_close(rows_of(bench.encoder.hidden, 1500, 50, 0, width), golden.floats(block), block);
      return true;
    };
    ASSERT_TRUE(bench.model.encode(*bench.ops, bench.encoder, {1, 1500}, encoder_block));
    expect_close(rows_of(bench.encoder.normed, 1500, 10, 0, width), golden.floats(clip + ".encoder_out"),
                 "encoder_out");

    const int32_t slot = 0;
    const auto cross_layer = [&](int32_t done) {
      if (done != 1) return true;
      const ops::Tensor kv{bench.encoder.wide.data, DType::f32, 1500, 2 * width};
      expect_close(rows_of(kv, 1500, 50, 0, width), golden.floats(clip + ".cross_k0.every50"), "cross_k0");
      expect_close(rows_of(kv, 1500, 50, width, width), golden.floats(clip + ".cross_v0.every50"), "cross_v0");
      return true;
    };
    ASSERT_TRUE(
        bench.model.project_cross_kv(*bench.ops, bench.encoder, 1500, *bench.cross_kv, {&slot, 1}, cross_layer));

    const auto tokens = golden.ids(clip + ".tokens");
    const auto count = static_cast<int64_t>(tokens.size());
    bench.decode(tokens, [&](int32_t layer) {
      const std::string block = clip + ".dec_block" + std::to_string(layer);
      expect_close(rows_of(bench.decoder.hidden, count, 1, 0, width), golden.floats(block), block);
    });

    const int64_t vocabulary = bench.model.config().vocab_size;
    const auto* logits = static_cast<const float*>(bench.decoder.logits.data);
    std::vector<float> sparse, top, log_sum;
    const auto top_ids = golden.ids(clip + ".logits.top32_ids");
    for (int64_t t = 0; t < count; ++t) {
      const float* row = logits + t * vocabulary;
      for (int64_t v = 0; v < vocabulary; v += 997) sparse.push_back(row[v]);
      for (int64_t k = 0; k < 32; ++k) top.push_back(row[top_ids[static_cast<size_t>(t * 32 + k)]]);
      const double most = *std::max_element(row, row + vocabulary);
      double sum = 0;
      for (int64_t v = 0; v < vocabulary; ++v) sum += std::exp(row[v] - most);
      log_sum.push_back(static_cast<float>(most + std::log(sum)));
    }
    expect_close(sparse, golden.floats(clip + ".logits.every997"), "logits.every997");
    expect_close(top, golden.floats(clip + ".logits.top32"), "logits.top32");
    expect_close(log_sum, golden.floats(clip + ".logits.logsumexp"), "logits.logsumexp");
  }
}

INSTANTIATE_TEST_SUITE_P(Models, OnSpeech,
                         testing::Values(std::pair("whisper-tiny.en", "tiny.en.safetensors"),
                                         std::pair("whisper-base", "base.safetensors")));

class OnFormula : public testing::TestWithParam<const char*> {};

// Random weights of two shapes; the input is round(64 sin(0.01 t (1 + mel / 40)) cos(0.3 mel)) / 64.
TEST_P(OnFormula, LogitsAreTheReferences) {
  WTRT_NEEDS_SHARED("models/fixtures");
  const auto fixture = test::shared() / "models/fixtures" / GetParam();
  Bench bench(std::filesystem::exists(fixture / "hf") ? fixture / "hf" : fixture);
  const Golden golden(fixture / "expected.safetensors");
  auto* mel = static_cast<float*>(bench.encoder.mel.data);
  for (int m = 0; m < bench.model.config().n_mels; ++m) {
    for (int t = 0; t < 3000; ++t) {
      mel[m * 3000 + t] =
          static_cast<float>(std::nearbyint(64 * std::sin(0.01 * t * (1 + m / 40.0)) * std::cos(0.3 * m)) / 64);
    }
  }
  const int32_t slot = 0;
  ASSERT_TRUE(bench.model.encode(*bench.ops, bench.encoder, {1, 1500}, {}));
  expect_close(rows_of(bench.encoder.normed, 1500, 10, 0, bench.model.config().width),
               golden.floats("encoder_out_every10"), "encoder_out");
  ASSERT_TRUE(bench.model.project_cross_kv(*bench.ops, bench.encoder, 1500, *bench.cross_kv, {&slot, 1}, {}));
  const auto tokens = golden.ids("decoder_input_ids");
  bench.decode(tokens, {});
  std::vector<float> sparse;
  const int64_t vocabulary = bench.model.config().vocab_size;
  for (size_t t = 0; t < tokens.size(); ++t) {
    const float* row = static_cast<const float*>(bench.decoder.logits.data) + static_cast<int64_t>(t) * vocabulary;
    for (int64_t v = 0; v < vocabulary; v += 31) sparse.push_back(row[v]);
  }
  expect_close(sparse, golden.floats("logits_every31"), "logits");
}

INSTANTIATE_TEST_SUITE_P(Models, OnFormula, testing::Values("whisper-nano", "whisper-nano-v3"));

}  // namespace
}  // namespace wtrt::models
