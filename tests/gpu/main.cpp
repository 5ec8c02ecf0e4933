// Runs the tests where a GPU answers; elsewhere says why it skipped them.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdio>

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    std::printf("skipped: no GPU here (%s)\n", status == cudaSuccess ? "none found" : cudaGetErrorString(status));
    return 0;
  }
  return RUN_ALL_TESTS();
}
