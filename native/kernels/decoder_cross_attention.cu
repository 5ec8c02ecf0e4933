#include <algorithm>

#include "decoder_cross_kernel.cuh"

namespace wtrt::kernels {

int64_t cross_attention_workspace(const CrossKv&, int32_t) { return 0; }

cudaError_t cross_attention(const Device& device, const CrossAttentionArgs& args, cudaStream_t stream) {
  if (args.count <= 0) return cudaSuccess;
  const CrossKv& cache = args.cache;
  if (cache.head_size > kSimpleThreads) return cudaErrorNotSupported;
  const cross::Parameters p{cache, args.layer, args.q, args.out, {args.state, args.tokens, args.count}};
  return with_type(cache.type, [&](auto type) {
    using T = decltype(type);
    LaunchShape shape{dim3(1, static_cast<unsigned>(cache.heads), static_cast<unsigned>(args.count)), kSimpleThreads};
    shape.overlap = args.overlap && device.sm >= 90;
    if constexpr (!std::is_same_v<T, float>) {
      if (cache.head_size == kHead) {
        // Two blocks of threads a multiprocessor at most, and what a group of 16 multiprocessors has room for.
        const int work = cache.heads * args.count;
        shape.cluster = device.sm >= 90 ? cross::kHopperCluster : 1;
        const int clusters = std::min(work, std::max(1, device.processors / 16 * 32 / shape.cluster));
        const int stages = work > clusters || cache.positions > shape.cluster * cross::kSplit ? cross::kMostStages : 1;
        shape.grid = dim3(static_cast<unsigned>(clusters * shape.cluster));
        shape.threads = 32 * cross::kWarps;
        shape.shared_bytes = cross::shared_bytes(device.sm >= 90 ? stages : 1);
        return launch(cross::mma_kernel<T>, shape, stream, p, device.sm >= 90 ? stages : 1);
      }
    }
    shape.shared_bytes = sizeof(float) * static_cast<size_t>(cache.head_size + cache.positions + kSimpleThreads);
    return launch(cross::simple_kernel<T>, shape, stream, p);
  });
}

cudaError_t alignment_scores(const AlignmentScoresArgs& args, cudaStream_t stream) {
  if (args.count <= 0 || args.heads_count <= 0) return cudaSuccess;
  if (args.heads_count > kMostAlignmentHeads || args.cache.head_size > kSimpleThreads) return cudaErrorNotSupported;
  const cross::Parameters p{args.cache, args.layer, args.q, nullptr, {args.state, args.tokens, args.count}};
  cross::Heads heads{};
  for (int32_t i = 0; i < args.heads_count; ++i) heads.numbers[i] = args.heads[i];
  const LaunchShape shape{dim3(1, static_cast<unsigned>(args.heads_count), static_cast<unsigned>(args.count)), kSimpleThreads};
  return with_type(args.cache.type,
                   [&](auto type) { return launch(cross::scores_kernel<decltype(type)>, shape, stream, p, args.scores, heads); });
}

}  // namespace wtrt::kernels
