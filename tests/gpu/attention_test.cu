#include "attention.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "device_array.hpp"

namespace wtrt::gpu_test {
namespace {

using kernels::AttentionArgs;
using kernels::AttentionTactic;

struct Problem {
  DType type;
  int batch, positions, heads, head_size = 64;
  float scale = 1.0f;   // of queries and keys: scores have a deviation of scale^2
  float shift = 0.0f;   // added to queries, taken from keys: scores are about -sqrt(head_size) * shift^2
  bool rising = false;  // keys are larger towards the end: so is the largest score so far

  int width() const { return heads * head_size; }
  std::vector<float> random(uint32_t seed) const {
    std::vector<float> qkv = random_values(static_cast<size_t>(batch) * positions * 3 * width(), seed);
    for (size_t i = 0; i < qkv.size(); ++i) {
      const int column = static_cast<int>(i % (3 * width())),
                position = static_cast<int>(i / (3 * width()) % positions);
      if (column < width()) qkv[i] = qkv[i] * scale + shift;
      if (column >= width() && column < 2 * width()) {
        qkv[i] =
            (qkv[i] * scale - shift) * (rising ? static_cast<float>(position) / static_cast<float>(positions) : 1.0f);
      }
    }
    return qkv;
  }
};

const char* name_of(AttentionTactic tactic) {
  constexpr const char* kNames[] = {"automatic", "reference", "mma", "wgmma"};
  return kNames[static_cast<int>(tactic)];
}
const char* name_of(DType type) { return type == DType::f32 ? "f32" : type == DType::f16 ? "f16" : "bf16"; }

cudaError_t run(const Problem& p, AttentionTactic tactic, const DeviceArray& qkv, const DeviceArray& out,
                cudaStream_t stream = nullptr) {
  return kernels::attention(this_device(), {p.type, qkv.get(), out.get(), p.batch, p.positions, p.heads, p.head_size},
                            tactic, stream);
}

// One row and head by definition, in doubles and in floats.
struct Row {
  std::vector<double> exact;
  std::vector<float> textbook;
};

Row row_of(const Problem& p, const std::vector<float>& qkv, int batch, int row, int head) {
  const size_t stride = 3 * p.width();
  const float* window = qkv.data() + static_cast<size_t>(batch) * p.positions * stride + head * p.head_size;
  std::vector<double> weights(p.positions);
  std::vector<float> weights_f32(p.positions);
  double most = -INFINITY, sum = 0.0;
  float most_f32 = -INFINITY, sum_f32 = 0.0f;
  for (int key = 0; key < p.positions; ++key) {
    const float *q = window + row * stride, *k = window + key * stride + p.width();
    double dot = 0.0;
    float dot_f32 = 0.0f;
    for (int d = 0; d < p.head_size; ++d) {
      dot += static_cast<double>(q[d]) * k[d];
      dot_f32 += q[d] * k[d];
    }
    weights[key] = dot / std::sqrt(static_cast<double>(p.head_size));
    weights_f32[key] = dot_f32 / std::sqrt(static_cast<float>(p.head_size));
    most = std::max(most, weights[key]);
    most_f32 = std::max(most_f32, weights_f32[key]);
  }
  for (int key = 0; key < p.positions; ++key) {
    sum += weights[key] = std::exp(weights[key] - most);
    sum_f32 += weights_f32[key] = std::exp(weights_f32[key] - most_f32);
  }
  Row result{std::vector<double>(p.head_size), std::vector<float>(p.head_size)};
  for (int key = 0; key < p.positions; ++key) {
    const float* v = window + key * stride + 2 * p.width();
    for (int d = 0; d < p.head_size; ++d) {
      result.exact[d] += weights[key] / sum * v[d];
      result.textbook[d] += weights_f32[key] / sum_f32 * v[d];
    }
  }
  return result;
}

// Rows to look at: all of few, else the first, the last, those around tiles' edges, and some between.
std::vector<int> rows_to_check(int positions) {
  std::vector<int> rows;
  for (int row = 0; row < positions; ++row) {
    const bool edge = row < 2 || row + 2 >= positions || row % 64 == 63 || row % 64 == 0;
    if (positions <= 200 || edge || row % 97 == 5) rows.push_back(row);
  }
  return rows;
}

void expect_right(const Problem& p, AttentionTactic tactic, uint32_t seed) {
  const std::string what = std::string(name_of(tactic)) + " " + name_of(p.type) + " batch " + std::to_string(p.batch) +
                           " positions " + std::to_string(p.positions) + " heads " + std::to_string(p.heads) + " x " +
                           std::to_string(p.head_size) + " scale " + std::to_string(p.scale) + " shift " +
                           std::to_string(p.shift) + (p.rising ? " rising" : "");
  const auto bytes = as_type(p.random(seed), p.type);
  const auto qkv = as_f32(bytes, p.type);
  const DeviceArray in(bytes), out(static_cast<int64_t>(p.batch) * p.positions * p.width() * size_of(p.type));
  const cudaError_t status = run(p, tactic, in, out);
  ASSERT_EQ(status, cudaSuccess) << what << ": " << cudaGetErrorString(status);
  const auto got = as_f32(out.read<std::byte>(), p.type);
  double ours = 0.0, textbook = 0.0, norm = 0.0;
  int reported = 0;
  for (int batch = 0; batch < p.batch; ++batch) {
    for (int head = 0; head < p.heads; ++head) {
      if (p.positions > 200 && head > 1 && head + 1 < p.heads) continue;
      for (const int row : rows_to_check(p.positions)) {
        const Row want = row_of(p, qkv, batch, row, head);
        const auto said = rounded(want.textbook, p.type);
        for (int d = 0; d < p.head_size; ++d) {
          const float value =
              got[(static_cast<size_t>(batch) * p.positions + row) * p.width() + head * p.head_size + d];
          const double error = value - want.exact[d], size = std::abs(want.exact[d]);
          if (!(std::abs(error) <= 0.02 + 0.02 * size) && reported++ < 6) {
            ADD_FAILURE() << what << ": batch " << batch << " row " << row << " head " << head << " column " << d
                          << ": got " << value << ", want " << want.exact[d];
          }
          ours += error * error;
          textbook += (said[d] - want.exact[d]) * (said[d] - want.exact[d]);
          norm += want.exact[d] * want.exact[d];
        }
      }
    }
  }
  std::printf("%-100s error %.2e, textbook's %.2e (%.2f)\n", what.c_str(), std::sqrt(ours / norm),
              std::sqrt(textbook / norm), std::sqrt(ours / textbook));
  EXPECT_LE(std::sqrt(ours), 2.0 * std::sqrt(textbook) + 1e-7 * std::sqrt(norm)) << what;
}

// The tactics this GPU has for the type.
std::vector<AttentionTactic> tactics(DType type) {
  std::vector<AttentionTactic> all = {AttentionTactic::reference};
  if (type == DType::f32) return all;
  all.push_back(AttentionTactic::mma);
  if (this_device().wgmma) {
    all.push_back(AttentionTactic::wgmma);
  } else {
    std::printf("without the wgmma tactic: this GPU is no sm_90\n");
  }
  return all;
}

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};

TEST(Attention, IsRightForAnyNumberOfPositions) {
  for (const DType type : kTypes) {
    for (const AttentionTactic tactic : tactics(type)) {
      for (const int positions : {1, 7, 63, 64, 65, 127, 128, 129, 200, 257}) {
        expect_right({type, 2, positions, 3}, tactic, static_cast<uint32_t>(positions));
      }
    }
  }
}

TEST(Attention, IsRightForWholeWindows) {
  for (const DType type : kTypes) {
    for (const AttentionTactic tactic : tactics(type)) {
      expect_right({type, 1, 1500, 6}, tactic, 1);
      expect_right({type, 2, 1499, 3}, tactic, 2);
    }
  }
}

TEST(Attention, IsRightForLargeAndForVerySmallScores) {
  for (const DType type : kTypes) {
    for (const AttentionTactic tactic : tactics(type)) {
      for (const float scale : {0.02f, 2.0f, 8.0f}) {
        for (const bool rising : {false, true}) expect_right({type, 1, 700, 2, 64, scale, 0.0f, rising}, tactic, 3);
      }
      for (const float shift : {2.0f, 6.0f}) expect_right({type, 1, 700, 2, 64, 1.0f, shift}, tactic, 4);
    }
  }
}

TEST(Attention, ReferenceTakesOtherHeadSizes) {
  for (const DType type : kTypes) {
    for (const int head_size : {8, 40, 64, 80, 96, 128})
      expect_right({type, 2, 130, 3, head_size}, AttentionTactic::reference, 4);
  }
}

TEST(Attention, RefusesWhatATacticCannotDo) {
  const DeviceArray in(1 << 20), out(1 << 20);
  EXPECT_EQ(run({DType::f32, 1, 64, 2}, AttentionTactic::mma, in, out), cudaErrorNotSupported);
  EXPECT_EQ(run({DType::f16, 1, 64, 2, 80}, AttentionTactic::mma, in, out), cudaErrorNotSupported);
  EXPECT_EQ(run({DType::f16, 1, 64, 2, 80}, AttentionTactic::wgmma, in, out), cudaErrorNotSupported);
  EXPECT_EQ(run({DType::f16, 1, 64, 2, 72}, AttentionTactic::automatic, in, out), cudaSuccess);
  EXPECT_EQ(run({DType::f16, 1, 64, 2, 136}, AttentionTactic::automatic, in, out), cudaErrorInvalidValue);
  EXPECT_EQ(run({DType::f16, 1, 64, 2, 60}, AttentionTactic::automatic, in, out), cudaErrorInvalidValue);
  check(cudaDeviceSynchronize());
}

// Windows after the last and before the first are not looked at, and a window gives the same bits alone and among
// others.
TEST(Attention, AWindowGivesTheSameBitsInAnyBatch) {
  for (const DType type : kTypes) {
    for (const AttentionTactic tactic : tactics(type)) {
      for (const int positions : {200, 1500}) {
        const Problem many{type, 8, positions, 5}, one{type, 1, positions, 5};
        auto bytes = as_type(many.random(5), type);
        const size_t window = bytes.size() / 8, written = window / 3;
        // A window of NaN beside must not be seen.
        std::memset(bytes.data() + 4 * window, 0xff, window);
        const DeviceArray in(bytes), out(static_cast<int64_t>(8 * written));
        ASSERT_EQ(run(many, tactic, in, out), cudaSuccess);
        const auto together = out.read<std::byte>();
        for (const int batch : {0, 3, 5, 7}) {
          const DeviceArray part(
              std::vector<std::byte>(bytes.begin() + batch * window, bytes.begin() + (batch + 1) * window));
          const DeviceArray alone_out(static_cast<int64_t>(written));
          ASSERT_EQ(run(one, tactic, part, alone_out), cudaSuccess);
          const auto alone = alone_out.read<std::byte>();
          EXPECT_EQ(std::memcmp(alone.data(), together.data() + batch * written, written), 0)
              << name_of(tactic) << " " << name_of(type) << " window " << batch << " of " << positions << " positions";
        }
      }
    }
  }
}

// All elements of a large problem: tensor cores against the reference.
TEST(Attention, TacticsAgree) {
  for (const DType type : {DType::f16, DType::bf16}) {
    const Problem p{type, 8, 1500, 20};
    const DeviceArray in(as_type(p.random(6), type));
    const int64_t bytes = static_cast<int64_t>(p.batch) * p.positions * p.width() * 2;
    DeviceArray out(bytes);
    std::vector<float> want;
    for (const AttentionTactic tactic : tactics(type)) {
      out.poison();
      ASSERT_EQ(run(p, tactic, in, out), cudaSuccess);
      const auto got = as_f32(out.read<std::byte>(), type);
      if (want.empty()) want = got;
      double worst = 0.0;
      size_t at = 0, wrong = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        const double error = std::abs(static_cast<double>(got[i]) - want[i]);
        if (!(error <= (type == DType::f16 ? 2e-3 : 1.5e-2) * (0.05 + std::abs(want[i])))) ++wrong;
        if (!(error <= worst)) worst = error, at = i;
      }
      const size_t column = at % p.width(), row = at / p.width();
      std::printf("%s %s: largest difference %.2e at batch %zu row %zu head %zu column %zu\n", name_of(tactic),
                  name_of(type), worst, row / p.positions, row % p.positions, column / 64, column % 64);
      EXPECT_EQ(wrong, 0u) << name_of(tactic) << " " << name_of(type);
    }
  }
}

TEST(Attention, RunsInAGraphAgainAndAgain) {
  const Problem p{DType::f16, 2, 1500, 4};
  const DeviceArray in(as_type(p.random(7), p.type));
  DeviceArray out(static_cast<int64_t>(p.batch) * p.positions * p.width() * 2);
  ASSERT_EQ(run(p, AttentionTactic::automatic, in, out), cudaSuccess);
  const auto first = out.read<std::byte>();
  out.poison();
  graph_milliseconds(3, [&](cudaStream_t stream, int) { check(run(p, AttentionTactic::automatic, in, out, stream)); });
  const auto last = out.read<std::byte>();
  EXPECT_EQ(std::memcmp(first.data(), last.data(), first.size()), 0);
}

TEST(AttentionBench, Tactics) {
  if (std::getenv("WTRT_BENCH") == nullptr) GTEST_SKIP() << "times are taken with WTRT_BENCH=1";
  for (const int heads : {20, 8, 6}) {
    for (const int batch : {1, 8, 32}) {
      if (heads != 20 && batch == 32) continue;
      for (const DType type : {DType::f16, DType::f32}) {
        if (type == DType::f32 && batch == 32) continue;
        const Problem p{type, batch, 1500, heads};
        const DeviceArray in(as_type(p.random(8), type)),
            out(static_cast<int64_t>(batch) * p.positions * p.width() * size_of(type));
        for (const AttentionTactic tactic : tactics(type)) {
          const int inside = tactic == AttentionTactic::reference ? 1 : batch == 1 ? 32 : 8;
          const double time = graph_milliseconds(
              inside, [&](cudaStream_t stream, int) { check(run(p, tactic, in, out, stream)); }, inside == 1 ? 3 : 15);
          const double work = 4.0 * p.positions * p.positions * p.width() * batch, floor = work / 800e12 * 1e3;
          std::printf(
              "[ BENCH ] attention %-9s %-4s batch %2d heads %2d: %8.4f ms, floor %.4f ms, %.2f of it, %.0f TFLOP/s\n",
              name_of(tactic), name_of(type), batch, heads, time, floor, floor / time, work / time * 1e-9);
        }
      }
    }
  }
}

}  // namespace
}  // namespace wtrt::gpu_test
