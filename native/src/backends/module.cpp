#include "backends/module.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <vector>

#include "common/log.hpp"
#include "common/thread_pool.hpp"

namespace wtrt::backends {
namespace {

constexpr const char* kCudaModule = "libwhispertrt_cuda.so";

std::filesystem::path own_folder() {
  Dl_info about{};
  if (::dladdr(reinterpret_cast<const void*>(&cuda_module), &about) == 0 || about.dli_fname == nullptr) return {};
  std::error_code ignored;
  const auto whole = std::filesystem::canonical(about.dli_fname, ignored);
  return ignored ? std::filesystem::path() : whole.parent_path();
}

Module open_module(const std::filesystem::path& path) {
  Module module;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    module.reason = path.string() + " is not there: this build has no CUDA backend";
    return module;
  }
  void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    module.reason = ::dlerror();
    return module;
  }
  const auto entry = reinterpret_cast<ops::BackendEntry>(::dlsym(handle, ops::kBackendEntry));
  if (entry == nullptr) {
    module.reason = path.string() + " is not a module of this library";
    return module;
  }
  module.backend = entry(ops::kBuildStamp);
  if (module.backend == nullptr) {
    module.reason = path.string() + " is of another build than this library, " + ops::kBuildStamp;
    return module;
  }
  module.path = path.string();
  return module;
}

}  // namespace

const Module& cuda_module() {
  static const Module module = open_module(own_folder() / kCudaModule);
  return module;
}

ops::HostServices host_services() {
  return {[](int32_t level, std::string_view text) { log(static_cast<LogLevel>(level), text); },
          [](int32_t count, const std::function<void(int32_t)>& body) {
            ThreadPool& pool = ThreadPool::instance();
            const ThreadPool::Lease lease(pool);
            pool.parallel_for(count, body);
          }};
}

}  // namespace wtrt::backends
