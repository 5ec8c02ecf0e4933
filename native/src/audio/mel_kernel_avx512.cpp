#define WTRT_MEL_VARIANT mel_block_avx512
#define WTRT_MEL_LANES 16
#include "audio/mel_kernel_body.hpp"
