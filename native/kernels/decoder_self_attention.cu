#include "decoder_self_kernel.cuh"

namespace wtrt::kernels {

int64_t self_attention_workspace(const PagedKv&, int32_t, int32_t) { return 0; }

cudaError_t self_attention(const Device& device, const SelfAttentionArgs& args, cudaStream_t stream) {
  if (args.count <= 0) return cudaSuccess;
  const PagedKv& cache = args.cache;
  if (cache.head_size > kSimpleThreads) return cudaErrorNotSupported;
  const self::Parameters p{cache, args.layer, args.qkv, args.out, {args.state, args.tokens, args.count}};
  return with_type(cache.type, [&](auto type) {
    using T = decltype(type);
    LaunchShape shape{dim3(static_cast<unsigned>(cache.heads), static_cast<unsigned>(args.count)), kSimpleThreads};
    shape.overlap = args.overlap && device.sm >= 90;
    if constexpr (!std::is_same_v<T, float>) {
      if (cache.head_size == kHead) {
        shape.threads = self::kThreads;
        shape.shared_bytes = sizeof(int) * static_cast<size_t>(args.most_positions);
        return launch(self::mma_kernel<T>, shape, stream, p);
      }
    }
    shape.shared_bytes = sizeof(float) * static_cast<size_t>(cache.head_size + args.most_positions + kSimpleThreads);
    return launch(self::simple_kernel<T>, shape, stream, p);
  });
}

}  // namespace wtrt::kernels
