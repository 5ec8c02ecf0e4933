#include "rows.hpp"

#include <gtest/gtest.h>

#include "device_array.hpp"

namespace wtrt::gpu_test {
namespace {

TEST(Gather, CopiesTheRowsAsked) {
  const std::vector<float> in = random_values(5 * 8, 1);
  const DeviceArray source(in), rows(std::vector<int32_t>{3, 0, 3}), out(3 * 8 * 4);
  check(kernels::gather(source.get(), rows.as<int32_t>(), 3, 8 * 4, out.get(), nullptr));
  const auto got = out.read<float>();
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(got[i], in[3 * 8 + i]);
    EXPECT_EQ(got[8 + i], in[i]);
    EXPECT_EQ(got[16 + i], in[3 * 8 + i]);
  }
}

}  // namespace
}  // namespace wtrt::gpu_test
