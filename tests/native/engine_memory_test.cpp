// What an engine may take of a device's memory.
#include <gtest/gtest.h>

#include <cmath>

#include "common/error.hpp"
#include "runtime/memory_plan.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::runtime {
namespace {

constexpr int64_t kSpared = int64_t{256} << 20;  // of a GPU's free memory, never planned
const double kNaN = std::nan("");

testing::AssertionResult are(const MemoryCaps& caps, int64_t beside_weights, int64_t kv, int64_t self_kv,
                             int64_t cross_kv) {
  const auto found = {caps.beside_weights, caps.kv, caps.self_kv, caps.cross_kv};
  if (std::ranges::equal(found, std::initializer_list<int64_t>{beside_weights, kv, self_kv, cross_kv}))
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << testing::PrintToString(std::vector<int64_t>(found));
}

TEST(MemoryCaps, AreTheLimitAloneWhereTheDeviceDoesNotSay) {
  EXPECT_TRUE(are(memory_caps({}, -1), -1, -1, -1, -1));
  EXPECT_TRUE(are(memory_caps({.memory_limit = 1000, .cross_kv_fraction = 0.5}, -1), 1000, -1, -1, -1));
}

TEST(MemoryCaps, AreFractionsOfWhatIsFreeAndNotSpared) {
  EXPECT_TRUE(are(memory_caps({}, kSpared + 1000), 1000, 900, -1, -1));
  EXPECT_TRUE(are(memory_caps({.kv_fraction = 1}, kSpared + 1000), 1000, 1000, -1, -1));
  EXPECT_TRUE(are(memory_caps({.kv_fraction = 0.5}, kSpared + 1000), 1000, 500, -1, -1));
  EXPECT_TRUE(are(memory_caps({.kv_fraction = 0.5}, kSpared), 0, 0, -1, -1));
  EXPECT_TRUE(are(memory_caps({.kv_fraction = 0.5}, 1000), 0, 0, -1, -1));
}

TEST(MemoryCaps, AreSplitBetweenTheKindsOfAttention) {
  EXPECT_TRUE(
      are(memory_caps({.kv_fraction = 0.5, .cross_kv_fraction = 0.25}, kSpared + 8000), 8000, 4000, 3000, 1000));
}

TEST(MemoryCaps, AreTheSmallerOfTheLimitAndWhatIsFree) {
  EXPECT_TRUE(are(memory_caps({.memory_limit = 500, .kv_fraction = 0.5}, kSpared + 1000), 500, 500, -1, -1));
  EXPECT_TRUE(are(memory_caps({.memory_limit = 5000, .kv_fraction = 0.5}, kSpared + 1000), 1000, 500, -1, -1));
  EXPECT_TRUE(are(memory_caps({.memory_limit = 0}, kSpared + 1000), 0, 900, -1, -1));
}

TEST(MemoryCaps, RefuseFractionsThatAreNone) {
  for (const double wrong : {0.0, -0.5, 1.5, kNaN}) {
    for (const int64_t available : {int64_t{-1}, kSpared}) {
      test::expect_error(ErrorCode::invalid_argument, {"kv_cache_free_gpu_memory_fraction", "at most 1"},
                         [&] { memory_caps({.kv_fraction = wrong}, available); });
    }
  }
  for (const double wrong : {0.0, -0.5, 1.0, 1.5}) {
    test::expect_error(ErrorCode::invalid_argument, {"cross_kv_cache_fraction", "below 1"},
                       [&] { memory_caps({.cross_kv_fraction = wrong}, kSpared); });
  }
}

TEST(MemoryCaps, NameTheFirstThatAPlanBreaks) {
  MemoryPlan plan;
  plan.self_kv = 30;
  plan.cross_kv = 20;
  plan.workspace = 10;
  plan.weights = 1000;  // no matter
  EXPECT_EQ(MemoryCaps{}.broken_by(plan), "");
  const MemoryCaps just{.beside_weights = 60, .kv = 50, .self_kv = 30, .cross_kv = 20};
  EXPECT_EQ(just.broken_by(plan), "");

  const auto breaks = [&](int64_t MemoryCaps::*cap) {
    MemoryCaps less = just;
    less.*cap -= 1;
    return less.broken_by(plan);
  };
  EXPECT_EQ(breaks(&MemoryCaps::beside_weights),
            "memory_limit: what an engine needs beside the weights would take 60 bytes and may take 59");
  EXPECT_EQ(breaks(&MemoryCaps::kv),
            "kv_cache_free_gpu_memory_fraction: KV caches would take 50 bytes and may take 49");
  EXPECT_EQ(breaks(&MemoryCaps::self_kv),
            "cross_kv_cache_fraction: the self-attention KV cache would take 30 bytes and may take 29");
  EXPECT_EQ(breaks(&MemoryCaps::cross_kv),
            "cross_kv_cache_fraction: the cross-attention KV cache would take 20 bytes and may take 19");
  const MemoryCaps nothing{.beside_weights = 0, .kv = 0, .self_kv = 0, .cross_kv = 0};
  EXPECT_EQ(nothing.broken_by(plan).substr(0, 13), "memory_limit:");
}

}  // namespace
}  // namespace wtrt::runtime
