// Token policy on the device against its twin on the CPU: the same bits of the same logits.
#include "policy.hpp"

#include <cmath>

#include "ops/random.hpp"
#include "ops/ranking.hpp"
#include "policy_state.hpp"

namespace wtrt::gpu_test {
namespace {

constexpr float kOut = -std::numeric_limits<float>::infinity();

// ---- what both sides share ----

__global__ void math_kernel(const double* x, int count, double* logs, double* exps, double* scores, double* noise) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  logs[i] = ops::log_of(x[i]);
  exps[i] = ops::exp_of(-x[i]);
  scores[i] = ops::hypothesis_score(-x[i], i % 448, (i % 3) * 0.4);
  noise[i] = ops::gumbel(ops::philox({static_cast<uint32_t>(i), 1, 2, 3}, 12345678901ull)[static_cast<size_t>(i % 4)]);
}

TEST(SharedMath, GivesTheSameBits) {
  constexpr int kCount = 1 << 18;
  std::mt19937 random(3);
  std::uniform_real_distribution<double> exponent(-34, 20);
  std::vector<double> x(kCount);
  for (double& value : x) value = std::exp2(exponent(random));
  x[0] = 1.0;
  x[1] = 1 - 0x1p-33;
  const DeviceArray in(x), logs(kCount * 8), exps(kCount * 8), scores(kCount * 8), noise(kCount * 8);
  math_kernel<<<kCount / 256, 256>>>(in.as<double>(), kCount, logs.as<double>(), exps.as<double>(), scores.as<double>(),
                                     noise.as<double>());
  check(cudaGetLastError());
  const auto l = logs.read<double>(), e = exps.read<double>(), s = scores.read<double>(), n = noise.read<double>();
  int wrong[4] = {};
  for (int i = 0; i < kCount; ++i) {
    const auto at = static_cast<size_t>(i);
    const auto differs = [](double a, double b) { return std::bit_cast<uint64_t>(a) != std::bit_cast<uint64_t>(b); };
    wrong[0] += differs(l[at], ops::log_of(x[at]));
    wrong[1] += differs(e[at], ops::exp_of(-x[at]));
    wrong[2] += differs(s[at], ops::hypothesis_score(-x[at], i % 448, (i % 3) * 0.4));
    wrong[3] += differs(n[at], ops::gumbel(ops::philox({static_cast<uint32_t>(i), 1, 2, 3},
                                                       12345678901ull)[static_cast<size_t>(i % 4)]));
  }
  EXPECT_EQ(wrong[0], 0) << "logarithms";
  EXPECT_EQ(wrong[1], 0) << "exponentials";
  EXPECT_EQ(wrong[2], 0) << "scores";
  EXPECT_EQ(wrong[3], 0) << "noise";
}

// ---- probabilities ----

std::vector<float> spread_logits(int64_t lines, int64_t vocabulary, uint32_t seed, float scale) {
  auto logits = random_values(static_cast<size_t>(lines * vocabulary), seed, scale);
  for (size_t i = seed % 5; i < logits.size(); i += 7) logits[i] = kOut;
  return logits;
}

TEST(TokenProbabilities, AreTheTwinsBits) {
  WTRT_TWIN_LEVEL(isa);
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  uint32_t seed = 0;
  for (const int32_t vocabulary : {1, 2, 15, 16, 17, 100, 1023, 1024, 1025, 1040, 5003, 16384, 51865, 70001}) {
    constexpr int32_t kLines = 9;
    for (const float scale : {0.5f, 3.0f, 40.0f}) {
      auto logits = spread_logits(kLines, vocabulary, ++seed, scale);
      std::fill_n(logits.begin(), vocabulary, kOut);  // a line of nothing but that
      logits[0] = 1.0f;
      const int32_t limit = vocabulary > 3 ? vocabulary - static_cast<int32_t>(seed % 3) : vocabulary;
      std::vector<int32_t> targets(kLines);
      for (int32_t i = 0; i < kLines; ++i) targets[static_cast<size_t>(i)] = (i * 7919) % vocabulary;
      targets[0] = 0;
      targets[3] = -1;
      targets[4] = limit;
      std::vector<float> want(kLines);
      cpu::token_probabilities(isa, pool, matrix(logits, vocabulary), limit, targets.data(), kLines, want.data());
      const DeviceArray lines(logits), asked(targets), got(kLines * 4);
      check(kernels::token_probabilities(this_device(), lines.as<float>(), vocabulary, limit, asked.as<int32_t>(),
                                         kLines, got.as<float>(), nullptr));
      expect_bits(got.read<float>(), want, 1,
                  "vocabulary " + std::to_string(vocabulary) + " scale " + std::to_string(scale));
    }
  }
  EXPECT_EQ(kernels::token_probabilities(this_device(), nullptr, 5, 6, nullptr, 1, nullptr, nullptr),
            cudaErrorInvalidValue);
}

// ---- samples ----

struct Sampled {
  float temperature;
  int32_t vocabulary;
};

TEST(Sample, TakesTheTwinsTokens) {
  WTRT_TWIN_LEVEL(isa);
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  uint32_t seed = 100;
  for (const kernels::Device& gpu : devices())
    for (const int32_t vocabulary : {1, 7, 9, 187, 5003, 51864, 51865, 51866, 70001}) {
      for (const float temperature : {0.0f, 0.2f, 0.6f, 1.0f, 8.0f}) {
        constexpr int32_t kRows = 13, kCapacity = 24;
        HostState host(kRows, kCapacity, 1, vocabulary, 1);
        std::mt19937 random(++seed);
        auto logits = spread_logits(kRows, vocabulary, seed, temperature > 0.7f ? 1.5f : 4.0f);
        std::vector<int32_t> rows(kRows);
        for (int32_t i = 0; i < kRows; ++i) {
          rows[static_cast<size_t>(i)] = kRows - 1 - i;
          ops::RowState& row = host.rows[static_cast<size_t>(i)];
          row.policy = i % 5;
          row.max_sampled = i == 6 ? 3 : kCapacity;
          row.sampled = i == 6 ? 2 : i == 7 ? kCapacity - 1 : static_cast<int32_t>(random() % 20);
          row.length = static_cast<int32_t>(random() % 300);
          row.candidate = i % 3;
          row.finished = i == 4 ? 1 : 0;
          row.sum_logprob = -0.37 * i;
          ops::TokenPolicy& policy = host.policies[static_cast<size_t>(i)];
          policy.eot = vocabulary / 3;
          policy.temperature = i == 3 ? 0.0f : temperature;
          policy.window = static_cast<uint32_t>(random());
          policy.seed = (static_cast<uint64_t>(random()) << 32) | random();
          float* line = logits.data() + static_cast<int64_t>(i) * vocabulary;
          if (i == 2 || i == 9) line[vocabulary / 2] = line[vocabulary - 1] = line[vocabulary / 5] = 25.0f;  // equals
          if (i == 5) line[vocabulary / 3] = 60.0f;                                                          // the end
          if (i == 8) std::fill_n(line, vocabulary, kOut);
          if (i == 10) std::fill_n(line, vocabulary, 0.0f);
          if (i == 11) std::fill_n(line, vocabulary, -0.0f);
        }
        rows[1] = -1;
        DeviceState device(host);
        const DeviceArray lines(logits), order(rows);
        const kernels::PolicyArgs args{lines.as<float>(),   vocabulary, device.state(),
                                       order.as<int32_t>(), kRows,      nullptr};
        for (int step = 0; step < 3; ++step) {
          check(kernels::sample(gpu, args, step % 2, nullptr));
          for (int32_t i = 0; i < kRows; ++i)
            if (rows[static_cast<size_t>(i)] >= 0)
              cpu::sample(isa, pool, matrix(logits, vocabulary).slice(i, 1), host.state(),
                          &rows[static_cast<size_t>(i)], 1, step % 2);
          device.expect(host);
        }
        expect_bits(lines.read<float>(), logits, vocabulary, "logits");
        if (HasFailure()) FAIL() << "vocabulary " << vocabulary << " temperature " << temperature;
      }
    }
}

TEST(Sample, DrawsAsTheTwinDoesManyTimes) {
  WTRT_TWIN_LEVEL(isa);
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int32_t kRows = 32, kVocabulary = 51865, kSteps = 12;
  for (const kernels::Device& gpu : devices())
    for (const float temperature : {0.05f, 0.2f, 1.0f}) {
      HostState host(kRows, 448, 1, kVocabulary, 1);
      auto logits = random_values(static_cast<size_t>(kRows) * kVocabulary, 77, temperature > 0.5f ? 0.3f : 2.0f);
      std::vector<int32_t> rows(kRows);
      for (int32_t i = 0; i < kRows; ++i) {
        rows[static_cast<size_t>(i)] = i;
        host.rows[static_cast<size_t>(i)].max_sampled = 448;
        host.rows[static_cast<size_t>(i)].candidate = i;
      }
      host.policies[0].temperature = temperature;
      host.policies[0].eot = -1;
      host.policies[0].seed = 0x123456789abcdefull;
      DeviceState device(host);
      const DeviceArray lines(logits), order(rows);
      const kernels::PolicyArgs args{lines.as<float>(),   kVocabulary, device.state(),
                                     order.as<int32_t>(), kRows,       nullptr};
      for (int step = 0; step < kSteps; ++step) {
        check(kernels::sample(gpu, args, 1, nullptr));
        cpu::sample(isa, pool, matrix(logits, kVocabulary), host.state(), rows.data(), kRows, 1);
      }
      device.expect(host);
    }
}

TEST(NoSpeech, IsTheTwinsShare) {
  WTRT_TWIN_LEVEL(isa);
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (const kernels::Device& gpu : devices())
    for (const int32_t vocabulary : {5, 187, 51865}) {
      constexpr int32_t kRows = 7;
      HostState host(kRows, 4, 1, vocabulary, 1);
      auto logits = spread_logits(kRows, vocabulary, 5, 3.0f);
      std::vector<int32_t> rows = {6, 5, 4, -1, 2, 1, 0};
      for (int32_t i = 0; i < kRows; ++i) {
        host.rows[static_cast<size_t>(i)].policy = i;
        host.rows[static_cast<size_t>(i)].finished = i == 2 ? 1 : 0;
        host.policies[static_cast<size_t>(i)].no_speech = i == 1   ? -1
                                                          : i == 4 ? vocabulary
                                                                   : vocabulary / 2 + (i > 4 ? 1 : 0);
      }
      std::fill_n(logits.begin() + 5 * vocabulary, vocabulary, kOut);
      DeviceState device(host);
      const DeviceArray lines(logits), order(rows);
      check(kernels::no_speech(
          gpu, {lines.as<float>(), vocabulary, device.state(), order.as<int32_t>(), kRows, nullptr}, nullptr));
      for (int32_t i = 0; i < kRows; ++i)
        if (rows[static_cast<size_t>(i)] >= 0)
          cpu::no_speech(isa, pool, matrix(logits, vocabulary).slice(i, 1), host.state(), &rows[static_cast<size_t>(i)],
                         1);
      device.expect(host);
    }
}

// ---- rules ----

// Text and times mixed as no decoder would, with rising times most of the time.
std::vector<int32_t> random_history(std::mt19937& random, int32_t vocabulary, const ops::TokenPolicy& policy,
                                    uint32_t most) {
  std::vector<int32_t> history(random() % most);
  int32_t time = policy.timestamp_begin;
  const auto words = static_cast<uint32_t>(policy.eot);
  const uint32_t few = random() % 2 == 0 ? words : std::min(words, 6u);  // few words repeat themselves
  for (int32_t& token : history) {
    if (random() % 3 == 0) {
      time = std::min<int32_t>(vocabulary - 1,
                               time + static_cast<int32_t>(random() % 14) * static_cast<int32_t>(random() % 2));
      token = time;
    } else {
      token = static_cast<int32_t>(random() % few);
    }
  }
  return history;
}

// Whisper's layout of tokens, scaled to a vocabulary.
ops::TokenPolicy policy_for(int32_t vocabulary, int32_t times) {
  ops::TokenPolicy policy{};
  policy.timestamp_begin = vocabulary - times;
  policy.no_timestamps = policy.timestamp_begin - 1;
  policy.no_speech = policy.timestamp_begin - 2;
  policy.eot = policy.timestamp_begin - times / 3;
  policy.blank = 5;
  policy.max_initial_timestamp = 20;
  return policy;
}

TEST(LogitsPolicy, ForbidsWhatTheTwinForbids) {
  WTRT_TWIN_LEVEL(isa);
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  int preferred = 0, open = 0;
  for (const kernels::Device& gpu : devices())
    for (const auto& [vocabulary, times, rounds] :
         {std::tuple{187, 67, 60}, std::tuple{51865, 1501, 12}, std::tuple{70001, 9000, 4}}) {
      for (int round = 0; round < rounds; ++round) {
        constexpr int32_t kRows = 37;
        HostState host(kRows, 64, 1, vocabulary, 3);
        std::mt19937 random(static_cast<uint32_t>(round * 31 + vocabulary));
        for (int32_t i = 0; i < 400; ++i)
          host.suppress_token(i % 3, static_cast<int32_t>(random() % static_cast<uint32_t>(vocabulary / 2)));
        auto logits = random_values(static_cast<size_t>(kRows) * static_cast<size_t>(vocabulary),
                                    static_cast<uint32_t>(round), 2.0f);
        std::vector<int32_t> rows(kRows);
        for (int32_t i = 0; i < kRows; ++i) {
          rows[static_cast<size_t>(i)] = i;
          ops::TokenPolicy& policy = host.policies[static_cast<size_t>(i)];
          policy = policy_for(vocabulary, times);
          policy.with_timestamps = random() % 5 != 0;
          policy.suppress_mask = static_cast<int32_t>(random() % 3);
          if (random() % 4 == 0) policy.blank = -1;
          if (random() % 4 == 0) policy.max_initial_timestamp = -1;
          if (random() % 3 == 0) policy.repetition_penalty = random() % 2 == 0 ? 1.3f : 0.8f;
          if (random() % 3 == 0) policy.no_repeat_ngram = 1 + static_cast<int32_t>(random() % 4);
          if (random() % 9 == 0) policy.timestamp_begin = vocabulary;  // a model without times
          ops::RowState& row = host.rows[static_cast<size_t>(i)];
          row.policy = i;
          row.max_sampled = 64;
          row.finished = random() % 12 == 0;
          const auto history = random_history(random, vocabulary, policy, round % 2 == 0 ? 12 : 64);
          std::copy(history.begin(), history.end(), host.history.begin() + i * host.history_capacity);
          row.sampled = static_cast<int32_t>(history.size());
          float* line = logits.data() + static_cast<int64_t>(i) * vocabulary;
          // All times together about as likely as the likeliest text.
          float text = *std::max_element(line, line + vocabulary - times);
          for (int32_t t = vocabulary - times; t < vocabulary; ++t)
            line[t] += text - std::log(static_cast<float>(times)) - 2.0f +
                       static_cast<float>(static_cast<int32_t>(random() % 3) - 1) * 0.7f;
          if (random() % 15 == 0) std::fill_n(line, vocabulary, kOut);
          if (random() % 15 == 0) std::fill_n(line, vocabulary - times, kOut);
        }
        rows[11] = -1;
        DeviceState device(host);
        const DeviceArray lines(logits), order(rows);
        check(kernels::logits_policy(
            gpu, {lines.as<float>(), vocabulary, device.state(), order.as<int32_t>(), kRows, nullptr}, nullptr));
        for (int32_t i = 0; i < kRows; ++i) {
          if (rows[static_cast<size_t>(i)] < 0) continue;
          const float* line = logits.data() + static_cast<int64_t>(i) * vocabulary;
          const bool text_before = line[10] != kOut && host.rows[static_cast<size_t>(i)].sampled > 0;
          cpu::logits_policy(isa, pool, matrix(logits, vocabulary).slice(i, 1), host.state(),
                             &rows[static_cast<size_t>(i)], 1);
          const bool text_after = std::any_of(line, line + vocabulary - times, [](float x) { return x != kOut; });
          preferred += text_before && !text_after;
          open += text_after;
        }
        expect_bits(lines.read<float>(), logits, vocabulary,
                    "round " + std::to_string(round) + " of " + std::to_string(vocabulary));
        device.expect(host);
        if (HasFailure()) return;
      }
    }
  EXPECT_GT(preferred, 100) << "the data never showed the preference for times";
  EXPECT_GT(open, 300);
}

// ---- a step as the engine takes it, again and again, in a captured graph ----

TEST(Decode, StepsInAGraphAsTheTwin) {
  WTRT_TWIN_LEVEL(isa);
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  constexpr int32_t kRows = 32, kVocabulary = 51865, kTimes = 1501, kSteps = 50;
  const kernels::Device gpu = this_device();
  HostState host(kRows, 60, 1, kVocabulary, 1);
  for (int32_t i = 0; i < 90; ++i) host.suppress_token(0, i * 31 + 1);
  std::vector<int32_t> rows(kRows);
  for (int32_t i = 0; i < kRows; ++i) {
    rows[static_cast<size_t>(i)] = (i * 5) % kRows;
    ops::TokenPolicy& policy = host.policies[static_cast<size_t>(i)];
    policy = policy_for(kVocabulary, kTimes);
    policy.with_timestamps = i % 4 != 3;
    policy.temperature = i % 3 == 2 ? 0.4f : 0.0f;
    policy.repetition_penalty = i % 5 == 4 ? 1.2f : 1.0f;
    policy.no_repeat_ngram = i % 6 == 5 ? 2 : 0;
    policy.seed = static_cast<uint64_t>(i);
    host.rows[static_cast<size_t>(i)].policy = i;
    host.rows[static_cast<size_t>(i)].max_sampled = 30 + i;
  }
  rows[9] = -1;
  DeviceState device(host);
  const DeviceArray lines(static_cast<int64_t>(kRows) * kVocabulary * 4), order(rows);
  const kernels::PolicyArgs args{lines.as<float>(), kVocabulary, device.state(), order.as<int32_t>(), kRows, nullptr};
  cudaStream_t stream;
  check(cudaStreamCreate(&stream));
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  check(kernels::logits_policy(gpu, args, stream));
  check(kernels::sample(gpu, args, 1, stream));
  check(cudaStreamEndCapture(stream, &graph));
  check(cudaGraphInstantiate(&exec, graph, 0));
  const auto base = random_values(static_cast<size_t>(kRows) * kVocabulary + 4096, 9, 2.5f);
  for (int step = 0; step < kSteps; ++step) {
    std::vector<float> logits(base.begin() + step * 67,
                              base.begin() + step * 67 + static_cast<int64_t>(kRows) * kVocabulary);
    for (int32_t i = 0; i < kRows; ++i) {
      float* line = logits.data() + static_cast<int64_t>(i) * kVocabulary;
      for (int32_t t = kVocabulary - kTimes; t < kVocabulary; ++t) line[t] += (step + i) % 6 == 0 ? 4.0f : 0.0f;
      line[host.policies[0].eot] = step > 30 ? 8.0f : kOut;
    }
    check(cudaMemcpy(lines.get(), logits.data(), logits.size() * 4, cudaMemcpyHostToDevice));
    check(cudaGraphLaunch(exec, stream));
    check(cudaStreamSynchronize(stream));
    for (int32_t i = 0; i < kRows; ++i) {
      if (rows[static_cast<size_t>(i)] < 0) continue;
      const ops::Tensor line = matrix(logits, kVocabulary).slice(i, 1);
      cpu::logits_policy(isa, pool, line, host.state(), &rows[static_cast<size_t>(i)], 1);
      cpu::sample(isa, pool, line, host.state(), &rows[static_cast<size_t>(i)], 1, 1);
    }
    expect_bits(lines.read<float>(), logits, kVocabulary, "step " + std::to_string(step));
    device.expect(host);
    if (HasFailure()) FAIL() << "step " << step;
  }
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}

// ---- time ----

TEST(Policy, DISABLED_Bench) {
  constexpr int32_t kVocabulary = 51865, kTimes = 1501, kInside = 20;
  const kernels::Device gpu = this_device();
  for (const int32_t count : {1, 8, 32, 64}) {
    for (const float temperature : {0.0f, 0.2f, 1.0f}) {
      HostState host(count, 4096, 1, kVocabulary, 1);
      for (int32_t i = 0; i < 90; ++i) host.suppress_token(0, i * 31 + 1);
      host.policies[0] = policy_for(kVocabulary, kTimes);
      host.policies[0].with_timestamps = 1;
      host.policies[0].temperature = temperature;
      std::vector<int32_t> rows(static_cast<size_t>(count));
      for (int32_t i = 0; i < count; ++i) {
        rows[static_cast<size_t>(i)] = i;
        host.rows[static_cast<size_t>(i)].max_sampled = 1 << 20;
        host.rows[static_cast<size_t>(i)].sampled = 50;
        for (int32_t k = 0; k < 50; ++k) host.history[static_cast<size_t>(i * 4096 + k)] = 100 + k;
      }
      auto logits = random_values(static_cast<size_t>(count) * kVocabulary, 3, 2.0f);
      for (int32_t i = 0; i < count; ++i)
        logits[static_cast<size_t>(i) * kVocabulary + static_cast<size_t>(host.policies[0].eot)] = kOut;
      const DeviceState device(host);
      const DeviceArray lines(logits), order(rows);
      const kernels::PolicyArgs args{lines.as<float>(),   kVocabulary, device.state(),
                                     order.as<int32_t>(), count,       nullptr};
      const double both = graph_milliseconds(kInside, [&](cudaStream_t stream, int) {
        check(kernels::logits_policy(gpu, args, stream));
        check(kernels::sample(gpu, args, 0, stream));
      });
      // With fresh logits each time, of which all times together are the likeliest: text is forbidden.
      auto likely = logits;
      for (int32_t i = 0; i < count; ++i)
        for (int32_t t = kVocabulary - kTimes; t < kVocabulary; ++t)
          likely[static_cast<size_t>(i) * kVocabulary + static_cast<size_t>(t)] += 9.0f;
      const DeviceArray fresh(likely);
      const auto refill = [&](cudaStream_t stream) {
        check(cudaMemcpyAsync(lines.get(), fresh.get(), likely.size() * 4, cudaMemcpyDeviceToDevice, stream));
      };
      const double filled = graph_milliseconds(kInside, [&](cudaStream_t stream, int) { refill(stream); });
      const double forbidding = graph_milliseconds(kInside, [&](cudaStream_t stream, int) {
        refill(stream);
        check(kernels::logits_policy(gpu, args, stream));
      });
      check(cudaMemcpy(lines.get(), logits.data(), logits.size() * 4, cudaMemcpyHostToDevice));
      const double rules = graph_milliseconds(
          kInside, [&](cudaStream_t stream, int) { check(kernels::logits_policy(gpu, args, stream)); });
      const double draw =
          graph_milliseconds(kInside, [&](cudaStream_t stream, int) { check(kernels::sample(gpu, args, 0, stream)); });
      std::printf(
          "[ BENCH ] policy rows %d temperature %.1f: rules + sample %.2f us (rules %.2f, forbidding text %.2f, sample "
          "%.2f; bytes at 3 TB/s %.2f)\n",
          count, temperature, both * 1e3, rules * 1e3, (forbidding - filled) * 1e3, draw * 1e3,
          2e6 * count * kVocabulary * 4 / 3e12);
    }
  }
  for (const int32_t count : {1, 32, 128, 448}) {
    const auto logits = random_values(static_cast<size_t>(count) * kVocabulary, 3, 2.0f);
    const DeviceArray lines(logits), targets(std::vector<int32_t>(static_cast<size_t>(count), 77)), out(count * 4);
    const double time = graph_milliseconds(kInside, [&](cudaStream_t stream, int) {
      check(kernels::token_probabilities(gpu, lines.as<float>(), kVocabulary, kVocabulary - kTimes,
                                         targets.as<int32_t>(), count, out.as<float>(), stream));
    });
    std::printf("[ BENCH ] token_probabilities of %d lines: %.2f us (bytes at 3 TB/s %.2f)\n", count, time * 1e3,
                1e6 * count * kVocabulary * 4 / 3e12);
  }
}

}  // namespace
}  // namespace wtrt::gpu_test
