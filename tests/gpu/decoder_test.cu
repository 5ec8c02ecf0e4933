#include "decoder.hpp"

#include <memory>

#include "decoder_problem.hpp"
#include "decoder_step.hpp"
#include "one_order.hpp"
#include "token_linear.hpp"

namespace wtrt::gpu_test {
namespace {

using Bytes = std::vector<std::byte>;

std::string name_of(const DecoderShape& s, const char* what) {
  const char* const types[] = {"f32", "f16", "bf16"};
  return std::string(what) + " " + std::to_string(s.heads) + " x " + std::to_string(s.head_size) + " " +
         types[static_cast<int>(s.type)] + ", pages of " + std::to_string(s.page_tokens);
}

// Rows that step, one finished, one that nobody has, and prompts.
std::vector<ops::TokenSlot> mixed_tokens(DecoderProblem& problem) {
  const int lengths[] = {0, 1, 15, 16, 17, 100, 40, 127};
  std::vector<ops::TokenSlot> tokens;
  for (int r = 0; r < 8; ++r) {
    problem.states[static_cast<size_t>(r)].length = lengths[r];
    problem.states[static_cast<size_t>(r)].finished = r == 6;
    tokens.push_back({r, -1, -1});
    if (r == 3) tokens.push_back({-1, -1, -1});
  }
  for (int p = 0; p < 37; ++p) tokens.push_back({8, p, 5});   // a prompt from its beginning
  for (int p = 20; p < 24; ++p) tokens.push_back({9, p, 5});  // one that goes on
  for (int p = 0; p < 3; ++p) tokens.push_back({10, p, 5});
  return tokens;
}

struct SelfRun {
  SelfRun(DecoderProblem& p, const std::vector<ops::TokenSlot>& all, uint32_t seed)
      : problem(p),
        tokens(all),
        qkv(rounded(random_values(all.size() * 3 * static_cast<size_t>(p.shape.width()), seed, 1.5f), p.shape.type)),
        d_tokens(all),
        d_qkv(as_type(qkv, p.shape.type)),
        out(static_cast<int64_t>(all.size()) * row_bytes()) {}

  int64_t row_bytes() const { return problem.shape.width() * static_cast<int64_t>(size_of(problem.shape.type)); }

  void run(int layer, size_t first, size_t count) {
    kernels::SelfAttentionArgs args{};
    args.cache = problem.paged();
    args.layer = layer;
    args.qkv = d_qkv.as<std::byte>() + 3 * static_cast<int64_t>(first) * row_bytes();
    args.state = problem.state();
    args.tokens = d_tokens.as<ops::TokenSlot>() + first;
    args.count = static_cast<int32_t>(count);
    args.most_positions = problem.shape.most_positions();
    args.out = out.as<std::byte>() + static_cast<int64_t>(first) * row_bytes();
    check(kernels::self_attention(this_device(), args, test_stream()), "self_attention");
  }

  // The cache as it is after the launch; keys and values of position p of token i's row.
  std::vector<float> cache_after(int layer) const {
    std::vector<float> cache = problem.paged_values;
    const auto size = static_cast<size_t>(problem.shape.head_size), width = static_cast<size_t>(problem.shape.width());
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (!problem.live(tokens[i])) continue;
      for (int which = 0; which < 2; ++which) {
        for (int h = 0; h < problem.shape.heads; ++h) {
          std::copy_n(qkv.begin() + static_cast<int64_t>((3 * i + 1 + static_cast<size_t>(which)) * width +
                                                         static_cast<size_t>(h) * size),
                      size,
                      cache.begin() + static_cast<int64_t>(problem.paged_at(layer, tokens[i].row,
                                                                            problem.position(tokens[i]), which, h)));
        }
      }
    }
    return cache;
  }

  template <typename Float>
  std::vector<Float> result(int layer, const std::vector<float>& cache) const {
    const auto width = static_cast<size_t>(problem.shape.width());
    std::vector<Float> results;
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::vector<Float> row(width);
      for (int h = 0; problem.live(tokens[i]) && h < problem.shape.heads; ++h) {
        const auto at = [&](int p, int which) {
          return cache.data() + problem.paged_at(layer, tokens[i].row, p, which, h);
        };
        const size_t head = static_cast<size_t>(h * problem.shape.head_size);
        problem.attend<Float>(
            qkv.data() + 3 * i * width + head, problem.position(tokens[i]) + 1, [&](int p) { return at(p, 0); },
            [&](int p) { return at(p, 1); }, row.data() + head);
      }
      results.insert(results.end(), row.begin(), row.end());
    }
    return results;
  }

  DecoderProblem& problem;
  std::vector<ops::TokenSlot> tokens;
  std::vector<float> qkv;
  DeviceArray d_tokens, d_qkv, out;
};

// Outputs of tokens that nobody has are as they were (NaN), and become 0 here.
std::vector<float> checked_output(const DecoderProblem& problem, const std::vector<ops::TokenSlot>& tokens,
                                  const DeviceArray& out, const std::string& name) {
  std::vector<float> got = as_f32(out.read<std::byte>(), problem.shape.type);
  const auto width = static_cast<size_t>(problem.shape.width());
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (problem.live(tokens[i])) continue;
    for (size_t d = 0; d < width; ++d) {
      EXPECT_TRUE(std::isnan(got[i * width + d])) << name << ": wrote to token " << i << ", which nobody has";
      got[i * width + d] = 0;
    }
  }
  return got;
}

const DecoderShape kShapes[] = {
    {.heads = 4},
    {.heads = 3, .page_tokens = 24},
    {.heads = 2, .type = DType::bf16},
    {.heads = 2, .head_size = 64, .type = DType::f32},
    {.heads = 4, .head_size = 8, .page_tokens = 20},
    {.heads = 2, .head_size = 16, .type = DType::bf16},
    {.heads = 2, .head_size = 32, .type = DType::f32},
    {.heads = 2, .head_size = 128},
};

TEST(SelfAttention, IsWhatTheTextbookComputes) {
  for (const DecoderShape& shape : kShapes) {
    DecoderProblem problem({.heads = shape.heads,
                            .head_size = shape.head_size,
                            .pages = 103,
                            .page_tokens = shape.page_tokens,
                            .type = shape.type},
                           11, 3);
    const auto tokens = mixed_tokens(problem);
    problem.upload();
    SelfRun run(problem, tokens, 5);
    run.run(1, 0, tokens.size());
    const std::string name = name_of(shape, "self");
    const auto got = checked_output(problem, tokens, run.out, name);
    const auto cache = run.cache_after(1);
    auto textbook = run.result<float>(1, cache);
    textbook = rounded(textbook, shape.type);
    expect_close(name, got, run.result<double>(1, cache), textbook, static_cast<size_t>(shape.width()));
    const Bytes want = as_type(cache, shape.type), have = problem.d_paged->read<std::byte>();
    EXPECT_EQ(differing(name + ", the cache", want.data(), have.data(), want.size(), size_of(shape.type),
                        static_cast<size_t>(shape.head_size)),
              0u);
  }
}

TEST(SelfAttention, GivesATokenTheSameBitsInAnyCompany) {
  for (const DecoderShape& shape : kShapes) {
    DecoderProblem problem({.heads = shape.heads,
                            .head_size = shape.head_size,
                            .pages = 103,
                            .page_tokens = shape.page_tokens,
                            .type = shape.type},
                           11, 3);
    const auto tokens = mixed_tokens(problem);
    problem.upload();
    SelfRun run(problem, tokens, 5);
    run.run(0, 0, tokens.size());
    const Bytes all = run.out.read<std::byte>();
    problem.upload();
    run.out.poison();
    for (size_t i = 0; i < tokens.size(); ++i) run.run(0, i, 1);  // a prompt token by token too
    const Bytes alone = run.out.read<std::byte>();
    EXPECT_EQ(differing(name_of(shape, "self, alone"), all.data(), alone.data(), all.size(), size_of(shape.type),
                        static_cast<size_t>(shape.width())),
              0u);
  }
}

struct CrossRun {
  CrossRun(const DecoderProblem& p, const std::vector<ops::TokenSlot>& all, uint32_t seed)
      : problem(p),
        tokens(all),
        q(rounded(random_values(all.size() * static_cast<size_t>(p.shape.width()), seed, 1.5f), p.shape.type)),
        d_tokens(all),
        d_q(as_type(q, p.shape.type)),
        out(static_cast<int64_t>(all.size()) * row_bytes()) {}

  int64_t row_bytes() const { return problem.shape.width() * static_cast<int64_t>(size_of(problem.shape.type)); }

  void run(int layer, size_t first, size_t count) {
    kernels::CrossAttentionArgs args{};
    args.cache = problem.cross();
    args.layer = layer;
    args.q = d_q.as<std::byte>() + static_cast<int64_t>(first) * row_bytes();
    args.state = problem.state();
    args.tokens = d_tokens.as<ops::TokenSlot>() + first;
    args.count = static_cast<int32_t>(count);
    args.out = out.as<std::byte>() + static_cast<int64_t>(first) * row_bytes();
    check(kernels::cross_attention(this_device(), args, test_stream()), "cross_attention");
  }

  template <typename Float>
  std::vector<Float> result(int layer) const {
    const auto width = static_cast<size_t>(problem.shape.width());
    std::vector<Float> results;
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::vector<Float> row(width);
      for (int h = 0; problem.live(tokens[i]) && h < problem.shape.heads; ++h) {
        const int slot = problem.states[static_cast<size_t>(tokens[i].row)].cross_slot;
        const auto at = [&](int p, int which) {
          return problem.cross_values.data() + problem.cross_at(layer, slot, p, which, h);
        };
        const size_t head = static_cast<size_t>(h * problem.shape.head_size);
        problem.attend<Float>(
            q.data() + i * width + head, problem.lengths[static_cast<size_t>(slot)], [&](int p) { return at(p, 0); },
            [&](int p) { return at(p, 1); }, row.data() + head);
      }
      results.insert(results.end(), row.begin(), row.end());
    }
    return results;
  }

  const DecoderProblem& problem;
  std::vector<ops::TokenSlot> tokens;
  std::vector<float> q;
  DeviceArray d_tokens, d_q, out;
};

// Beams of five, a long prompt, single rows, one finished among them.
std::vector<ops::TokenSlot> crossing_tokens(DecoderProblem& problem) {
  const int slots[] = {0, 0, 0, 0, 0, 1, 2, 2, 2, 3, 3, 3, 0, 5};
  std::vector<ops::TokenSlot> tokens;
  for (int r = 0; r < 14; ++r) {
    problem.states[static_cast<size_t>(r)].cross_slot = slots[r];
    problem.states[static_cast<size_t>(r)].finished = r == 7 || r == 11;
    tokens.push_back({r, -1, -1});
    if (r == 9) tokens.push_back({-1, 0, 0});
  }
  for (int p = 0; p < 37; ++p) tokens.push_back({13, p, 5});
  return tokens;
}

DecoderProblem crossing_problem(const DecoderShape& s, int positions) {
  DecoderProblem problem(
      {.heads = s.heads, .head_size = s.head_size, .slots = 6, .positions = positions, .type = s.type}, 14, 3);
  problem.lengths = {positions, 1, 193, 7, 16, std::min(positions, 1000)};
  return problem;
}

// What lies beyond a slot's length is nobody's and may be anything.
void poison_beyond_lengths(DecoderProblem& problem) {
  const DecoderShape& s = problem.shape;
  for (int layer = 0; layer < s.layers; ++layer) {
    for (int slot = 0; slot < s.slots; ++slot) {
      for (int h = 0; h < 2 * s.heads; ++h) {
        for (int p = problem.lengths[static_cast<size_t>(slot)]; p < s.positions; ++p) {
          std::fill_n(problem.cross_values.begin() +
                          static_cast<int64_t>(problem.cross_at(layer, slot, p, h / s.heads, h % s.heads)),
                      s.head_size, NAN);
        }
      }
    }
  }
}

TEST(CrossAttention, IsWhatTheTextbookComputes) {
  std::vector<std::pair<DecoderShape, int>> cases = {{{.heads = 20}, 200}};  // more work than all clusters take at once
  for (const DecoderShape& shape : kShapes) {
    cases.push_back({shape, 1500});
    if (shape.head_size == 64) cases.insert(cases.end(), {{shape, 1700}, {shape, 200}});
  }
  for (const auto& [shape, positions] : cases) {
    DecoderProblem problem = crossing_problem(shape, positions);
    const auto tokens = crossing_tokens(problem);
    poison_beyond_lengths(problem);
    problem.upload();
    CrossRun run(problem, tokens, 5);
    run.run(1, 0, tokens.size());
    const std::string name = name_of(shape, "cross") + ", " + std::to_string(positions) + " positions";
    const auto got = checked_output(problem, tokens, run.out, name);
    expect_close(name, got, run.result<double>(1), rounded(run.result<float>(1), shape.type),
                 static_cast<size_t>(shape.width()));
  }
}

TEST(CrossAttention, GivesATokenTheSameBitsInAnyCompany) {
  for (const DecoderShape& shape : kShapes) {
    DecoderProblem problem = crossing_problem(shape, 1500);
    const auto tokens = crossing_tokens(problem);
    problem.upload();
    CrossRun run(problem, tokens, 5);
    run.run(0, 0, tokens.size());
    const Bytes all = run.out.read<std::byte>();
    run.out.poison();
    for (size_t i = 0; i < tokens.size(); ++i) run.run(0, i, 1);
    const Bytes alone = run.out.read<std::byte>();
    EXPECT_EQ(differing(name_of(shape, "cross, alone"), all.data(), alone.data(), all.size(), size_of(shape.type),
                        static_cast<size_t>(shape.width())),
              0u);
  }
}

TEST(AlignmentScores, AreScaledProductsAndMinusInfinityBeyond) {
  for (const DecoderShape& shape : kShapes) {
    DecoderProblem problem = crossing_problem(shape, 200);
    const auto tokens = crossing_tokens(problem);
    poison_beyond_lengths(problem);
    problem.upload();
    const CrossRun run(problem, tokens, 5);
    const std::vector<int32_t> heads = {1, 0};
    const size_t count = tokens.size(), positions = 200, width = static_cast<size_t>(shape.width());
    const DeviceArray scores(static_cast<int64_t>(heads.size() * count * positions * 4));
    kernels::AlignmentScoresArgs args{problem.cross(),
                                      1,
                                      heads.data(),
                                      2,
                                      run.d_q.get(),
                                      problem.state(),
                                      run.d_tokens.as<ops::TokenSlot>(),
                                      static_cast<int32_t>(count),
                                      scores.as<float>()};
    check(kernels::alignment_scores(args, test_stream()), "alignment_scores");
    const auto got = scores.read<float>();
    double worst = 0;
    for (size_t listed = 0; listed < heads.size(); ++listed) {
      for (size_t i = 0; i < count; ++i) {
        for (size_t p = 0; p < positions; ++p) {
          const float value = got[(listed * count + i) * positions + p];
          if (!problem.live(tokens[i])) {
            EXPECT_TRUE(std::isnan(value));
            continue;
          }
          const int slot = problem.states[static_cast<size_t>(tokens[i].row)].cross_slot;
          if (static_cast<int>(p) >= problem.lengths[static_cast<size_t>(slot)]) {
            ASSERT_EQ(value, -INFINITY) << "token " << i << ", position " << p;
            continue;
          }
          double want = 0;
          for (int d = 0; d < shape.head_size; ++d) {
            want += static_cast<double>(run.q[i * width + static_cast<size_t>(heads[listed] * shape.head_size + d)]) *
                    problem.cross_values[problem.cross_at(1, slot, static_cast<int>(p), 0, heads[listed]) +
                                         static_cast<size_t>(d)];
          }
          worst = std::max(worst, std::abs(value - want / std::sqrt(shape.head_size)));
        }
      }
    }
    EXPECT_LT(worst, 1e-5) << name_of(shape, "scores");
  }
}

TEST(Embed, AddsPositionsToRowsOfThePackedTable) {
  for (const DType type : {DType::f16, DType::bf16, DType::f32}) {
    const int vocabulary = 77, width = 80, context = 50;
    DecoderProblem problem({}, 3, 1);
    problem.states[0].length = 49, problem.states[0].token = 76;
    problem.states[1].finished = 1;
    problem.states[2].length = 3, problem.states[2].token = 0;
    problem.upload();
    const auto table = rounded(random_values(static_cast<size_t>(vocabulary * width), 1), type),
               positions = random_values(static_cast<size_t>(context * width), 2);
    const std::vector<ops::TokenSlot> tokens = {{0, -1, -1}, {1, -1, -1}, {-1, -1, -1}, {2, -1, -1},
                                                {1, 7, 15},  {1, 8, 16},  {1, 9, 33}};
    const DeviceArray d_table(as_type(table, type)), packed(kernels::token_weight_bytes(type, vocabulary, width)),
        d_positions(positions), d_tokens(tokens),
        out(static_cast<int64_t>(tokens.size()) * width * static_cast<int64_t>(size_of(type)));
    check(kernels::pack_token_weight(type, d_table.get(), vocabulary, width, packed.get(), test_stream()));
    kernels::EmbedArgs args{
        type,     packed.get(),    d_positions.as<float>(),       vocabulary,
        width,    problem.state(), d_tokens.as<ops::TokenSlot>(), static_cast<int32_t>(tokens.size()),
        out.get()};
    check(kernels::embed(args, test_stream()), "embed");
    const auto got = as_f32(out.read<std::byte>(), type);
    for (size_t i = 0; i < tokens.size(); ++i) {
      for (int d = 0; d < width; ++d) {
        const float value = got[i * static_cast<size_t>(width) + static_cast<size_t>(d)];
        if (!problem.live(tokens[i])) {
          ASSERT_TRUE(std::isnan(value)) << i;
          continue;
        }
        const int token =
            tokens[i].token >= 0 ? tokens[i].token : problem.states[static_cast<size_t>(tokens[i].row)].token;
        const float want = table[static_cast<size_t>(token * width + d)] +
                           positions[static_cast<size_t>(problem.position(tokens[i]) * width + d)];
        ASSERT_EQ(value, rounded({want}, type)[0]) << "token " << i << ", value " << d;
      }
    }
  }
}

TEST(Caches, LengthsAndPagesAreSetAndCopied) {
  DecoderProblem problem({.heads = 2, .layers = 3, .pages = 9, .slots = 100, .positions = 16}, 1, 1);
  problem.upload();
  std::vector<int32_t> slots;
  for (int i = 0; i < 90; ++i) slots.push_back(99 - i);
  check(kernels::set_cross_lengths(problem.cross(), slots.data(), 90, 11, test_stream()));
  const auto lengths = problem.d_lengths->read<int32_t>();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(lengths[static_cast<size_t>(i)], i < 10 ? 16 : 11) << i;

  const std::vector<ops::PageCopy> copies = {{0, 8}, {3, 4}};
  const DeviceArray d_copies(copies);
  check(kernels::copy_pages(problem.paged(), d_copies.as<ops::PageCopy>(), 2, test_stream()));
  auto want = problem.paged_values;
  const int64_t page = problem.paged().page_elements();
  for (int layer = 0; layer < 3; ++layer) {
    for (const ops::PageCopy& copy : copies) {
      std::copy_n(problem.paged_values.begin() + (layer * 9 + copy.from) * page, page,
                  want.begin() + (layer * 9 + copy.to) * page);
    }
  }
  EXPECT_EQ(as_f32(problem.d_paged->read<std::byte>(), DType::f16), want);
}

TEST(DecoderStep, OverlapsWithoutRacing) {
  for (const auto& [rows, windows] : {std::pair{1, 1}, std::pair{5, 1}, std::pair{9, 9}, std::pair{32, 32}}) {
    DecoderStep step({.layers = 3, .rows = rows, .windows = windows, .vocabulary = 5000});
    step.time(false, 1);
    const Bytes apart = step.logits();
    for (int again = 0; again < 3; ++again) {
      step.time(true, 5);
      const Bytes together = step.logits();
      EXPECT_EQ(differing("overlapping step", apart.data(), together.data(), apart.size(), 4, 5000), 0u)
          << rows << " rows";
    }
  }
}

TEST(DecoderStep, Bench) {
  if (!bench_wanted()) GTEST_SKIP() << "WTRT_BENCH=1 asks for it";
  for (const auto& [rows, windows] : {std::pair{1, 1}, std::pair{5, 1}, std::pair{8, 8}, std::pair{32, 32}}) {
    DecoderStep({.rows = rows, .windows = windows}).report();
  }
}

// Self-attention is split by splitting rows: twice as many with half of the tokens each, without what would join them.
TEST(DecoderStep, CostOfOneOrder) {
  if (!bench_wanted()) GTEST_SKIP() << "WTRT_BENCH=1 asks for it";
  for (const auto& [rows, windows] : {std::pair{1, 1}, std::pair{5, 1}, std::pair{8, 8}, std::pair{32, 32}}) {
    DecoderStep step({.rows = rows, .windows = windows});
    const double cross = step.time_cross<8>();
    const auto best = std::min({std::pair{step.time_cross<2>(), 2}, {step.time_cross<4>(), 4}, {cross, 8}});
    print({"step", "cross-attention", rows, 32, cross, cross, best.first,
           std::to_string(best.second) + " blocks a head"});

    const double self = step.time_kind(DecoderStep::self);
    std::pair<double, int> least{self, 1};
    for (const int parts : {2, 4}) {
      DecoderStep split({.rows = rows * parts, .windows = windows, .length = 100 / parts});
      least = std::min(least, {split.time_kind(DecoderStep::self), parts});
    }
    print({"step", "self-attention", rows, 32, self, self, least.first, std::to_string(least.second) + " parts"});
  }
}

}  // namespace
}  // namespace wtrt::gpu_test
