// Which device a model gets where there is no GPU.
#include <gtest/gtest.h>

#include "backends/module.hpp"
#include "runtime/device.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::runtime {
namespace {

class WithoutGpu : public testing::Test {
 protected:
  void SetUp() override {
    const backends::Module& module = backends::cuda_module();
    std::string refusal;
    if (module.backend != nullptr && !module.backend->devices(refusal).empty())
      GTEST_SKIP() << "this machine has a GPU";
    reason_ = module.backend == nullptr ? module.reason : refusal;
    ASSERT_NE(reason_, "");
  }

  std::string reason_;
};

TEST_F(WithoutGpu, CudaIsRefusedWithTheReason) {
  test::expect_error(ErrorCode::unsupported, {"device: cuda", reason_, "doctor", "device auto"},
                     [] { ChosenDevice::choose({.kind = DeviceKind::cuda}); });
  test::expect_error(ErrorCode::unsupported, {reason_},
                     [] { ChosenDevice::choose({.kind = DeviceKind::cuda, .compute_type = ops::ComputeType::f16}); });
}

TEST_F(WithoutGpu, AutomaticIsTheCpu) {
  for (const DeviceOptions& options :
       {DeviceOptions{}, DeviceOptions{.index = 3}, DeviceOptions{.kind = DeviceKind::cpu}}) {
    const ChosenDevice chosen = ChosenDevice::choose(options);
    EXPECT_EQ(chosen.kind(), DeviceKind::cpu);
    EXPECT_EQ(chosen.name(), "the CPU");
    EXPECT_EQ(chosen.compute_type(), chosen.cpu().compute_type);
    EXPECT_EQ(chosen.make_ops()->available_bytes(), -1);
  }
  EXPECT_EQ(ChosenDevice::choose({.compute_type = ops::ComputeType::f32}).compute_type(), ops::ComputeType::f32);
}

TEST_F(WithoutGpu, Float16IsNotForTheCpu) {
  for (const std::optional<DeviceKind> kind : {std::optional<DeviceKind>(), std::optional(DeviceKind::cpu)}) {
    test::expect_error(ErrorCode::unsupported, {"compute_type: float16", "GPUs", "float32, bfloat16, int8"},
                       [&] { ChosenDevice::choose({.kind = kind, .compute_type = ops::ComputeType::f16}); });
  }
}

}  // namespace
}  // namespace wtrt::runtime
