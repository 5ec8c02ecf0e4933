#include "decoder.hpp"
#include "decoder_tokens.cuh"
#include "elements.cuh"
#include "launch.cuh"
#include "token_linear_plan.hpp"

namespace wtrt::kernels {
namespace {

constexpr int kThreads = 256;

// Value d of row `row` of a packed weight.
template <typename T>
__device__ float packed_value(const T* packed, int64_t row, int d, int width) {
  if constexpr (std::is_same_v<T, float>) {
    return packed[row * width + d];
  } else {
    const int64_t step = row / token::kTile * (width / 16) + d / 16;
    const int lane = static_cast<int>(row % 8) * 4 + d % 16 / 4,
              word = static_cast<int>(row % token::kTile / 8) + d % 4 / 2 * 2;
    return to_float(packed[(step * 32 + lane) * 8 + word * 2 + d % 2]);
  }
}

template <typename T>
__global__ void embed_kernel(const T* packed, const float* positions, int vocabulary, int width, Tokens tokens,
                             T* out) {
  const int i = static_cast<int>(blockIdx.x);
  const LiveToken live = tokens.at(i);
  if (live.row < 0) return;
  const int given = tokens.slots[i].token, token = given >= 0 ? given : tokens.state.rows[live.row].token;
  if (token < 0 || token >= vocabulary) return;
  for (int d = static_cast<int>(threadIdx.x); d < width; d += kThreads) {
    out[static_cast<int64_t>(i) * width + d] = from_float<T>(
        packed_value(packed, token, d, width) + positions[static_cast<int64_t>(live.position) * width + d]);
  }
}

}  // namespace

cudaError_t embed(const EmbedArgs& args, cudaStream_t stream) {
  if (args.count <= 0) return cudaSuccess;
  const LaunchShape shape{dim3(static_cast<unsigned>(args.count)), kThreads};
  return with_type(args.type, [&](auto type) {
    using T = decltype(type);
    return launch(embed_kernel<T>, shape, stream, static_cast<const T*>(args.packed), args.positions, args.vocabulary,
                  args.width, Tokens{args.state, args.tokens, args.count}, static_cast<T*>(args.out));
  });
}

}  // namespace wtrt::kernels
