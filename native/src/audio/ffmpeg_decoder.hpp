// Decoding by the FFmpeg module, opened at run time.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "audio/decoder.hpp"
#include "audio/ffmpeg/module_interface.h"

namespace wtrt::audio {

// The loaded module, or why there is none.
struct FfmpegModule {
  const wtrt_ffmpeg_functions* functions = nullptr;
  std::string path;    // of the loaded module
  std::string reason;  // empty when `functions` is set
};

// Tries the candidates in order; a bare file name means the system's search path. Never unloads what it loaded.
FfmpegModule load_ffmpeg_module(std::span<const std::filesystem::path> candidates);

// Looked for once: beside the library that holds this code, in ../lib from there, then on the search path.
const FfmpegModule& ffmpeg_module();

Attempt try_ffmpeg(ByteStream& bytes, int channel);

}  // namespace wtrt::audio
