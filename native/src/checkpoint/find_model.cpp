#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/json.hpp"
#include "common/error.hpp"

namespace wtrt::checkpoint {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// What a name may mean, most exact first.
struct Names {
  std::vector<std::string> folders;       // under each folder of $WHISPERTRT_MODELS
  std::vector<std::string> repositories;  // "organisation/name", in the Hugging Face cache
};

bool is_name(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !text.empty() && text.size() <= 128 && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), plain);
}

std::string without_alias(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kAliases{
      {{"turbo", "large-v3-turbo"}, {"large", "large-v3"}}};
  constexpr std::string_view kFamily = "whisper-";
  const bool prefixed = name.starts_with(kFamily);
  const std::string_view size = prefixed ? name.substr(kFamily.size()) : name;
  for (const auto& [alias, meaning] : kAliases) {
    if (size == alias) return std::string(prefixed ? kFamily : "") + std::string(meaning);
  }
  return std::string(name);
}

// Empty where the text can only be a path.
Names names_of(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view organisation = slash == std::string_view::npos ? std::string_view() : text.substr(0, slash);
  const std::string_view last = slash == std::string_view::npos ? text : text.substr(slash + 1);
  if (!is_name(last) || (slash != std::string_view::npos && !is_name(organisation))) return {};
  Names names;
  const auto add = [](std::vector<std::string>& list, std::string item) {
    if (std::ranges::find(list, item) == list.end()) list.push_back(std::move(item));
  };
  if (!organisation.empty()) add(names.folders, std::string(text));
  const std::string exact(last), meant = without_alias(last);
  for (const char* ending : {"", "-int8"}) {
    for (const std::string& base : {exact, "whisper-" + exact, meant, "whisper-" + meant}) {
      if (!base.starts_with("whisper-whisper-")) add(names.folders, base + ending);
    }
  }
  if (!organisation.empty()) {
    add(names.repositories, std::string(text));
    add(names.repositories, std::string(organisation) + "/" + meant);
  } else if (meant.starts_with("distil-")) {
    add(names.repositories, "distil-whisper/" + meant);
  } else {
    add(names.repositories, "openai/" + (meant.starts_with("whisper-") ? meant : "whisper-" + meant));
  }
  return names;
}

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  const std::string list = environment("WHISPERTRT_MODELS");
  for (size_t begin = 0; begin < list.size();) {
    const size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) folders.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return folders;
}

std::optional<fs::path> hub_cache() {
  if (const std::string set = environment("HF_HUB_CACHE"); !set.empty()) return set;
  if (const std::string set = environment("HF_HOME"); !set.empty()) return fs::path(set) / "hub";
  if (const std::string home = environment("HOME"); !home.empty())
    return fs::path(home) / ".cache" / "huggingface" / "hub";
  return std::nullopt;
}

bool holds_model(const fs::path& directory) {
  std::error_code ignored;
  return fs::is_regular_file(directory / "config.json", ignored);
}

// models--organisation--name/snapshots/REVISION, the revision that refs/main names or else the newest there is.
std::optional<fs::path> cached_snapshot(const fs::path& repository) {
  std::string revision;
  if (std::ifstream reference(repository / "refs" / "main"); reference) {
    revision.resize(256);
    reference.read(revision.data(), static_cast<std::streamsize>(revision.size()));
    revision.resize(static_cast<size_t>(reference.gcount()));
    while (!revision.empty() && (revision.back() == '\n' || revision.back() == '\r' || revision.back() == ' '))
      revision.pop_back();
  }
  if (is_name(revision) && holds_model(repository / "snapshots" / revision)) return repository / "snapshots" / revision;
  std::optional<fs::path> newest;
  fs::file_time_type newest_time{};
  std::error_code error;
  for (fs::directory_iterator at(repository / "snapshots", error), end; !error && at != end; at.increment(error)) {
    if (!holds_model(at->path())) continue;
    std::error_code ignored;
    const fs::file_time_type time = fs::last_write_time(at->path(), ignored);
    if (!newest || time > newest_time) {
      newest = at->path();
      newest_time = time;
    }
  }
  return newest;
}

std::string cache_folder(std::string repository) {
  repository.replace(repository.find('/'), 1, "--");
  return "models--" + repository;
}

}  // namespace

fs::path find_model(std::string_view name_or_path) {
  if (name_or_path.empty())
    throw Error(ErrorCode::invalid_argument, "the model's name is empty; give a name such as 'base' or a directory");
  const fs::path as_path(name_or_path);
  if (holds_model(as_path)) return as_path;
  std::error_code ignored;
  if (fs::is_regular_file(as_path, ignored)) {
    throw Error(ErrorCode::unsupported, "model " + in_quotes(name_or_path) +
                                            " is a file; a model is a Hugging Face directory with config.json");
  }
  std::string tried = "\n  " + as_path.string();
  const auto found = [&tried](const fs::path& place) {
    if (holds_model(place)) return true;
    tried += "\n  " + place.string();
    return false;
  };
  const Names names = names_of(name_or_path);
  const std::vector<fs::path> folders = model_folders();
  for (const std::string& name : names.folders) {
    for (const fs::path& folder : folders) {
      if (found(folder / name)) return folder / name;
    }
  }
  if (folders.empty()) tried += "\n  (WHISPERTRT_MODELS is not set: a list of folders that hold models)";
  const std::optional<fs::path> cache = hub_cache();
  for (const std::string& repository : names.repositories) {
    if (!cache) break;
    const fs::path place = *cache / cache_folder(repository);
    if (const auto snapshot = cached_snapshot(place)) return *snapshot;
    tried += "\n  " + place.string();
  }
  std::string message =
      "model " + in_quotes(name_or_path) + " was not found. Tried (each must hold config.json):" + tried;
  if (!names.repositories.empty()) message += "\nTo get it: huggingface-cli download " + names.repositories.front();
  throw Error(ErrorCode::not_found, message);
}

}  // namespace wtrt::checkpoint
