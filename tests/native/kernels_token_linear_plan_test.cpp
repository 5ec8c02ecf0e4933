#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "token_linear_plan.hpp"

namespace wtrt::kernels::token {
namespace {

struct Gpu {
  int sm, processors, shared_bytes;  // sm: that code was compiled for
};
constexpr Gpu kGpus[] = {{80, 108, 163 << 10}, {86, 84, 99 << 10},  {89, 128, 99 << 10},
                         {90, 132, 227 << 10}, {90, 188, 99 << 10}, {80, 132, 227 << 10}};

struct Product {
  int64_t n, k;
  bool norm;
};

// Of a decoder layer, and the logits.
std::vector<Product> products() {
  std::vector<Product> all;
  for (const int64_t width : {64, 384, 512, 768, 1024, 1280}) {
    for (const int64_t n : {width, 3 * width, 4 * width, int64_t{51865}}) all.push_back({n, width, true});
    all.push_back({width, width, false});
    all.push_back({width, 4 * width, false});
  }
  return all;
}

// Calls body(gpu, product, rows, plan, name) for all that a decoder may ask for.
template <typename Body>
void for_all(const Body& body) {
  for (const Gpu& gpu : kGpus) {
    for (const Product& product : products()) {
      for (const int rows : {1, 2, 4, 5, 8, 9, 16, 17, 31, 32, 33, 64, 255, 256}) {
        body(gpu, product, rows, plan(gpu.sm, gpu.processors, rows, product.n, product.k),
             std::to_string(rows) + " x " + std::to_string(product.n) + " x " + std::to_string(product.k) + " on sm_" +
                 std::to_string(gpu.sm));
      }
    }
  }
}

Parameters parameters(const Product& product, int rows) {
  static const float some = 1;
  Parameters p{};
  p.rows = rows;
  p.n = static_cast<int>(product.n);
  p.k = static_cast<int>(product.k);
  p.tiles = (p.n + kTile - 1) / kTile;
  p.steps = p.k / 16;
  p.gain = p.shift = product.norm ? &some : nullptr;
  return p;
}

TEST(TokenLinearPlan, TheOrderOfSumsIsOfTheShapeAlone) {
  for_all([](const Gpu&, const Product& product, int, const Plan& plan, const std::string& name) {
    const Plan other = token::plan(90, 132, 1, 16, product.k);
    EXPECT_EQ(plan.chunks, other.chunks) << name;
    EXPECT_EQ(plan.warp_steps, other.warp_steps) << name;
  });
}

TEST(TokenLinearPlan, AllOfKIsTakenAndNoWarpHasTooMuch) {
  for_all([](const Gpu&, const Product& product, int, const Plan& plan, const std::string& name) {
    EXPECT_GE(int64_t{plan.chunks} * kWarps * plan.warp_steps * 16, product.k) << name;
    EXPECT_LE(plan.warp_steps, kMostSteps) << name;
    EXPECT_EQ(plan.chunks & (plan.chunks - 1), 0) << name;
  });
}

TEST(TokenLinearPlan, ClustersAreWhatAGpuCanLaunch) {
  for_all([](const Gpu& gpu, const Product& product, int rows, const Plan& plan, const std::string& name) {
    EXPECT_LE(plan.cluster * plan.sharing, gpu.sm >= 90 ? 8 : 1) << name;
    EXPECT_TRUE(plan.cluster == 1 || plan.sharing == 1) << name;
    EXPECT_EQ(plan.chunks % plan.cluster, 0) << name;
    EXPECT_EQ(plan.slots % plan.sharing, 0) << name;
    EXPECT_GE(plan.slots, 1) << name;
    EXPECT_LE(plan.slots, std::max<int64_t>((product.n + kTile - 1) / kTile, 1)) << name;
    EXPECT_GE(plan.stages, 1) << name;
    EXPECT_LE(plan.stages, gpu.sm >= 90 ? 2 : 1) << name;
    EXPECT_GE(8 * plan.row_tiles, std::min(rows, 32)) << name;
  });
}

TEST(TokenLinearPlan, BlocksFitTheSharedMemory) {
  for_all([](const Gpu& gpu, const Product& product, int rows, const Plan& wanted, const std::string& name) {
    Parameters p = parameters(product, rows);
    const Plan plan = fit(p, wanted, gpu.shared_bytes);
    const SharedLayout at(p, plan.row_tiles);
    EXPECT_LE(at.bytes, static_cast<uint32_t>(gpu.shared_bytes)) << name;
    const uint32_t places[] = {at.tokens,  at.gain,   at.shift,    at.partial, at.received,
                               at.arrived, at.normed, at.gathered, at.filled,  at.bytes};
    EXPECT_TRUE(std::is_sorted(std::begin(places), std::end(places))) << name;
    for (const uint32_t place : {at.tokens, at.gain, at.shift, at.partial, at.received})
      EXPECT_EQ(place % 16, 0u) << name;
    EXPECT_EQ(at.arrived % 8, 0u) << name;
    EXPECT_EQ(1 << p.cluster_log, plan.cluster) << name;
    EXPECT_EQ(1 << p.sharing_log, plan.sharing) << name;
  });
}

TEST(TokenLinearPlan, FewTilesHaveABlockEachAndManyTakeTurns) {
  EXPECT_EQ(plan(90, 132, 1, 3840, 1280).slots, 240);
  EXPECT_EQ(plan(90, 132, 1, 3840, 1280).stages, 1);
  EXPECT_EQ(plan(90, 132, 1, 51865, 1280).slots, 264);
  EXPECT_EQ(plan(90, 132, 1, 51865, 1280).stages, 2);
  EXPECT_EQ(plan(90, 132, 1, 1280, 5120).cluster, 4);
}

}  // namespace
}  // namespace wtrt::kernels::token
