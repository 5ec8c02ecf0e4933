// Which device a model gets where there is no GPU.
#include <gtest/gtest.h>

#include "backends/module.hpp"
#include "runtime/device.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::runtime {
namespace {

using Kind = std::optional<DeviceKind>;

ChosenDevice choose(Kind kind, std::optional<ops::ComputeType> type = {}, int32_t index = 0) {
  DeviceOptions options;
  options.kind = kind;
  options.compute_type = type;
  options.index = index;
  return ChosenDevice::choose(options);
}

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
                     [] { choose(DeviceKind::cuda); });
  test::expect_error(ErrorCode::unsupported, {reason_}, [] { choose(DeviceKind::cuda, ops::ComputeType::f16, 1); });
}

TEST_F(WithoutGpu, AutomaticIsTheCpu) {
  for (const ChosenDevice& chosen : {choose({}), choose({}, {}, 3), choose(DeviceKind::cpu)}) {
    EXPECT_EQ(chosen.kind(), DeviceKind::cpu);
    EXPECT_EQ(chosen.name(), "the CPU");
    EXPECT_EQ(chosen.compute_type(), chosen.cpu().compute_type);
    EXPECT_EQ(chosen.make_ops()->available_bytes(), -1);
  }
  EXPECT_EQ(choose({}, ops::ComputeType::f32).compute_type(), ops::ComputeType::f32);
}

TEST_F(WithoutGpu, Float16IsNotForTheCpu) {
  for (const Kind kind : {Kind(), Kind(DeviceKind::cpu)}) {
    test::expect_error(ErrorCode::unsupported, {"compute_type: float16", "GPUs", "float32, bfloat16, int8"},
                       [&] { choose(kind, ops::ComputeType::f16); });
  }
}

}  // namespace
}  // namespace wtrt::runtime
