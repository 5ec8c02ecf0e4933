// How a token linear is cut up, and where what lies in shared memory: plain arithmetic, the same on every machine.
//
// The weights are the 16-row operand of mma.m16n8k16, the tokens its 8 columns: a tile is 16 outputs. Packed, a tile is
// a sequence of k-steps of 16, each 32 lanes · 16 bytes, so that a lane's fragment is one vector. Along k the sum has
// one order for each (n, k): chunks, in a chunk 8 warps, in a warp steps; even and odd ones apart.
#pragma once

#include <algorithm>
#include <cstdint>

#ifdef __CUDACC__
#define WTRT_HOST_DEVICE __host__ __device__
#else
#define WTRT_HOST_DEVICE
#endif

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

  WTRT_HOST_DEVICE SharedLayout(const Parameters& p, int row_tiles) {
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

constexpr int chunks_of(int64_t k) {
  int chunks = 1;
  while (k > static_cast<int64_t>(chunks) * kWarps * kMostSteps * 16) chunks *= 2;
  return chunks;
}

// sm: 80, 90, …; processors: multiprocessors.
constexpr Plan plan(int sm, int processors, int64_t rows, int64_t n, int64_t k) {
  const auto up = [](int64_t a, int64_t b) { return static_cast<int>((a + b - 1) / b); };
  const bool hopper = sm >= 90;
  const int tiles = up(n, kTile);
  Plan plan{};
  plan.chunks = chunks_of(k);
  plan.warp_steps = up(k / 16, static_cast<int64_t>(kWarps) * plan.chunks);
  plan.cluster = hopper ? std::min(plan.chunks, 8) : 1;
  plan.row_tiles = rows <= 8 ? 1 : rows <= 16 ? 2 : 4;
  plan.sharing = hopper && plan.row_tiles > 1 && plan.chunks == 1 && tiles >= 4 ? 4 : 1;
  // One tile a block while all blocks have room at once; else blocks that stay. Clusters do not cross the groups of
  // multiprocessors, so that some of these stay empty.
  const int whole = plan.cluster * plan.sharing > 1 ? processors * 6 / 7 : processors;
  const int room = (plan.row_tiles == 1 ? 3 : plan.row_tiles == 2 ? 2 : 1) * whole / plan.cluster;
  const int staying = (rows <= 4 ? 2 : 1) * whole / plan.cluster;
  const bool at_once = tiles <= room && (rows <= 4 || plan.row_tiles > 1 || plan.cluster > 1 || tiles <= whole);
  plan.slots = at_once ? tiles : std::clamp(staying, 1, tiles);
  plan.slots = std::max(plan.slots / plan.sharing, 1) * plan.sharing;
  const int items = up(tiles, plan.slots) * (plan.chunks / plan.cluster);
  plan.stages = hopper ? std::min(items, 2) : 1;  // before Hopper a wait for one stage is a wait for all
  return plan;
}

// What follows from a plan. rows, tiles and gain are there.
inline void apply(Parameters& p, const Plan& plan) {
  p.chunks = plan.chunks;
  p.warp_steps = plan.warp_steps;
  p.slots = plan.slots;
  p.stages = plan.stages;
  p.buffers = plan.row_tiles < kMostRowTiles && (plan.slots < p.tiles || plan.cluster < plan.chunks) ? 2 : 1;
  p.token_steps = kWarps * p.warp_steps * (p.gain != nullptr ? p.chunks : 1);
  p.cluster_log = p.sharing_log = 0;
  while (1 << p.cluster_log < plan.cluster) ++p.cluster_log;
  while (1 << p.sharing_log < plan.sharing) ++p.sharing_log;
}

// Applies a plan, with fewer tokens a block and fewer stages until they fit the shared memory; returns the plan that
// does.
inline Plan fit(Parameters& p, Plan plan, int shared_bytes) {
  apply(p, plan);
  while (SharedLayout(p, plan.row_tiles).bytes > static_cast<uint32_t>(shared_bytes)) {
    if (plan.row_tiles > 1) {
      plan.row_tiles /= 2;
      plan.sharing = 1;
    } else if (plan.stages > 1) {
      plan.stages = 1;
    } else {
      break;  // the launch will say so
    }
    apply(p, plan);
  }
  return plan;
}

}  // namespace wtrt::kernels::token
