// The logarithm and the exponential that host and device share, against the library's in long double.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ops/exact_math.hpp"

namespace wtrt::ops {
namespace {

// In units of the last place of the true result.
double error(double got, long double want) {
  const double rounded = static_cast<double>(want);
  const double unit = std::nextafter(std::fabs(rounded), INFINITY) - std::fabs(rounded);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - want)) / unit;
}

TEST(ExactMath, TheLogarithmIsWithinOneUnit) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-40, 40), near(0.5, 2.0);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 == 0 ? std::exp2(exponent(random)) : near(random);
    worst = std::max(worst, error(log_of(x), std::log(static_cast<long double>(x))));
  }
  for (const double x :
       {0x1p-33, 1 - 0x1p-33, 1 + 0x1p-52, 1 - 0x1p-53, 0.7071067811865475, 0.7071067811865476, 1e300, 1e-300})
    worst = std::max(worst, error(log_of(x), std::log(static_cast<long double>(x))));
  EXPECT_LT(worst, 1.0);
  EXPECT_EQ(log_of(1.0), 0.0);
}

TEST(ExactMath, TheExponentialIsWithinOneUnit) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> wide(-700, 700), narrow(-3, 3);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 == 0 ? wide(random) : narrow(random);
    worst = std::max(worst, error(exp_of(x), std::exp(static_cast<long double>(x))));
  }
  EXPECT_LT(worst, 1.0);
  EXPECT_EQ(exp_of(0.0), 1.0);
  EXPECT_EQ(exp_of(-INFINITY), 0.0);
  EXPECT_EQ(exp_of(-709.0), 0.0);
  EXPECT_EQ(exp_of(710.0), INFINITY);
}

}  // namespace
}  // namespace wtrt::ops
