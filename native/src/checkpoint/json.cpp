#include "checkpoint/json.hpp"

#include <vector>

#include "common/error.hpp"

namespace wtrt::checkpoint {
namespace {

using nlohmann::json;

// Builds the document as the parser walks the text. The parser keeps its own stack on the heap, so depth never costs
// call stack.
class Builder {
 public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  Builder(const std::string& what, const JsonLimits& limits) : what_(what), limits_(limits) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(number_integer_t value) { return add(value); }
  bool number_unsigned(number_unsigned_t value) { return add(value); }
  bool number_float(number_float_t value, const string_t&) { return add(value); }
  bool string(string_t& value) { return add(std::move(value)); }
  bool binary(binary_t&) { return false; }

  bool start_object(size_t) { return open(json::object()); }
  bool start_array(size_t) { return open(json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(string_t& name) {
    const auto [place, added] = open_.back()->get_ref<json::object_t&>().emplace(name, nullptr);
    if (!added) fail("has the key " + in_quotes(name) + " twice");
    slot_ = &place->second;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) {
    fail("is not valid JSON at byte " + std::to_string(position));
  }

  json take() { return std::move(root_); }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw Error(ErrorCode::invalid_checkpoint, what_ + " " + reason);
  }

  json* place(json value) {
    if (++values_ > limits_.values) fail("has more than " + std::to_string(limits_.values) + " values");
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    json& parent = *open_.back();
    if (parent.is_array()) {
      auto& elements = parent.get_ref<json::array_t&>();
      elements.push_back(std::move(value));
      return &elements.back();
    }
    *slot_ = std::move(value);
    return slot_;
  }

  bool add(json value) {
    place(std::move(value));
    return true;
  }

  bool open(json container) {
    if (open_.size() >= limits_.depth) fail("is nested deeper than " + std::to_string(limits_.depth) + " levels");
    open_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& what_;
  const JsonLimits& limits_;
  json root_;
  json* slot_ = nullptr;     // where the value of the last key goes
  std::vector<json*> open_;  // containers that have not ended; stable: only the innermost grows
  size_t values_ = 0;
};

}  // namespace

json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    throw Error(ErrorCode::invalid_checkpoint, what + " is " + std::to_string(text.size()) + " bytes long; at most " +
                                                   std::to_string(limits.bytes) + " are read");
  }
  Builder builder(what, limits);
  json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

json parse_json(std::span<const std::byte> text, const std::string& what, const JsonLimits& limits) {
  return parse_json(std::string_view(reinterpret_cast<const char*>(text.data()), text.size()), what, limits);
}

std::string in_quotes(std::string_view name) {
  constexpr size_t kLongest = 120;
  std::string out = "'";
  size_t end = std::min(name.size(), kLongest);
  while (end > 0 && end < name.size() && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80)
    --end;  // whole characters
  for (const char c : name.substr(0, end)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out + (end < name.size() ? "…'" : "'");
}

}  // namespace wtrt::checkpoint
