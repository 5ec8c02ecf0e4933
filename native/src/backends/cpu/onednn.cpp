#include "backends/cpu/onednn.hpp"

#include "common/error.hpp"

#if defined(WTRT_WITH_ONEDNN)

#include <algorithm>
#include <cstring>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>

#include "backends/cpu/lanes.hpp"
#include "backends/cpu/weight_rows.hpp"

// Declared here since clang has no omp.h of GCC's runtime, which Debian's oneDNN is built on.
extern "C" {
void omp_set_num_threads(int);
int omp_get_max_threads();
}

namespace wtrt::cpu {
namespace {

using dnnl::memory;

constexpr int64_t kRowBlock = 64;  // always this many, so that a row's result cannot depend on how many there are

// oneDNN asks OpenMP how many threads it has, per calling thread: here one, since the pool's threads share the work.
class OneOpenMpThread {
 public:
  OneOpenMpThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneOpenMpThread() { omp_set_num_threads(before_); }
  OneOpenMpThread(const OneOpenMpThread&) = delete;
  OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

 private:
  int before_;
};

memory::data_type type_of(Element element, bool weights) {
  switch (element) {
    case Element::f32: return memory::data_type::f32;
    case Element::bf16: return memory::data_type::bf16;
    case Element::i8: return weights ? memory::data_type::s8 : memory::data_type::u8;
  }
  return memory::data_type::f32;
}

int64_t size_of_element(Element element) { return 4 / k_group(element); }

[[noreturn]] void defect(const dnnl::error& error) {
  throw Error(ErrorCode::internal, std::string("oneDNN refused a matrix product: ") + error.what());
}

dnnl_cpu_isa_t widest_allowed(Isa isa) {
  switch (isa) {
    case Isa::amx: return dnnl_cpu_isa_all;
    case Isa::avx512: return dnnl_cpu_isa_avx512_core_bf16;
    default: return dnnl_cpu_isa_avx2;
  }
}

}  // namespace

std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

bool onednn_serves(Isa isa) {
  static std::mutex mutex;
  static std::optional<Isa> served;
  if (isa == Isa::portable) return false;
  const std::lock_guard lock(mutex);
  // Refused when the host program has used oneDNN before us: then it is not ours to restrict.
  if (!served && dnnl_set_max_cpu_isa(widest_allowed(isa)) == dnnl_success) served = isa;
  return served == isa;
}

struct OneDnnMatrix::State {
  State(ThreadPool& pool, const Kernels& its_kernels, Element its_element, std::span<const ops::LinearPart> parts);
  void load(ThreadPool& pool, const WeightRows& rows);
  void multiply_block(const Product& product, const RowsIn& in, int64_t block, std::byte* lane) const;

  const Kernels& kernels;
  const Element element;
  Channels channels;
  int64_t n = 0, k = 0;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::matmul::primitive_desc description;
  dnnl::matmul primitive;
  AlignedMemory weights;

  // A lane's working space: staged rows, their scales, the sums and oneDNN's scratchpad.
  int64_t staged_bytes() const { return round_up(kRowBlock * k * size_of_element(element)); }
  int64_t sums_bytes() const { return round_up(kRowBlock * n * 4); }
  int64_t lane_bytes() const {
    return staged_bytes() + round_up(kRowBlock * 4) + sums_bytes() +
           round_up(static_cast<int64_t>(description.scratchpad_desc().get_size()));
  }
  static int64_t round_up(int64_t bytes) { return (bytes + 127) / 64 * 64; }
};

OneDnnMatrix::State::State(ThreadPool& pool, const Kernels& its_kernels, Element its_element,
                           std::span<const ops::LinearPart> parts)
    : kernels(its_kernels), element(its_element) {
  const WeightRows rows(kernels, element, parts, channels);
  n = rows.n();
  k = rows.k();
  const OneOpenMpThread alone;
  const auto sums = element == Element::i8 ? memory::data_type::s32 : memory::data_type::f32;
  const memory::desc in({kRowBlock, k}, type_of(element, false), memory::format_tag::ab);
  const memory::desc chosen({k, n}, type_of(element, true), memory::format_tag::any);
  const memory::desc out({kRowBlock, n}, sums, memory::format_tag::ab);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  description = dnnl::matmul::primitive_desc({in, chosen, out}, attributes, engine);
  primitive = dnnl::matmul(description);
  load(pool, rows);
}

// Rows of the checkpoint's type → a plain matrix of the product's type → oneDNN's layout.
void OneDnnMatrix::State::load(ThreadPool& pool, const WeightRows& rows) {
  constexpr const char* kWhat = "a weight matrix";
  const int64_t row_bytes = k * size_of_element(element);
  const AlignedMemory plain(n * row_bytes, kWhat);
  const int32_t lanes = lanes_for(pool, n);
  const AlignedMemory wide(lanes * k * 4, kWhat);
  {
    const ThreadPool::Lease lease(pool);
    in_lanes(pool, lanes, n, [&](int32_t lane, int64_t channel) {
      rows.stage(channel, plain.as<std::byte>() + channel * row_bytes, wide.as<float>() + lane * k);
    });
  }
  weights = AlignedMemory(static_cast<int64_t>(description.weights_desc().get_size()), kWhat);
  memory from({{k, n}, type_of(element, true), memory::format_tag::ba}, engine, plain.as<void>());
  memory to(description.weights_desc(), engine, weights.as<void>());
  dnnl::stream stream(engine);
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
}

void OneDnnMatrix::State::multiply_block(const Product& product, const RowsIn& in, int64_t block,
                                         std::byte* lane) const {
  const int64_t first = block * kRowBlock, count = std::min(kRowBlock, in.count - first);
  const int64_t row_bytes = k * size_of_element(element);
  std::byte* const staged = lane;
  auto* const scales = reinterpret_cast<float*>(staged + staged_bytes());
  std::byte* const sums = staged + staged_bytes() + round_up(kRowBlock * 4);
  std::byte* const scratchpad = sums + sums_bytes();
  for (int64_t row = 0; row < count; ++row) {
    const float* const from = in.data + (first + row) * in.stride;
    std::byte* const to = staged + row * row_bytes;
    switch (element) {
      case Element::f32: std::memcpy(to, from, static_cast<size_t>(row_bytes)); break;
      case Element::bf16: kernels.stage_bf16(from, k, k, reinterpret_cast<uint16_t*>(to)); break;
      case Element::i8: kernels.stage_i8(from, k, k, to, scales + row); break;
    }
  }
  // What an earlier block left in the rows beyond the last is multiplied too, and nobody looks at it.
  dnnl::stream stream(engine);
  primitive.execute(stream, {{DNNL_ARG_SRC, memory(description.src_desc(), engine, staged)},
                             {DNNL_ARG_WEIGHTS, memory(description.weights_desc(), engine, weights.as<void>())},
                             {DNNL_ARG_DST, memory(description.dst_desc(), engine, sums)},
                             {DNNL_ARG_SCRATCHPAD, memory(description.scratchpad_desc(), engine, scratchpad)}});
  stream.wait();
  Product mine = product;
  mine.a_scale = scales;
  mine.out += first * mine.out_stride;
  if (mine.residual != nullptr) mine.residual += first * mine.residual_stride;
  const Range rows{0, count};
  if (element == Element::i8) {
    kernels.finish_i8(mine, reinterpret_cast<const int32_t*>(sums), n, rows);
  } else {
    kernels.finish_float(mine, reinterpret_cast<const float*>(sums), n, rows);
  }
}

OneDnnMatrix::OneDnnMatrix(ThreadPool& pool, const Kernels& kernels, Element element,
                           std::span<const ops::LinearPart> parts) try
    : state_(std::make_unique<State>(pool, kernels, element, parts)) {
} catch (const dnnl::error& error) {
  defect(error);
}

OneDnnMatrix::~OneDnnMatrix() = default;

int64_t OneDnnMatrix::n() const { return state_->n; }
int64_t OneDnnMatrix::k() const { return state_->k; }
int64_t OneDnnMatrix::bytes() const { return state_->weights.bytes() + state_->channels.bytes(); }

void OneDnnMatrix::multiply(ThreadPool& pool, const RowsIn& in, const RowsOut& out, Scratch& scratch) const {
  const State& state = *state_;
  Product product = product_of(out);
  product.n = state.n;
  product.scale = state.channels.scale.as<float>();
  product.offset = state.channels.offset.as<int32_t>();
  product.bias = state.channels.bias.as<float>();
  const int64_t blocks = (in.count + kRowBlock - 1) / kRowBlock;
  const int32_t lanes = lanes_for(pool, blocks);
  scratch.rows.reserve(lanes * state.lane_bytes(), "a window's working space");
  try {
    in_lanes(pool, lanes, blocks, [&](int32_t lane, int64_t block) {
      const OneOpenMpThread alone;
      state.multiply_block(product, in, block, scratch.rows.as<std::byte>() + lane * state.lane_bytes());
    });
  } catch (const dnnl::error& error) {
    defect(error);
  }
}

}  // namespace wtrt::cpu

#else

namespace wtrt::cpu {

struct OneDnnMatrix::State {};

std::string onednn_version() { return {}; }
bool onednn_serves(Isa) { return false; }

OneDnnMatrix::OneDnnMatrix(ThreadPool&, const Kernels&, Element, std::span<const ops::LinearPart>) {
  throw Error(ErrorCode::unsupported, "this library was built without oneDNN");
}
OneDnnMatrix::~OneDnnMatrix() = default;
int64_t OneDnnMatrix::n() const { return 0; }
int64_t OneDnnMatrix::k() const { return 0; }
int64_t OneDnnMatrix::bytes() const { return 0; }
void OneDnnMatrix::multiply(ThreadPool&, const RowsIn&, const RowsOut&, Scratch&) const {}

}  // namespace wtrt::cpu

#endif
