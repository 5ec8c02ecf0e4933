#define WTRT_VAD_VARIANT silero_batch_avx512
#define WTRT_VAD_LANES 16
#include "vad/silero_kernel_body.hpp"
