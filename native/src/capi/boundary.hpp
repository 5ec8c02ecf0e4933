// What every function of the boundary is made of: catch everything, read and write structs by their size, count references.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "whispertrt/whispertrt.h"

struct wtrt_error {
  int32_t code;
  std::string message;
};

struct wtrt_text {
  std::string data;
};

namespace wtrt::capi {

wtrt_error* make_error(ErrorCode code, const char* message) noexcept;

// Runs the body of a fallible function; whatever it throws becomes its error.
template <typename Body>
wtrt_error* guard(const Body& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const Error& error) {
    return make_error(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::out_of_memory, nullptr);
  } catch (const std::exception& error) {
    return make_error(ErrorCode::internal, error.what());
  } catch (...) {
    return make_error(ErrorCode::internal, "an exception of unknown type");
  }
}

[[noreturn]] void refuse(const std::string& message);  // invalid_argument

template <typename T>
T& required(T* pointer, const char* name) {
  if (pointer == nullptr) refuse(std::string(name) + " is NULL");
  return *pointer;
}

// Bytes of a text argument; NULL only with size 0.
std::string_view text_argument(const char* data, int64_t size, const char* name);

int32_t in_range(const char* name, int64_t value, int32_t least, int32_t most);

// The caller's options over the defaults: reads no further than the caller's size, refuses what this library does not know.
template <typename T>
T read_options(const T* given, const T& defaults, const char* name) {
  if (given == nullptr) return defaults;
  if (given->struct_size < sizeof(uint32_t))
    refuse(std::string(name) + ".struct_size is too small; use the _init function");
  T options = defaults;
  std::memcpy(&options, given, std::min<size_t>(given->struct_size, sizeof(T)));
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (size_t i = sizeof(T); i < given->struct_size; ++i) {
    if (bytes[i] != 0)
      refuse(std::string(name) + " sets fields of a newer version; this library knows " + std::to_string(sizeof(T)) +
             " bytes");
  }
  return options;
}

// Writes no further than the size the caller gave.
template <typename T>
void write_struct(T* out, uint32_t size, T value) {
  value.struct_size = size;
  std::memcpy(out, &value, std::min<size_t>(size, sizeof(T)));
  // A caller of a newer version has fields that this library does not know: they are off.
  if (size > sizeof(T)) std::memset(reinterpret_cast<char*>(out) + sizeof(T), 0, size - sizeof(T));
}

template <typename T>
void fill_struct(T* out, const T& value, const char* name) {
  T& given = required(out, name);
  if (given.struct_size < sizeof(uint32_t)) refuse(std::string(name) + ".struct_size is not set");
  write_struct(out, given.struct_size, value);
}

// A handle: a counted reference to one object of the core.
template <typename T>
struct Handle {
  explicit Handle(std::shared_ptr<T> held) : object(std::move(held)) {}
  std::atomic<int64_t> references{1};
  std::shared_ptr<T> object;
};

template <typename H>
void retain(H* handle) noexcept {
  if (handle != nullptr) handle->references.fetch_add(1, std::memory_order_relaxed);
}

template <typename H>
void release(H* handle) noexcept {
  if (handle != nullptr && handle->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete handle;
}

}  // namespace wtrt::capi
