// Runs the tests where a GPU answers; elsewhere each is skipped and says why.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <string>

namespace {

std::string why_no_gpu() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) return cudaGetErrorString(status);
  return count == 0 ? "none found" : "";
}

class SkipWithoutGpu final : public testing::EmptyTestEventListener {
 public:
  explicit SkipWithoutGpu(std::string reason) : reason_(std::move(reason)) {}
  void OnTestStart(const testing::TestInfo&) override { GTEST_SKIP() << "no GPU here: " << reason_; }

 private:
  const std::string reason_;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::string reason = why_no_gpu();
  if (!reason.empty()) testing::UnitTest::GetInstance()->listeners().Append(new SkipWithoutGpu(reason));
  return RUN_ALL_TESTS();
}
