// The encoder over fewer positions than the model has, against a plain one in double.
#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu_backend.hpp"
#include "models/whisper.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::models {
namespace {

constexpr int32_t kPositions = 96, kMels = 80, kWidth = 8, kHeads = 2, kFfn = 16, kLayers = 2;

using Matrix = std::vector<std::vector<double>>;

double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

// Weights are synthetic_weights() by name, as in the checkpoint.
class PlainEncoder {
 public:
  Matrix run(const Matrix& mel, int32_t positions) const {  // [mels][frames] → [positions][width]
    Matrix frames(2 * static_cast<size_t>(positions), std::vector<double>(kMels));
    for (size_t t = 0; t < frames.size(); ++t) {
      for (size_t m = 0; m < kMels; ++m) frames[t][m] = mel[m][t];
    }
    Matrix x = conv("encoder.conv2", conv("encoder.conv1", frames, 1), 2);
    const auto table = test::synthetic_weights("encoder.embed_positions.weight", kPositions * kWidth);
    for (size_t p = 0; p < x.size(); ++p) {
      for (size_t c = 0; c < kWidth; ++c) x[p][c] += static_cast<double>(table[p * kWidth + c]);
    }
    for (int i = 0; i < kLayers; ++i) layer("encoder.layers." + std::to_string(i) + ".", x);
    return norm("encoder.layer_norm", x);
  }

 private:
  static Matrix conv(const std::string& name, const Matrix& in, size_t stride) {
    const size_t inputs = in.front().size();
    const auto w = test::synthetic_weights(name + ".weight", kWidth * inputs * 3),
               b = test::synthetic_weights(name + ".bias", kWidth);
    Matrix out(in.size() / stride, std::vector<double>(kWidth));
    for (size_t t = 0; t < out.size(); ++t) {
      for (size_t c = 0; c < kWidth; ++c) {
        double sum = static_cast<double>(b[c]);
        for (size_t tap = 0; tap < 3; ++tap) {
          const size_t at = t * stride + tap;  // one behind
          if (at == 0 || at > in.size()) continue;
          for (size_t i = 0; i < inputs; ++i) sum += static_cast<double>(w[(c * inputs + i) * 3 + tap]) * in[at - 1][i];
        }
        out[t][c] = gelu(sum);
      }
    }
    return out;
  }
  static Matrix linear(const std::string& name, const Matrix& in, size_t outputs, bool biased = true) {
    const size_t inputs = in.front().size();
    const auto w = test::synthetic_weights(name + ".weight", outputs * inputs),
               b = test::synthetic_weights(name + ".bias", outputs);
    Matrix out(in.size(), std::vector<double>(outputs));
    for (size_t t = 0; t < in.size(); ++t) {
      for (size_t n = 0; n < outputs; ++n) {
        out[t][n] = biased ? static_cast<double>(b[n]) : 0.0;
        for (size_t k = 0; k < inputs; ++k) out[t][n] += static_cast<double>(w[n * inputs + k]) * in[t][k];
      }
    }
    return out;
  }
  static Matrix norm(const std::string& name, const Matrix& in) {
    const auto gain = test::synthetic_weights(name + ".weight", kWidth),
               bias = test::synthetic_weights(name + ".bias", kWidth);
    Matrix out = in;
    for (auto& row : out) {
      double mean = 0, squares = 0;
      for (const double v : row) mean += v / kWidth;
      for (const double v : row) squares += (v - mean) * (v - mean) / kWidth;
      for (size_t c = 0; c < kWidth; ++c) {
        row[c] =
            (row[c] - mean) / std::sqrt(squares + 1e-5) * static_cast<double>(gain[c]) + static_cast<double>(bias[c]);
      }
    }
    return out;
  }
  static void add(Matrix& to, const Matrix& what) {
    for (size_t t = 0; t < to.size(); ++t) {
      for (size_t c = 0; c < to[t].size(); ++c) to[t][c] += what[t][c];
    }
  }
  static Matrix attend(const Matrix& q, const Matrix& k, const Matrix& v) {
    constexpr size_t kSize = kWidth / kHeads;
    Matrix out(q.size(), std::vector<double>(kWidth));
    for (size_t t = 0; t < q.size(); ++t) {
      for (size_t first = 0; first < kWidth; first += kSize) {
        std::vector<double> weights(k.size());
        double total = 0;
        for (size_t s = 0; s < k.size(); ++s) {
          double score = 0;
          for (size_t d = first; d < first + kSize; ++d) score += q[t][d] * k[s][d];
          total += weights[s] = std::exp(score / std::sqrt(static_cast<double>(kSize)));
        }
        for (size_t s = 0; s < k.size(); ++s) {
          for (size_t d = first; d < first + kSize; ++d) out[t][d] += weights[s] / total * v[s][d];
        }
      }
    }
    return out;
  }
  static void layer(const std::string& at, Matrix& x) {
    const Matrix n = norm(at + "self_attn_layer_norm", x),
                 self = attend(linear(at + "self_attn.q_proj", n, kWidth),
                               linear(at + "self_attn.k_proj", n, kWidth, false),
                               linear(at + "self_attn.v_proj", n, kWidth));
    add(x, linear(at + "self_attn.out_proj", self, kWidth));
    Matrix wide = linear(at + "fc1", norm(at + "final_layer_norm", x), kFfn);
    for (auto& row : wide) std::transform(row.begin(), row.end(), row.begin(), gelu);
    add(x, linear(at + "fc2", wide, kWidth));
  }
};

class ShortWindows : public testing::Test {
 protected:
  ShortWindows() {
    auto sizes = test::synthetic_sizes();
    sizes.n_audio_ctx = kPositions;
    auto config = test::synthetic_config();
    config["max_source_positions"] = kPositions;
    test::SyntheticTensors tensors;
    for (const auto& required : checkpoint::required_tensors(sizes)) {
      size_t count = 1;
      for (const int64_t extent : required.shape) count *= static_cast<size_t>(extent);
      tensors["model." + required.name] = {"F32", required.shape,
                                           test::bytes_of(test::synthetic_weights(required.name, count))};
    }
    test::write_model(folder.path(), config, tensors);
    checkpoint = checkpoint::Checkpoint::open(folder.path());
    ops = cpu::make_cpu_ops(cpu::resolve({.isa = {}, .compute_type = ops::ComputeType::f32, .threads = 0}));
    model = std::make_unique<Whisper>(*ops, *checkpoint);
    work = std::make_unique<EncoderWork>(*ops, model->config(), 2);
  }
  // Sounds of any number of frames.
  static Matrix mel_of(int32_t frames, uint32_t seed) {
    Matrix mel(kMels, std::vector<double>(static_cast<size_t>(frames)));
    for (auto& row : mel) {
      for (double& value : row) {
        seed = seed * 1664525u + 1013904223u;
        value = static_cast<double>(static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f);
      }
    }
    return mel;
  }
  // Encodes them together and returns the rows of the output.
  std::vector<float> encode(const std::vector<Matrix>& mels, int32_t positions) {
    auto* to = static_cast<float*>(work->mel.data);
    for (const Matrix& mel : mels) {
      for (const auto& row : mel) {
        for (const double value : row) *to++ = static_cast<float>(value);
      }
    }
    const Windows windows{static_cast<int32_t>(mels.size()), positions};
    EXPECT_TRUE(model->encode(*ops, *work, windows, {}));
    const auto* from = static_cast<const float*>(work->normed.data);
    return {from, from + windows.rows() * kWidth};
  }

  test::TemporaryFolder folder;
  std::shared_ptr<const checkpoint::Checkpoint> checkpoint;
  std::unique_ptr<ops::Ops> ops;
  std::unique_ptr<Whisper> model;
  std::unique_ptr<EncoderWork> work;
};

TEST_F(ShortWindows, AreEncodedAsByAPlainEncoder) {
  for (const int32_t positions : {kPositions, 1, 2, 37, 64, kPositions}) {
    const Matrix mel = mel_of(2 * positions, 7);
    const auto got = encode({mel}, positions);
    const Matrix want = PlainEncoder().run(mel, positions);
    double worst = 0;
    for (size_t p = 0; p < want.size(); ++p) {
      for (size_t c = 0; c < kWidth; ++c)
        worst = std::max(worst, std::fabs(static_cast<double>(got[p * kWidth + c]) - want[p][c]));
    }
    EXPECT_LT(worst, 1e-4) << positions;
  }
}

TEST_F(ShortWindows, AreTheSameInAnyCompany) {
  const Matrix one = mel_of(2 * 37, 7), two = mel_of(2 * 37, 8);
  const auto together = encode({two, one}, 37), alone = encode({one}, 37);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + 37 * kWidth));
}

TEST_F(ShortWindows, FillOnlyTheirPartOfASlot) {
  const auto cache = ops->make_cross_kv(model->decoder_attention(), 2, kPositions);
  encode({mel_of(2 * 37, 7)}, 37);
  const int32_t slot = 1;
  EXPECT_TRUE(model->project_cross_kv(*ops, *work, 37, *cache, {&slot, 1}, {}));
  EXPECT_THROW(model->project_cross_kv(*ops, *work, kPositions + 1, *cache, {&slot, 1}, {}), Error);
}

}  // namespace
}  // namespace wtrt::models
