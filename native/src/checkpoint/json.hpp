// JSON of untrusted files: bounded in size, depth and number of values, without duplicate keys.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

namespace wtrt::checkpoint {

struct JsonLimits {
  size_t bytes = size_t{16} << 20;
  size_t depth = 32;        // of nested objects and arrays
  size_t values = 200'000;  // bounds the memory that the parsed form takes
};

// `what` names the text in errors. Throws invalid_checkpoint with the place and the reason.
nlohmann::json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits = {});
nlohmann::json parse_json(std::span<const std::byte> text, const std::string& what, const JsonLimits& limits = {});

// A name out of a file, fit for an error message: quoted, shortened, without control characters.
std::string in_quotes(std::string_view name);

}  // namespace wtrt::checkpoint
