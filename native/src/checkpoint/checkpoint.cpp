#include "checkpoint/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "checkpoint/json.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/whisper_config.hpp"
#include "checkpoint/whisper_tensors.hpp"
#include "common/error.hpp"

namespace wtrt::checkpoint {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kPrefix = "model.";
constexpr JsonLimits kIndexLimits{.bytes = size_t{64} << 20};

[[noreturn]] void bad(const std::string& what, const std::string& reason) {
  throw Error(ErrorCode::invalid_checkpoint, what + ": " + reason);
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (const int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

std::string_view type_text(DType type) {
  constexpr std::string_view kNames[] = {"F32", "F16", "BF16", "I8", "I32", "U8", "I64"};
  return kNames[static_cast<size_t>(type)];
}

bool is_float(DType type) { return type == DType::f32 || type == DType::f16 || type == DType::bf16; }

json read_json(const fs::path& path) { return parse_json(MappedFile::open(path)->bytes(), path.string()); }

void check_directory(const fs::path& directory) {
  std::error_code ignored;
  if (fs::is_regular_file(directory, ignored)) {
    throw Error(ErrorCode::unsupported,
                "'" + directory.string() +
                    "' is a file; a model is a Hugging Face directory with config.json and model.safetensors");
  }
  if (!fs::is_directory(directory, ignored)) {
    throw Error(ErrorCode::not_found, "model directory '" + directory.string() + "' does not exist");
  }
  if (!fs::exists(directory / "config.json", ignored)) {
    throw Error(ErrorCode::not_found,
                "'" + directory.string() + "' has no config.json; a model is a Hugging Face directory");
  }
}

// A shard's name comes out of a file: only a plain name may be joined to the directory.
void check_shard_name(const std::string& name, const std::string& what) {
  constexpr std::string_view kEnding = ".safetensors";
  const bool plain = name.size() > kEnding.size() && name.size() <= 255 && name.ends_with(kEnding) &&
                     name.find_first_of(std::string_view("/\\\0:", 4)) == std::string::npos;
  if (!plain)
    bad(what, "weight_map names the file " + in_quotes(name) +
                  "; it must be a plain *.safetensors name in the same directory");
}

// File → the tensors that the index promises in it.
std::map<std::string, std::vector<std::string>> read_index(const fs::path& path) {
  const std::string what = path.string();
  const json index = parse_json(MappedFile::open(path)->bytes(), what, kIndexLimits);
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || map == index.end() || !map->is_object())
    bad(what, "weight_map is missing or not an object");
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) bad(what, "weight_map gives no file name for tensor " + in_quotes(tensor));
    const auto& name = file.get_ref<const std::string&>();
    check_shard_name(name, what);
    shards[name].push_back(tensor);
  }
  return shards;
}

}  // namespace

struct Loader {
  Checkpoint& into;

  void open() {
    const fs::path& directory = into.directory_;
    check_directory(directory);
    read_configs();
    std::error_code ignored;
    if (fs::exists(directory / "model.safetensors", ignored)) {
      for (StoredTensor& tensor : map_file(directory / "model.safetensors"))
        add(std::move(tensor), "model.safetensors");
    } else if (fs::exists(directory / "model.safetensors.index.json", ignored)) {
      read_shards(directory / "model.safetensors.index.json");
    } else {
      no_weights();
    }
    tie_logits();
    check_tensors();
  }

  void read_configs() {
    const fs::path config = into.directory_ / "config.json";
    const json parsed = read_json(config);
    into.whisper_ = read_config(parsed, config.string());
    into.quantization_ = read_quantization(parsed, config.string());
    std::error_code ignored;
    if (const fs::path path = into.directory_ / "generation_config.json"; fs::exists(path, ignored)) {
      read_generation_config(read_json(path), path.string(), into.whisper_);
    }
    if (const fs::path path = into.directory_ / "preprocessor_config.json"; fs::exists(path, ignored)) {
      check_preprocessor_config(read_json(path), path.string(), into.whisper_);
    }
  }

  [[noreturn]] void no_weights() const {
    std::error_code ignored;
    const fs::path& directory = into.directory_;
    for (const char* other :
         {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.bin", "tf_model.h5", "flax_model.msgpack"}) {
      if (fs::exists(directory / other, ignored)) {
        throw Error(ErrorCode::unsupported,
                    "'" + directory.string() + "' holds its weights as " + other +
                        "; only model.safetensors can be read: get or convert the model in that format");
      }
    }
    throw Error(ErrorCode::not_found,
                "'" + directory.string() +
                    "' has neither model.safetensors nor model.safetensors.index.json; download the model's weights");
  }

  std::vector<StoredTensor> map_file(const fs::path& path) {
    into.files_.push_back(MappedFile::open(path));
    return read_safetensors(into.files_.back()->bytes(), path.string());
  }

  void read_shards(const fs::path& index) {
    for (const auto& [file, promised] : read_index(index)) {
      std::unordered_map<std::string, StoredTensor> stored;
      for (StoredTensor& tensor : map_file(into.directory_ / file)) {
        std::string name = tensor.name;
        stored.emplace(std::move(name), std::move(tensor));
      }
      for (const std::string& name : promised) {
        const auto found = stored.find(name);
        if (found == stored.end())
          bad(index.string(),
              "tensor " + in_quotes(name) + " is not in " + in_quotes(file) + ", where weight_map has it");
        add(std::move(found->second), file);
      }
    }
  }

  void add(StoredTensor tensor, const std::string& file) {
    const std::string_view stored = tensor.name;
    std::string name(stored.starts_with(kPrefix) ? stored.substr(kPrefix.size()) : stored);
    align(tensor.view);
    if (!into.tensors_.emplace(name, std::move(tensor.view)).second) {
      bad((into.directory_ / file).string(),
          "tensor " + in_quotes(name) + " is stored twice, with and without the prefix 'model.'");
    }
  }

  // The format does not align its data; who computes with it must not care.
  void align(TensorView& view) {
    if (reinterpret_cast<uintptr_t>(view.data.data()) % size_of(view.dtype) == 0) return;
    auto& copy = into.copies_.emplace_back(view.data.size() / sizeof(std::max_align_t) + 1);
    std::memcpy(copy.data(), view.data.data(), view.data.size());
    view.data = std::as_bytes(std::span(copy)).first(view.data.size());
  }

  void tie_logits() {
    if (into.find(kProjOut) != nullptr) return;
    for (const std::string_view suffix : {std::string_view(), kScaleSuffix}) {
      const TensorView* embedding = into.find(std::string(kEmbedTokens) + std::string(suffix));
      if (embedding == nullptr) continue;
      const TensorView tied = *embedding;
      into.tensors_.emplace(std::string(kProjOut) + std::string(suffix), tied);
    }
  }

  void check_tensors() const {
    for (const RequiredTensor& required : required_tensors(into.whisper_)) check(required);
    check({std::string(kProjOut), {into.whisper_.vocab_size, into.whisper_.width}, true});
  }

  void check(const RequiredTensor& required) const {
    const TensorView& tensor = into.tensor(required.name, required.shape);
    if (required.linear && into.quantization_) {
      expect_type(required.name, tensor, tensor.dtype == DType::i8, "I8, as config.json's quantization says");
      check_scale(required.name + std::string(kScaleSuffix), required.shape[0]);
    } else {
      expect_type(required.name, tensor, is_float(tensor.dtype), "F32, F16 or BF16");
    }
  }

  void check_scale(const std::string& name, int64_t channels) const {
    const TensorView& scale = into.tensor(name, std::span(&channels, 1));
    expect_type(name, scale, scale.dtype == DType::f32, "F32");
    std::vector<float> values(static_cast<size_t>(channels));
    read_f32(scale, 0, values);
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i]) && !std::signbit(values[i])) continue;
      bad(into.directory_.string(), "tensor " + in_quotes(name) + ": scale " + std::to_string(values[i]) +
                                        " at element " + std::to_string(i) + " is not a finite number of at least 0");
    }
  }

  void expect_type(const std::string& name, const TensorView& tensor, bool right, std::string_view expected) const {
    if (right) return;
    bad(into.directory_.string(), "tensor " + in_quotes(name) + " has dtype " + std::string(type_text(tensor.dtype)) +
                                      "; expected " + std::string(expected));
  }
};

std::shared_ptr<const Checkpoint> Checkpoint::open(const fs::path& directory) {
  auto checkpoint = std::make_shared<Checkpoint>();
  checkpoint->directory_ = directory;
  Loader{*checkpoint}.open();
  return checkpoint;
}

const TensorView* Checkpoint::find(std::string_view name) const {
  const auto found = tensors_.find(std::string(name));
  return found == tensors_.end() ? nullptr : &found->second;
}

const TensorView& Checkpoint::tensor(std::string_view name, std::span<const int64_t> shape) const {
  const TensorView* found = find(name);
  if (found == nullptr) bad(directory_.string(), "tensor " + in_quotes(name) + " " + shape_text(shape) + " is missing");
  if (!std::ranges::equal(found->shape, shape)) {
    bad(directory_.string(),
        "tensor " + in_quotes(name) + " has shape " + shape_text(found->shape) + "; expected " + shape_text(shape));
  }
  return *found;
}

namespace {

// The sum over tensors, those that share their data (tied logits) once.
template <typename Value>
int64_t sum_once(const std::unordered_map<std::string, TensorView>& tensors, Value value) {
  int64_t sum = 0;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(kProjOut)) {
      const auto embedding = tensors.find(std::string(kEmbedTokens) + name.substr(kProjOut.size()));
      if (embedding != tensors.end() && embedding->second.data.data() == tensor.data.data()) continue;
    }
    sum += value(tensor);
  }
  return sum;
}

}  // namespace

int64_t Checkpoint::stored_bytes() const {
  return sum_once(tensors_, [](const TensorView& tensor) { return static_cast<int64_t>(tensor.data.size()); });
}

int64_t Checkpoint::elements() const {
  return sum_once(tensors_, [](const TensorView& tensor) { return tensor.elements(); });
}

}  // namespace wtrt::checkpoint
