#include <algorithm>

#include "decoder_cross_kernel.cuh"

namespace wtrt::kernels {

int64_t cross_attention_workspace(const CrossKv&, int32_t) { return 0; }

cudaError_t cross_attention(const Device& device, const CrossAttentionArgs& args, cudaStream_t stream) {
  const CrossKv& cache = args.cache;
  if (cache.head_size > kSimpleThreads) return cudaErrorNotSupported;
  return with_type(cache.type, [&](auto type) {
    using T = decltype(type);
    const auto row_bytes = static_cast<int64_t>(cache.heads) * cache.head_size * static_cast<int64_t>(sizeof(T));
    for (int32_t first = 0; first < args.count; first += cross::kMostTokens) {
      const int32_t count = std::min(cross::kMostTokens, args.count - first);
      const cross::Parameters p{cache,
                                args.layer,
                                static_cast<const char*>(args.q) + first * row_bytes,
                                static_cast<char*>(args.out) + first * row_bytes,
                                {args.state, args.tokens + first, count}};
      cudaError_t status = cudaSuccess;
      if (!std::is_same_v<T, float> && cache.head_size == kHead) {
        if constexpr (!std::is_same_v<T, float>) status = cross::launch_mma<T>(device, p, args.overlap, stream);
      } else {
        LaunchShape shape{dim3(1, static_cast<unsigned>(cache.heads), static_cast<unsigned>(count)), kSimpleThreads};
        shape.overlap = args.overlap && device.sm >= 90;
        shape.shared_bytes = sizeof(float) * static_cast<size_t>(cache.head_size + cache.positions + kSimpleThreads);
        status = launch(cross::simple_kernel<T>, shape, stream, p);
      }
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  });
}

cudaError_t alignment_scores(const AlignmentScoresArgs& args, cudaStream_t stream) {
  if (args.count <= 0 || args.heads_count <= 0) return cudaSuccess;
  if (args.heads_count > kMostAlignmentHeads || args.cache.head_size > kSimpleThreads) return cudaErrorNotSupported;
  const cross::Parameters p{args.cache, args.layer, args.q, nullptr, {args.state, args.tokens, args.count}};
  cross::Heads heads{};
  for (int32_t i = 0; i < args.heads_count; ++i) heads.numbers[i] = args.heads[i];
  const LaunchShape shape{dim3(1, static_cast<unsigned>(args.heads_count), static_cast<unsigned>(args.count)),
                          kSimpleThreads};
  return with_type(args.cache.type, [&](auto type) {
    return launch(cross::scores_kernel<decltype(type)>, shape, stream, p, args.scores, heads);
  });
}

}  // namespace wtrt::kernels
