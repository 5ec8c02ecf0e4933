// The safetensors reader against files that are right and files that lie.
#include <sys/resource.h>

#include "checkpoint/safetensors.hpp"
#include "synthetic_checkpoint.hpp"

namespace wtrt::checkpoint {
namespace {

using test::expect_error;
using test::safetensors_bytes;

std::vector<StoredTensor> read(const std::string& bytes) {
  return read_safetensors(std::as_bytes(std::span(bytes)), "file");
}

void expect_invalid(const std::string& bytes, const std::vector<std::string>& parts) {
  std::vector<std::string> all = parts;
  all.push_back("file");
  expect_error(ErrorCode::invalid_checkpoint, all, [&] { read(bytes); });
}

std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

TEST(Safetensors, ReadsTensorsInOrderOfTheirData) {
  const std::string header =
      R"({"b":{"dtype":"F32","shape":[2,1],"data_offsets":[6,14]},"__metadata__":{"format":"pt"},)"
      R"("a":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}   )";
  const std::string bytes = safetensors_bytes(header, "abcdefghijklmn");
  const auto tensors = read(bytes);
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].name, "a");
  EXPECT_EQ(tensors[0].view.dtype, DType::bf16);
  EXPECT_EQ(tensors[1].view.shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(std::memcmp(tensors[1].view.data.data(), "ghijklmn", 8), 0);
  EXPECT_EQ(tensors[1].view.data.size(), 8u);
}

TEST(Safetensors, ReadsEveryElementTypeAndEmptyShapes) {
  const std::pair<const char*, DType> types[] = {{"F32", DType::f32}, {"F16", DType::f16}, {"BF16", DType::bf16},
                                                 {"I8", DType::i8},   {"I32", DType::i32}, {"U8", DType::u8},
                                                 {"I64", DType::i64}};
  for (const auto& [label, type] : types) {
    const size_t size = size_of(type);
    const auto tensors =
        read(safetensors_bytes(one(label, "[]", "[0," + std::to_string(size) + "]"), std::string(size, 'x')));
    ASSERT_EQ(tensors.size(), 1u);
    EXPECT_EQ(tensors[0].view.dtype, type);
    EXPECT_TRUE(tensors[0].view.shape.empty());
  }
  EXPECT_EQ(read(safetensors_bytes(one("F32", "[0,5]", "[0,0]"), "")).at(0).view.elements(), 0);
  EXPECT_TRUE(read(safetensors_bytes("{}", "")).empty());
}

TEST(Safetensors, RefusesWrongLengths) {
  const std::string good = safetensors_bytes(one("F32", "[2]", "[0,8]"), "12345678");
  EXPECT_EQ(read(good).size(), 1u);
  for (size_t cut = 0; cut < good.size(); ++cut) expect_invalid(good.substr(0, cut), {});
  expect_invalid("", {"0 bytes"});
  expect_invalid(good + "x", {"end at byte 8", "9"});
  std::string past = good;
  past[0] = static_cast<char>(good.size());
  expect_invalid(past, {"past the end"});
  expect_invalid(std::string(8, '\xff') + "{}", {"18446744073709551615", "limit"});
  expect_invalid(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8) + "{}", {"100000001", "limit"});
  expect_invalid(std::string(8, '\0'), {"does not begin with '{'"});
}

TEST(Safetensors, RefusesOtherFormats) {
  expect_invalid(std::string("PK\x03\x04\0\0\0\0\0\0\0\0", 12), {"header length"});
  expect_invalid(std::string("lmgg\x01\0\0\0\0\0\0\0", 12), {"header length"});
  expect_invalid(safetensors_bytes("[1,2]", ""), {"does not begin"});
  expect_invalid(safetensors_bytes("{\"a\":", ""), {"not valid JSON"});
  expect_invalid(safetensors_bytes("{\"a\xff\":1}", ""), {"not valid JSON"});
  expect_invalid(safetensors_bytes("{} x", ""), {"not valid JSON"});
}

TEST(Safetensors, RefusesEntriesThatAreNoTensors) {
  expect_invalid(safetensors_bytes(R"({"t":1})", ""), {"'t'", "not an object"});
  expect_invalid(safetensors_bytes(R"({"t":{"shape":[],"data_offsets":[0,0]}})", ""), {"'t'", "no dtype"});
  expect_invalid(safetensors_bytes(R"({"t":{"dtype":"F32","data_offsets":[0,0]}})", ""), {"'t'", "no shape"});
  expect_invalid(safetensors_bytes(R"({"t":{"dtype":"F32","shape":[]}})", ""), {"'t'", "no data_offsets"});
  expect_invalid(safetensors_bytes(R"({"t":{"dtype":7,"shape":[],"data_offsets":[0,0]}})", ""), {"dtype"});
  expect_invalid(safetensors_bytes(R"({"__metadata__":{"a":1}})", ""), {"__metadata__"});
  expect_invalid(safetensors_bytes(R"({"__metadata__":[]})", ""), {"__metadata__"});
  expect_invalid(safetensors_bytes(R"({"":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", "1234"), {"name"});
  const std::string twice = R"("t":{"dtype":"I8","shape":[1],"data_offsets":[0,1]})";
  expect_invalid(safetensors_bytes("{" + twice + "," + twice + "}", "1"), {"'t'", "twice"});
  expect_error(ErrorCode::unsupported, {"'t'", "F64"},
               [] { read(safetensors_bytes(one("F64", "[1]", "[0,8]"), "12345678")); });
}

TEST(Safetensors, RefusesShapesThatAreNoSizes) {
  for (const char* shape : {"[-1]", "[1.5]", "[\"2\"]", "[null]", "[[2]]", "2", "{}", "[true]", "[1e0]",
                            "[1,1,1,1,1,1,1,1,1]", "[18446744073709551615]", "[9223372036854775808]"}) {
    expect_invalid(safetensors_bytes(one("F32", shape, "[0,8]"), "12345678"), {"'t'", "shape"});
  }
}

TEST(Safetensors, RefusesShapesThatOverflow) {
  for (const char* shape :
       {"[4294967296,4294967296]", "[9223372036854775807,2]", "[4611686018427387905]", "[2305843009213693952,8]",
        "[0,9223372036854775807,9223372036854775807]", "[65536,65536,65536,65536]"}) {
    expect_invalid(safetensors_bytes(one("F32", shape, "[0,0]"), ""), {"'t'", "overflows"});
  }
}

TEST(Safetensors, RefusesOffsetsOutsideTheData) {
  const std::string data = "12345678";
  expect_invalid(safetensors_bytes(one("F32", "[2]", "[8,16]"), data), {"'t'", "past the end"});
  expect_invalid(safetensors_bytes(one("F32", "[2]", "[8,0]"), data), {"'t'", "backwards"});
  expect_invalid(safetensors_bytes(one("F32", "[1]", "[0,8]"), data), {"'t'", "8 bytes", "takes 4"});
  expect_invalid(safetensors_bytes(one("F32", "[2]", "[-8,0]"), data), {"'t'", "data_offsets"});
  expect_invalid(safetensors_bytes(one("F32", "[2]", "[18446744073709551608,18446744073709551615]"), data),
                 {"'t'", "data_offsets"});
  expect_invalid(safetensors_bytes(one("F32", "[2]", "[9223372036854775799,9223372036854775807]"), data),
                 {"'t'", "past the end"});
  expect_invalid(safetensors_bytes(one("F32", "[2]", "[0]"), data), {"'t'", "pair"});
  expect_invalid(safetensors_bytes(one("F32", "[2]", "[0,8,8]"), data), {"'t'", "pair"});
}

std::string two(int begin, int end) {
  return R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[)" +
         std::to_string(end - begin) + R"(],"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(end) +
         "]}}";
}

TEST(Safetensors, RefusesOverlapsAndHoles) {
  EXPECT_EQ(read(safetensors_bytes(two(4, 8), "12345678")).size(), 2u);
  expect_invalid(safetensors_bytes(two(2, 8), "12345678"), {"'b'", "overlap"});
  expect_invalid(safetensors_bytes(two(0, 4), "1234"), {"overlap"});
  expect_invalid(safetensors_bytes(two(0, 8), "12345678"), {"overlap"});
  expect_invalid(safetensors_bytes(two(5, 8), "12345678"), {"'b'", "hole"});
  expect_invalid(safetensors_bytes(two(4, 7), "12345678"), {"end at byte 7"});
}

TEST(Safetensors, DeepAndEnormousHeadersCostNeitherStackNorMemory) {
  const std::string deep(5'000'000, '[');
  expect_invalid(safetensors_bytes("{\"t\":" + deep, ""), {"nested deeper"});
  std::string objects = "{\"t\":";
  for (int i = 0; i < 500'000; ++i) objects += "{\"a\":";
  expect_invalid(safetensors_bytes(objects, ""), {"nested deeper"});
  std::string many = "{\"t\":[0";
  for (int i = 0; i < 5'000'000; ++i) many += ",0";
  struct rusage before {
  }, after{};
  getrusage(RUSAGE_SELF, &before);
  expect_invalid(safetensors_bytes(many + "]}", ""), {"more than", "values"});
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "KiB more than before";
}

TEST(Safetensors, HostileNamesAreShownShortAndPlain) {
  const std::string name(5000, 'n');
  try {
    read(safetensors_bytes("{\"" + name + "\":1}", ""));
    FAIL();
  } catch (const Error& error) {
    EXPECT_LT(std::string(error.what()).size(), 400u);
  }
  expect_invalid(safetensors_bytes(R"({"a\u001b[2J":1})", ""), {"'a?[2J'"});
}

}  // namespace
}  // namespace wtrt::checkpoint
