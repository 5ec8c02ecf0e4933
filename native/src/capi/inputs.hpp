// Structs of the ABI that several functions are given, as the core has them.
#pragma once

#include "capi/boundary.hpp"
#include "runtime/job.hpp"

namespace wtrt::capi {

// Copies what the kind says is copied. Throws invalid_argument.
runtime::AudioInput audio_input(const wtrt_audio& given);

// NULL: the defaults. Throws invalid_argument.
vad::VadOptions vad_options(const wtrt_vad_options* given);

}  // namespace wtrt::capi
