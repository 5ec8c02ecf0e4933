#define WTRT_VAD_VARIANT silero_batch_avx2
#define WTRT_VAD_LANES 8
#include "vad/silero_kernel_body.hpp"
