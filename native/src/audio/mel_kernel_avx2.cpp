#define WTRT_MEL_VARIANT mel_block_avx2
#define WTRT_MEL_LANES 8
#include "audio/mel_kernel_body.hpp"
