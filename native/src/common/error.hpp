// The one exception type of the core. The C boundary turns it into wtrt_error with the same code.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace wtrt {

// Values equal WTRT_ERROR_* of whispertrt.h (checked by a static_assert at the boundary).
enum class ErrorCode : int32_t {
  invalid_argument = 1,    // an option or argument is outside its range
  not_found = 2,           // a file, model or name does not exist
  io = 3,                  // the operating system could not read or write
  invalid_audio = 4,       // the bytes are no audio that can be decoded
  invalid_checkpoint = 5,  // a model file is damaged or not what it claims to be
  unsupported = 6,         // understood, but this build, chip or version cannot do it
  out_of_memory = 7,
  busy = 8,    // a queue is full; try again later
  closed = 9,  // the engine was closed
  cancelled = 10,
  abi_mismatch = 11,
  internal = 12,  // a defect of this library
  device = 13,    // the GPU failed or was lost: the work it had is lost, the process is not
};

// The message names the thing, the value found and the remedy.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace wtrt
