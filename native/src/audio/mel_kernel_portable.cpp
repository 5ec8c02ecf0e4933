#define WTRT_MEL_VARIANT mel_block_portable
#define WTRT_MEL_LANES 4
#include "audio/mel_kernel_body.hpp"
