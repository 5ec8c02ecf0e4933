#include "common/log.hpp"

#include <memory>
#include <mutex>

namespace wtrt {
namespace {

struct Sink {
  LogSink call;
  LogLevel least;
};

struct Current {
  std::mutex mutex;
  std::shared_ptr<const Sink> sink;
};

// Never destroyed: an engine's thread may still log while the process ends.
Current& current() {
  static auto* const instance = new Current;
  return *instance;
}

thread_local bool in_sink = false;

}  // namespace

void set_log_sink(LogSink sink, LogLevel least) {
  auto next = sink ? std::make_shared<const Sink>(Sink{std::move(sink), least}) : nullptr;
  const std::lock_guard lock(current().mutex);
  current().sink = std::move(next);
}

void log(LogLevel level, std::string_view message) noexcept {
  std::shared_ptr<const Sink> sink;
  {
    const std::lock_guard lock(current().mutex);
    sink = current().sink;
  }
  if (!sink || level < sink->least || in_sink) return;
  in_sink = true;
  try {
    sink->call(level, message);
  } catch (...) {  // a host's sink must not take the core down
  }
  in_sink = false;
}

bool inside_log_sink() noexcept { return in_sink; }

}  // namespace wtrt
