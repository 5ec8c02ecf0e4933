// A token linear with a plan of one's own choice.
#pragma once

#include "decoder_elements.cuh"
#include "token_linear.hpp"
#include "token_linear_plan.hpp"

namespace wtrt::kernels::token {

cudaError_t run(const Device& device, const TokenLinearArgs& args, const Plan& plan, cudaStream_t stream);

}  // namespace wtrt::kernels::token
