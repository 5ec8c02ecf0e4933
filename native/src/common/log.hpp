// Log lines of the core. Silent until a sink is set (wtrt_set_log_sink).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace wtrt {

enum class LogLevel : int32_t { debug = 0, info = 1, warning = 2, error = 3 };

using LogSink = std::function<void(LogLevel, std::string_view)>;

// Replaces the sink; an empty one silences. Lines below `least` are dropped. A sink may be called from any thread.
void set_log_sink(LogSink sink, LogLevel least);
void log(LogLevel level, std::string_view message) noexcept;

// True while the calling thread is inside the sink: acts that would deadlock there (closing an engine) refuse.
bool inside_log_sink() noexcept;

}  // namespace wtrt
