#include "capi/boundary.hpp"

namespace wtrt::capi {
namespace {

static_assert(static_cast<int32_t>(ErrorCode::invalid_argument) == WTRT_ERROR_INVALID_ARGUMENT);
static_assert(static_cast<int32_t>(ErrorCode::not_found) == WTRT_ERROR_NOT_FOUND);
static_assert(static_cast<int32_t>(ErrorCode::io) == WTRT_ERROR_IO);
static_assert(static_cast<int32_t>(ErrorCode::invalid_audio) == WTRT_ERROR_INVALID_AUDIO);
static_assert(static_cast<int32_t>(ErrorCode::invalid_checkpoint) == WTRT_ERROR_INVALID_CHECKPOINT);
static_assert(static_cast<int32_t>(ErrorCode::unsupported) == WTRT_ERROR_UNSUPPORTED);
static_assert(static_cast<int32_t>(ErrorCode::out_of_memory) == WTRT_ERROR_OUT_OF_MEMORY);
static_assert(static_cast<int32_t>(ErrorCode::busy) == WTRT_ERROR_BUSY);
static_assert(static_cast<int32_t>(ErrorCode::closed) == WTRT_ERROR_CLOSED);
static_assert(static_cast<int32_t>(ErrorCode::cancelled) == WTRT_ERROR_CANCELLED);
static_assert(static_cast<int32_t>(ErrorCode::abi_mismatch) == WTRT_ERROR_ABI_MISMATCH);
static_assert(static_cast<int32_t>(ErrorCode::internal) == WTRT_ERROR_INTERNAL);
static_assert(static_cast<int32_t>(ErrorCode::device) == WTRT_ERROR_DEVICE);

// Short enough for the string's own storage: no memory is needed to say that there is none.
wtrt_error out_of_memory{WTRT_ERROR_OUT_OF_MEMORY, "out of memory"};

}  // namespace

wtrt_error* make_error(ErrorCode code, const char* message) noexcept {
  if (message != nullptr) {
    try {
      return new wtrt_error{static_cast<int32_t>(code), message};
    } catch (...) {
    }
  }
  return &out_of_memory;
}

void refuse(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

std::string_view text_argument(const char* data, int64_t size, const char* name) {
  if (size < 0) refuse(std::string(name) + "_size: " + std::to_string(size) + " is negative");
  if (data == nullptr && size != 0) refuse(std::string(name) + " is NULL but its size is " + std::to_string(size));
  return {data, static_cast<size_t>(size)};
}

int32_t in_range(const char* name, int64_t value, int32_t least, int32_t most) {
  if (value < least || value > most) {
    refuse(std::string(name) + ": " + std::to_string(value) + " is outside " + std::to_string(least) + ".." +
           std::to_string(most));
  }
  return static_cast<int32_t>(value);
}

}  // namespace wtrt::capi

using wtrt::capi::out_of_memory;

extern "C" {

int32_t wtrt_error_code(const wtrt_error* error) { return error == nullptr ? 0 : error->code; }
const char* wtrt_error_message(const wtrt_error* error) { return error == nullptr ? "" : error->message.c_str(); }
void wtrt_error_release(wtrt_error* error) {
  if (error != &out_of_memory) delete error;
}

const char* wtrt_text_data(const wtrt_text* text) { return text == nullptr ? "" : text->data.c_str(); }
int64_t wtrt_text_size(const wtrt_text* text) { return text == nullptr ? 0 : static_cast<int64_t>(text->data.size()); }
void wtrt_text_release(wtrt_text* text) { delete text; }

}  // extern "C"
