#include "checkpoint/quantize.hpp"

#include <unistd.h>

#include <fstream>
#include <unordered_set>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/json.hpp"
#include "checkpoint/safetensors_writer.hpp"
#include "checkpoint/whisper_tensors.hpp"
#include "common/error.hpp"
#include "quant/int8.hpp"

namespace wtrt::checkpoint {
namespace {

namespace fs = std::filesystem;

// Files that go along unchanged, where the model has them.
constexpr const char* kCompanions[] = {"generation_config.json",
                                       "preprocessor_config.json",
                                       "tokenizer.json",
                                       "tokenizer_config.json",
                                       "vocab.json",
                                       "merges.txt",
                                       "normalizer.json",
                                       "added_tokens.json",
                                       "special_tokens_map.json",
                                       "LICENSE"};

// A folder beside `output` that vanishes unless it is put in its place.
class PartialDirectory {
 public:
  explicit PartialDirectory(const fs::path& output) : output_(output) {
    std::error_code error;
    if (output.has_parent_path()) fs::create_directories(output.parent_path(), error);
    std::string name(".");
    name.append(output.filename().string()).append(".partial-").append(std::to_string(::getpid())).append("-");
    bool created = false;
    for (int attempt = 0; !error && !created; ++attempt) {  // until a name is free
      partial_ = output.parent_path() / (name + std::to_string(attempt));
      created = fs::create_directory(partial_, error);
    }
    if (error)
      throw Error(ErrorCode::io, "cannot create a folder beside '" + output.string() + "': " + error.message());
  }
  ~PartialDirectory() {
    std::error_code ignored;
    if (!placed_) fs::remove_all(partial_, ignored);
  }
  PartialDirectory(const PartialDirectory&) = delete;
  PartialDirectory& operator=(const PartialDirectory&) = delete;

  const fs::path& path() const { return partial_; }

  void place() {
    sync_to_disk(partial_);
    std::error_code error;
    fs::rename(partial_, output_, error);  // an empty folder may be there; a full one is an error
    if (error)
      throw Error(ErrorCode::io,
                  "cannot rename '" + partial_.string() + "' to '" + output_.string() + "': " + error.message());
    placed_ = true;
  }

 private:
  fs::path output_, partial_;
  bool placed_ = false;
};

fs::path checked_output(fs::path output) {
  if (!output.has_filename()) output = output.parent_path();  // "folder/"
  if (output.empty() || output.filename() == "." || output.filename() == "..") {
    throw Error(ErrorCode::invalid_argument, "output '" + output.string() + "' names no new folder");
  }
  std::error_code ignored;
  if (fs::exists(output, ignored) && !(fs::is_directory(output, ignored) && fs::is_empty(output, ignored))) {
    throw Error(ErrorCode::invalid_argument,
                "output '" + output.string() + "' exists and is not an empty folder; choose another or remove it");
  }
  return output;
}

void write_config(const Checkpoint& model, const fs::path& folder, std::string_view weights) {
  const fs::path source = model.directory() / "config.json";
  nlohmann::json config = parse_json(MappedFile::open(source)->bytes(), source.string());
  config["quantization"] = {{"weights", std::string(weights)}};
  const fs::path path = folder / "config.json";
  std::ofstream out(path, std::ios::binary);
  out << config.dump(2) << '\n';
  out.close();
  if (!out) throw Error(ErrorCode::io, "cannot write '" + path.string() + "': is the disk full?");
  sync_to_disk(path);
}

void copy_companions(const fs::path& model, const fs::path& folder) {
  for (const char* name : kCompanions) {
    std::error_code error;
    if (!fs::is_regular_file(model / name, error)) continue;
    fs::copy_file(model / name, folder / name, error);
    // The copy takes the source's permissions; a read-only one could not be removed or replaced as a folder's own file
    // should.
    if (!error) fs::permissions(folder / name, fs::perms::owner_write, fs::perm_options::add, error);
    if (error)
      throw Error(ErrorCode::io,
                  "cannot copy '" + (model / name).string() + "' to '" + folder.string() + "': " + error.message());
    sync_to_disk(folder / name);
  }
}

struct QuantizedRows {
  std::vector<int8_t> weights;
  std::vector<float> scales;
};

QuantizedRows quantize_rows(const TensorView& tensor) {
  const auto rows = static_cast<size_t>(tensor.shape[0]), columns = static_cast<size_t>(tensor.shape[1]);
  QuantizedRows result{std::vector<int8_t>(rows * columns), std::vector<float>(rows)};
  std::vector<float> row(columns);
  for (size_t i = 0; i < rows; ++i) {
    read_f32(tensor, static_cast<int64_t>(i * columns), row);
    quant::quantize_row_int8(row, std::span(result.weights).subspan(i * columns, columns), result.scales[i]);
  }
  return result;
}

// The tensors of the output, and which of the input's become int8.
struct Plan {
  std::vector<SafetensorsWriter::Tensor> tensors;
  std::unordered_set<std::string> linear;
};

Plan plan_of(const Checkpoint& model) {
  Plan plan;
  std::vector<RequiredTensor> required = required_tensors(model.whisper());
  const TensorView* logits = model.find(kProjOut);
  const bool tied = logits->data.data() == model.find(kEmbedTokens)->data.data();
  if (!tied) required.push_back({std::string(kProjOut), logits->shape, true});
  for (RequiredTensor& tensor : required) {
    const DType stored = model.find(tensor.name)->dtype;
    if (tensor.linear) {
      plan.linear.insert(tensor.name);
      plan.tensors.push_back({tensor.name + std::string(kScaleSuffix), DType::f32, {tensor.shape[0]}});
    }
    plan.tensors.push_back({std::move(tensor.name), tensor.linear ? DType::i8 : stored, std::move(tensor.shape)});
  }
  return plan;
}

// Scales come before the int8 weights in the file (larger elements first), so each linear tensor is quantized twice
// rather than all kept: memory stays that of one tensor.
void write_weights(const Checkpoint& model, const fs::path& path, const std::function<void(double)>& progress) {
  Plan plan = plan_of(model);
  SafetensorsWriter writer(path, std::move(plan.tensors));
  const double whole = static_cast<double>(writer.tensors().size());
  double done = 0;
  for (const auto& entry : writer.tensors()) {
    const bool scale = entry.name.ends_with(kScaleSuffix);
    const std::string source = scale ? entry.name.substr(0, entry.name.size() - kScaleSuffix.size()) : entry.name;
    const TensorView& tensor = *model.find(source);
    check_finite(tensor, source);
    if (plan.linear.contains(source)) {
      const QuantizedRows rows = quantize_rows(tensor);
      writer.append(scale ? std::as_bytes(std::span(rows.scales)) : std::as_bytes(std::span(rows.weights)));
    } else {
      writer.append(tensor.data);
    }
    if (progress) progress(++done / whole);
  }
  writer.finish();
}

}  // namespace

void quantize(const fs::path& model, const fs::path& output, std::string_view weights,
              const std::function<void(double)>& progress) {
  if (weights != "int8") {
    throw Error(ErrorCode::invalid_argument,
                "weights " + in_quotes(weights) + " cannot be written; this version writes 'int8'");
  }
  const fs::path target = checked_output(output);
  const auto checkpoint = Checkpoint::open(model);
  if (checkpoint->quantization()) {
    throw Error(ErrorCode::invalid_argument,
                "'" + model.string() + "' is quantized already; start from the original checkpoint");
  }
  PartialDirectory partial(target);
  write_config(*checkpoint, partial.path(), weights);
  copy_companions(model, partial.path());
  write_weights(*checkpoint, partial.path() / "model.safetensors", progress);
  partial.place();
}

}  // namespace wtrt::checkpoint
