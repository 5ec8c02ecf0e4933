#define WTRT_VAD_VARIANT silero_batch_portable
#define WTRT_VAD_LANES 4
#include "vad/silero_kernel_body.hpp"
