// The number of threads changes no bit. The pool is made once per process, so this program runs itself with one number
// and another.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "backends/cpu/attention.hpp"
#include "backends/cpu/norm.hpp"
#include "backends/cpu/token_policy.hpp"
#include "cpu_levels.hpp"

namespace wtrt::cpu {
namespace {

using test::matrix;
using test::normal;
using test::Poisoned;

constexpr const char* kVariable = "WTRT_TEST_THREADS";

class Digest {
 public:
  void add(const void* data, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i)
      value_ = (value_ ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3ull;
  }
  unsigned long long value() const { return value_; }

 private:
  unsigned long long value_ = 0xcbf29ce484222325ull;
};

void digest_attention(ThreadPool& pool, Isa isa, Digest& digest) {
  constexpr int64_t kWidth = 128, kPositions = 333;
  const auto qkv = normal(2 * kPositions * 3 * kWidth, 1), q = normal(9 * kWidth, 2);
  for (const auto type : {ops::ComputeType::f32, ops::ComputeType::i8}) {
    EncoderAttention attention(isa, type);
    Poisoned out(2 * kPositions, kWidth), tokens_out(9, kWidth);
    attention.run(pool, matrix(qkv, 3 * kWidth), out.tensor(), 2, 2);
    digest.add(out.data(), 2 * kPositions * kWidth * sizeof(float));
    CpuCrossKv cache({1, 2, 64}, 1, kPositions, kv_types_of(type).cross);
    const int32_t slot = 0;
    const auto kv = normal(kPositions * 2 * kWidth, 3);
    store_cross_kv(isa, pool, cache, 0, matrix(kv, 2 * kWidth), {&slot, 1});
    ops::RowState row{};
    ops::StepState state{};
    state.rows = &row;
    const std::vector<ops::TokenSlot> tokens(9, {0, 0, 0});
    cross_attention(isa, pool, cache, 0, matrix(q, kWidth), state, tokens.data(), 9, tokens_out.tensor());
    digest.add(tokens_out.data(), 9 * kWidth * sizeof(float));
  }
}

void digest_rows(ThreadPool& pool, Isa isa, Digest& digest) {
  const auto in = normal(77 * 384, 4), logits = normal(5 * 51865, 5, 3.0f);
  const CpuLayerNorm norm({in.data(), DType::f32, 1, 384}, {in.data() + 384, DType::f32, 1, 384});
  Poisoned out(77, 384);
  layer_norm(isa, pool, norm, matrix(in, 384), out.tensor());
  digest.add(out.data(), 77 * 384 * sizeof(float));
  std::vector<ops::RowState> rows(5);
  std::vector<int32_t> history(5 * 4);
  for (auto& row : rows) row.max_sampled = 4;
  ops::TokenPolicy policy{};
  policy.eot = 50257;
  const ops::StepState state{rows.data(), &policy, history.data(), nullptr, nullptr, 4, 0, 0};
  const int32_t indices[] = {0, 1, 2, 3, 4};
  no_speech(isa, pool, matrix(logits, 51865), state, indices, 5);
  sample(isa, pool, matrix(logits, 51865), state, indices, 5, 1);
  policy.temperature = 0.8f;
  policy.seed = 5;
  sample(isa, pool, matrix(logits, 51865), state, indices, 5, 1);
  digest.add(rows.data(), rows.size() * sizeof(ops::RowState));
}

TEST(ThreadCount, Digest) {
  const char* threads = std::getenv(kVariable);
  if (threads == nullptr) GTEST_SKIP() << "run by ThreadCount.ChangesNoBit";
  ThreadPool& pool = ThreadPool::instance(std::atoi(threads));
  const ThreadPool::Lease lease(pool);
  Digest digest;
  for (const Isa isa : test::levels()) {
    digest_attention(pool, isa, digest);
    digest_rows(pool, isa, digest);
  }
  std::printf("DIGEST %d %llx\n", pool.threads(), digest.value());
}

std::string digest_with(int threads) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command =
      std::string(kVariable) + "=" + std::to_string(threads) + " '" + self + "' --gtest_filter=ThreadCount.Digest";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "cannot run";
  const std::string wanted = "DIGEST " + std::to_string(threads) + " ";
  std::string found = "no digest";
  for (char line[256]; std::fgets(line, sizeof line, pipe) != nullptr;) {
    if (std::string(line).rfind(wanted, 0) == 0) found = std::string(line).substr(wanted.size());
  }
  return pclose(pipe) == 0 ? found : "failed";
}

TEST(ThreadCount, ChangesNoBit) {
  const std::string one = digest_with(1);
  EXPECT_NE(one.find_first_of("0123456789"), std::string::npos) << one;
  EXPECT_EQ(one, digest_with(2));
  EXPECT_EQ(one, digest_with(5));
}

}  // namespace
}  // namespace wtrt::cpu
