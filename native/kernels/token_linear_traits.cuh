// How a token linear is cut up.
//
// The weights are the 16-row operand of mma.m16n8k16, the tokens its 8 columns: a tile is 16 outputs. Packed, a tile is
// a sequence of k-steps of 16, each 32 lanes · 16 bytes, so that a lane's fragment is one vector. Along k the sum has
// one order for each (n, k): chunks, in a chunk 8 warps, in a warp steps; even and odd ones apart.
#pragma once

#include <cstdint>

#include "decoder_elements.cuh"
#include "token_linear.hpp"

namespace wtrt::kernels::token {

constexpr int kWarps = 8;
constexpr int kThreads = 32 * kWarps;
constexpr int kTile = 16;       // outputs
constexpr int kMostSteps = 10;  // of a warp in a chunk: 8 warps · 10 steps · 16 = 1280, the width of large models
constexpr int kStepBytes = 512;
constexpr int kPartialPitch = 20;  // floats from one token's 16 partial sums to the next one's: no bank twice
constexpr int kMostRowTiles = 4;   // tokens of one block, in eights

struct Plan {
  int chunks;      // parts of k: of (n, k) alone
  int warp_steps;  // k-steps of a warp in a chunk
  int cluster;     // blocks that share a tile, chunk by chunk
  int slots;       // clusters; each takes the tiles slot, slot + slots, …
  int stages;      // tiles of weights on their way at once
  int row_tiles;   // 1, 2 or 4
  int sharing;     // blocks that fetch and normalise their tokens together; 1: each its own. Not with `cluster`
};

struct Parameters {
  const void *in, *packed, *residual;
  const float *gain, *shift, *bias;
  void* out;
  int rows, n, k, tiles, steps;
  int chunks, warp_steps, slots, stages, buffers;
  int cluster_log, sharing_log;  // of 2
  int token_steps;               // of the tokens that a block holds: of a chunk, or normalised of all
  float inverse_k;
  bool gelu;
};

// Where what lies in shared memory. The weights come first.
struct SharedLayout {
  uint32_t pitch;  // bytes from one token to the next one: no bank twice
  uint32_t tokens, gain, shift, partial, received, arrived, normed, gathered, filled, bytes;

  __host__ __device__ SharedLayout(const Parameters& p, int row_tiles) {
    const uint32_t most = 8u * static_cast<uint32_t>(row_tiles), rows = static_cast<uint32_t>(p.rows);
    pitch = static_cast<uint32_t>(p.token_steps * 32) + 32u;
    tokens = static_cast<uint32_t>(p.stages * kWarps * p.warp_steps * kStepBytes);
    gain = tokens + (rows < most ? rows : most) * pitch;
    shift = gain + (p.gain != nullptr ? static_cast<uint32_t>(p.k) * 4u : 0u);
    partial = shift + (shift - gain);
    received = partial + static_cast<uint32_t>(p.buffers) * kWarps * most * kPartialPitch * 4u;
    arrived = received + (p.cluster_log > 0 ? most * kTile * 4u : 0u);
    normed = arrived + 8u;
    gathered = normed + 8u;
    filled = gathered + 8u;
    bytes = filled + static_cast<uint32_t>(p.stages * kWarps) * 8u;
  }
};

Plan plan(const Device& device, int64_t rows, int64_t n, int64_t k);
cudaError_t run(const Device& device, const TokenLinearArgs& args, const Plan& plan, cudaStream_t stream);

}  // namespace wtrt::kernels::token
