// A backend that is a library of its own, opened at run time: what the module and the library say to each other. Both are of one build;
// whoever opens the module compares the stamps before anything else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/ops.hpp"

namespace wtrt::ops {

struct DeviceInfo {
  std::string name;
  int32_t index;
  std::string architecture;  // "sm_90"
  int64_t memory_bytes, free_bytes;
  std::string refusal;  // why it cannot be used; empty: it can
};

// What the library lends the module, whose own copies of these would know nothing of the process's.
struct HostServices {
  std::function<void(int32_t level, std::string_view text)> log;
  std::function<void(int32_t count, const std::function<void(int32_t)>& body)> parallel_for;
};

struct LogMelShape {
  std::span<const float> filters;  // [mels, 201]
  int32_t mels;
  int32_t block_frames, most_blocks;  // frames of a block, blocks that are made at once
};

// Log-mel frames of 400 samples, every 160. May be used by several threads at once; all its memory is
// taken when it is made.
class LogMel {
 public:
  virtual ~LogMel() = default;
  // Frame i of `blocks` blocks in a row sees samples [160 i, 160 i + 400). Writes log10 of the mel power, at least -10,
  // as [blocks, mels, block_frames] and waits for it. Throws device.
  virtual void make(const float* samples, int32_t blocks, float* out) = 0;
};

// One device of the backend under one compute type, with the memory of a model's weights.
class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  // A stream of ops. Outlives the device object if need be.
  virtual std::unique_ptr<Ops> make_ops() = 0;
  virtual std::unique_ptr<LogMel> make_log_mel(const LogMelShape& shape) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  // Empty with a reason (no driver, no GPU) in `refusal`.
  virtual std::vector<DeviceInfo> devices(std::string& refusal) const = 0;
  // Throws not_found (no such device), unsupported, out_of_memory.
  virtual std::shared_ptr<Device> open(int32_t index, ComputeType compute_type, const HostServices& services) const = 0;
};

// The module's one export.
using BackendEntry = const Backend* (*)(const char* stamp);  // null if it is of another build
constexpr const char* kBackendEntry = "wtrt_backend_entry";
#ifdef WTRT_BUILD_STAMP  // for the two files that compare it
constexpr const char* kBuildStamp = WTRT_BUILD_STAMP;
#endif

}  // namespace wtrt::ops
