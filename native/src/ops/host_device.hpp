// What one definition serves on the host and in kernels.
#pragma once

#if defined(__CUDACC__)
#define WTRT_HOST_DEVICE __host__ __device__
#else
#define WTRT_HOST_DEVICE
#endif
