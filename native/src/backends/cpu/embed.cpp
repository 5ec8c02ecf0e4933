#include "backends/cpu/embed.hpp"

#include <cstring>
#include <string>

#include "common/error.hpp"

namespace wtrt::cpu {
namespace {

struct Place {
  int64_t token, position;
  bool live;
};

Place place_of(const ops::StepState& state, const ops::TokenSlot& slot) {
  const ops::RowState& row = state.rows[slot.row];
  return {slot.token < 0 ? row.token : slot.token, slot.position < 0 ? row.length : slot.position,
          slot.position >= 0 || row.finished == 0};
}

template <typename Body>
void for_each(ThreadPool& pool, int32_t count, const Body& body) {
  if (count < 8) {  // less work than waking a thread
    for (int32_t i = 0; i < count; ++i) body(i);
  } else {
    pool.parallel_for(count, body);
  }
}

}  // namespace

void embed(ThreadPool& pool, const UnpackRow& table, int64_t vocabulary, const ops::Tensor& positions,
           const ops::StepState& state, const ops::TokenSlot* tokens, int32_t count, const ops::Tensor& out) {
  if (positions.dtype != DType::f32 || out.dtype != DType::f32 || positions.cols != out.cols || out.rows < count) {
    throw Error(ErrorCode::internal, "embedding of " + std::to_string(count) + " tokens into a tensor [" +
                                         std::to_string(out.rows) + ", " + std::to_string(out.cols) +
                                         "]; it must be f32, as wide as the positions and as long");
  }
  for (int32_t i = 0; i < count; ++i) {
    const Place place = place_of(state, tokens[i]);
    if (place.live &&
        (place.token < 0 || place.token >= vocabulary || place.position < 0 || place.position >= positions.rows)) {
      throw Error(ErrorCode::internal, "token " + std::to_string(place.token) + " at position " +
                                           std::to_string(place.position) + ": the vocabulary has " +
                                           std::to_string(vocabulary) + " tokens, the text context " +
                                           std::to_string(positions.rows) + " positions");
    }
  }
  const int64_t width = out.cols;
  for_each(pool, count, [&](int32_t i) {
    float* to = static_cast<float*>(out.data) + i * width;
    const Place place = place_of(state, tokens[i]);
    if (!place.live) {
      std::memset(to, 0, static_cast<size_t>(width) * sizeof(float));
      return;
    }
    table(place.token, to);
    const float* position = static_cast<const float*>(positions.data) + place.position * width;
    for (int64_t d = 0; d < width; ++d) to[d] += position[d];
  });
}

void gather(ThreadPool& pool, const ops::Tensor& in, const int32_t* rows, int32_t count, const ops::Tensor& out) {
  if (in.dtype != out.dtype || in.cols != out.cols || out.rows < count) {
    throw Error(ErrorCode::internal, "gather of " + std::to_string(count) + " rows into a tensor [" +
                                         std::to_string(out.rows) + ", " + std::to_string(out.cols) +
                                         "]; type and width must be the source's");
  }
  for (int32_t i = 0; i < count; ++i) {
    if (rows[i] < 0 || rows[i] >= in.rows) {
      throw Error(ErrorCode::internal,
                  "gather of row " + std::to_string(rows[i]) + " from " + std::to_string(in.rows) + " rows");
    }
  }
  const int64_t bytes = in.row_bytes();
  for_each(pool, count, [&](int32_t i) {
    std::memcpy(static_cast<std::byte*>(out.data) + i * bytes, static_cast<const std::byte*>(in.data) + rows[i] * bytes,
                static_cast<size_t>(bytes));
  });
}

}  // namespace wtrt::cpu
