#include "checkpoint/safetensors.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "checkpoint/json.hpp"
#include "common/error.hpp"

namespace wtrt::checkpoint {
namespace {

using nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr size_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxRank = 8;

constexpr std::array<std::pair<std::string_view, DType>, 7> kTypes{{{"F32", DType::f32},
                                                                    {"F16", DType::f16},
                                                                    {"BF16", DType::bf16},
                                                                    {"I8", DType::i8},
                                                                    {"I32", DType::i32},
                                                                    {"U8", DType::u8},
                                                                    {"I64", DType::i64}}};

[[noreturn]] void bad(const std::string& what, const std::string& reason) {
  throw Error(ErrorCode::invalid_checkpoint, what + ": " + reason);
}

// The header's extent: bytes [8, end).
size_t header_end(std::span<const std::byte> bytes, const std::string& what) {
  if (bytes.size() < kLengthBytes) {
    bad(what, "is " + std::to_string(bytes.size()) + " bytes long, shorter than a safetensors header");
  }
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  if (length > kMaxHeaderBytes) {
    bad(what, "header length " + std::to_string(length) +
                  " is above the format's limit of 100000000 bytes; not a safetensors file?");
  }
  if (length > bytes.size() - kLengthBytes) {
    bad(what, "header length " + std::to_string(length) + " goes past the end of the file (" +
                  std::to_string(bytes.size()) + " bytes); is the download complete?");
  }
  if (length == 0 || bytes[kLengthBytes] != std::byte{'{'})
    bad(what, "header does not begin with '{'; not a safetensors file?");
  return kLengthBytes + static_cast<size_t>(length);
}

const json& field(const json& entry, const char* key, const std::string& what, const std::string& name) {
  const auto found = entry.find(key);
  if (found == entry.end()) bad(what, "tensor " + in_quotes(name) + " has no " + key);
  return *found;
}

DType element_type(const json& value, const std::string& what, const std::string& name) {
  if (!value.is_string()) bad(what, "tensor " + in_quotes(name) + ": dtype is not a string");
  const auto& stored = value.get_ref<const std::string&>();
  for (const auto& [label, type] : kTypes) {
    if (label == stored) return type;
  }
  throw Error(ErrorCode::unsupported, what + ": tensor " + in_quotes(name) + " has dtype " + in_quotes(stored) +
                                          "; F32, F16, BF16, I8, U8, I32 and I64 can be read");
}

uint64_t natural(const json& value, const std::string& what, const std::string& name, const char* key) {
  if (!value.is_number_unsigned())
    bad(what, "tensor " + in_quotes(name) + ": " + key + " holds something else than natural numbers");
  const auto number = value.get<uint64_t>();
  if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    bad(what,
        "tensor " + in_quotes(name) + ": " + key + " holds " + std::to_string(number) + ", more than a file can have");
  }
  return number;
}

struct Layout {
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
};

Layout layout_of(const json& value, DType type, const std::string& what, const std::string& name) {
  if (!value.is_array() || value.size() > kMaxRank) {
    bad(what,
        "tensor " + in_quotes(name) + ": shape is not an array of at most " + std::to_string(kMaxRank) + " numbers");
  }
  Layout layout{{}, size_of(type)};
  bool empty = false, overflow = false;
  for (const json& item : value) {
    const uint64_t extent = natural(item, what, name, "shape");
    layout.shape.push_back(static_cast<int64_t>(extent));
    empty = empty || extent == 0;
    overflow =
        overflow || (extent != 0 && layout.bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / extent);
    if (!overflow && extent != 0) layout.bytes *= extent;
  }
  // Refused even where another extent is zero: whoever multiplies in another order must not overflow.
  if (overflow) bad(what, "tensor " + in_quotes(name) + ": shape " + value.dump() + " overflows");
  if (empty) layout.bytes = 0;
  return layout;
}

StoredTensor tensor_of(const std::string& name, const json& entry, std::span<const std::byte> data,
                       const std::string& what) {
  if (name.empty() || name.size() > kMaxNameBytes)
    bad(what, "tensor name " + in_quotes(name) + " is empty or too long");
  if (!entry.is_object()) bad(what, "tensor " + in_quotes(name) + ": its header entry is not an object");
  const DType type = element_type(field(entry, "dtype", what, name), what, name);
  Layout layout = layout_of(field(entry, "shape", what, name), type, what, name);
  const json& offsets = field(entry, "data_offsets", what, name);
  if (!offsets.is_array() || offsets.size() != 2)
    bad(what, "tensor " + in_quotes(name) + ": data_offsets is not a pair of numbers");
  const uint64_t begin = natural(offsets[0], what, name, "data_offsets");
  const uint64_t end = natural(offsets[1], what, name, "data_offsets");
  const std::string range = "data_offsets [" + std::to_string(begin) + ", " + std::to_string(end) + "]";
  if (begin > end) bad(what, "tensor " + in_quotes(name) + ": " + range + " run backwards");
  if (end > data.size()) {
    bad(what, "tensor " + in_quotes(name) + ": " + range + " go past the end of the data (" +
                  std::to_string(data.size()) + " bytes); is the download complete?");
  }
  if (end - begin != layout.bytes) {
    bad(what, "tensor " + in_quotes(name) + ": " + range + " span " + std::to_string(end - begin) +
                  " bytes, but its shape takes " + std::to_string(layout.bytes));
  }
  return {name, {type, std::move(layout.shape), data.subspan(begin, end - begin)}};
}

void check_metadata(const json& metadata, const std::string& what) {
  const bool strings = metadata.is_object() &&
                       std::all_of(metadata.begin(), metadata.end(), [](const json& v) { return v.is_string(); });
  if (!strings) bad(what, "__metadata__ is not an object of strings");
}

// The format demands that the tensors cover the data exactly, in some order.
void check_coverage(std::vector<StoredTensor>& tensors, std::span<const std::byte> data, const std::string& what) {
  std::sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    const auto key = [](const StoredTensor& t) {
      return std::pair(t.view.data.data(), t.view.data.data() + t.view.data.size());
    };
    return key(a) < key(b);
  });
  const std::byte* reached = data.data();
  for (const StoredTensor& tensor : tensors) {
    const std::byte* begin = tensor.view.data.data();
    if (begin != reached) {
      bad(what,
          "tensor " + in_quotes(tensor.name) + ": data_offsets begin at " + std::to_string(begin - data.data()) +
              (begin < reached ? ", overlapping the tensor before it, which ends at " : ", leaving a hole after ") +
              std::to_string(reached - data.data()));
    }
    reached = begin + tensor.view.data.size();
  }
  if (reached != data.data() + data.size()) {
    bad(what, "the tensors end at byte " + std::to_string(reached - data.data()) + " of the data, the file at " +
                  std::to_string(data.size()));
  }
}

}  // namespace

std::vector<StoredTensor> read_safetensors(std::span<const std::byte> bytes, const std::string& what) {
  const size_t end = header_end(bytes, what);
  const json header = parse_json(bytes.subspan(kLengthBytes, end - kLengthBytes), what + ": header",
                                 {.bytes = kMaxHeaderBytes, .depth = 4});
  if (!header.is_object()) bad(what, "header is not an object");
  const auto data = bytes.subspan(end);
  std::vector<StoredTensor> tensors;
  tensors.reserve(header.size());
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      check_metadata(entry, what);
    } else {
      tensors.push_back(tensor_of(name, entry, data, what));
    }
  }
  check_coverage(tensors, data, what);
  return tensors;
}

}  // namespace wtrt::checkpoint
