// A decoder's state and caches for the tests: on the host, and on the device as the kernels take them.
#pragma once

#include <limits>
#include <memory>

#include "decoder.hpp"
#include "reference.hpp"

namespace wtrt::gpu_test {

struct DecoderShape {
  int heads = 4, head_size = 64, layers = 2;
  int pages = 64, page_tokens = 16, pages_per_row = 8;
  int slots = 4, positions = 1500;
  DType type = DType::f16;

  int width() const { return heads * head_size; }
  int most_positions() const { return pages_per_row * page_tokens; }
};

class DecoderProblem {
 public:
  DecoderProblem(const DecoderShape& s, int rows, uint32_t seed)
      : shape(s),
        states(static_cast<size_t>(rows)),
        pages(static_cast<size_t>(rows) * static_cast<size_t>(s.pages_per_row)),
        lengths(static_cast<size_t>(s.slots), s.positions),
        paged_values(
            rounded(random_values(static_cast<size_t>(paged(nullptr).bytes()) / size_of(s.type), seed), s.type)),
        cross_values(rounded(
            random_values(static_cast<size_t>(cross(nullptr, nullptr).bytes()) / size_of(s.type), seed + 1), s.type)) {
    for (size_t i = 0; i < pages.size(); ++i)
      pages[i] = static_cast<int32_t>(i * 37 % static_cast<size_t>(s.pages));  // 37: no factor of `pages`
    for (int r = 0; r < rows; ++r) states[static_cast<size_t>(r)].cross_slot = r % s.slots;
  }

  // Copies what the host has to the device.
  void upload() {
    d_states = std::make_unique<DeviceArray>(states);
    d_pages = std::make_unique<DeviceArray>(pages);
    d_lengths = std::make_unique<DeviceArray>(lengths);
    d_paged = std::make_unique<DeviceArray>(as_type(paged_values, shape.type));
    d_cross = std::make_unique<DeviceArray>(as_type(cross_values, shape.type));
  }

  kernels::PagedKv paged(void* data) const {
    return {shape.type, data, shape.layers, shape.pages, shape.page_tokens, shape.heads, shape.head_size};
  }
  kernels::PagedKv paged() const { return paged(d_paged->get()); }
  kernels::CrossKv cross(void* data, int32_t* device_lengths) const {
    return {shape.type, data, device_lengths, shape.layers, shape.slots, shape.positions, shape.heads, shape.head_size};
  }
  kernels::CrossKv cross() const { return cross(d_cross->get(), d_lengths->as<int32_t>()); }
  ops::StepState state() const {
    ops::StepState state{};
    state.rows = d_states->as<ops::RowState>();
    state.pages = d_pages->as<int32_t>();
    state.pages_per_row = shape.pages_per_row;
    return state;
  }

  bool live(const ops::TokenSlot& t) const {
    return t.row >= 0 && (t.position >= 0 || states[static_cast<size_t>(t.row)].finished == 0);
  }
  int position(const ops::TokenSlot& t) const {
    return t.position >= 0 ? t.position : states[static_cast<size_t>(t.row)].length;
  }

  // Where in the cache's values position p of a row is. which: 0 keys, 1 values.
  size_t paged_at(int layer, int row, int p, int which, int head) const {
    const int page = pages[static_cast<size_t>(row * shape.pages_per_row + p / shape.page_tokens)];
    return static_cast<size_t>(
        ((((static_cast<int64_t>(layer) * shape.pages + page) * 2 + which) * shape.heads + head) * shape.page_tokens +
         p % shape.page_tokens) *
        shape.head_size);
  }
  size_t cross_at(int layer, int slot, int p, int which, int head) const {
    return static_cast<size_t>(
        ((((static_cast<int64_t>(slot) * shape.layers + layer) * 2 + which) * shape.heads + head) * shape.positions +
         p) *
        shape.head_size);
  }

  // Softmax of q · k / √size over `count` positions, times v, into out: key(p), value(p) give pointers to f32.
  template <typename Float, typename Key, typename Value>
  void attend(const float* q, int count, const Key& key, const Value& value, Float* out) const {
    const int size = shape.head_size;
    std::vector<Float> scores(static_cast<size_t>(count));
    Float most = -std::numeric_limits<Float>::infinity(), sum = 0;
    for (int p = 0; p < count; ++p) {
      Float s = 0;
      for (int d = 0; d < size; ++d) s += static_cast<Float>(q[d]) * key(p)[d];
      scores[static_cast<size_t>(p)] = s / std::sqrt(static_cast<Float>(size));
      most = std::max(most, scores[static_cast<size_t>(p)]);
    }
    for (Float& s : scores) sum += s = std::exp(s - most);
    for (int d = 0; d < size; ++d) {
      Float o = 0;
      for (int p = 0; p < count; ++p) o += scores[static_cast<size_t>(p)] * value(p)[d];
      out[d] = o / sum;
    }
  }

  DecoderShape shape;
  std::vector<ops::RowState> states;
  std::vector<int32_t> pages, lengths;
  std::vector<float> paged_values, cross_values;
  std::unique_ptr<DeviceArray> d_states, d_pages, d_lengths, d_paged, d_cross;
};

}  // namespace wtrt::gpu_test
