// What a file is by its first bytes, so that an error can name it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace wtrt::audio {

enum class ReadBy { unknown, sndfile, ffmpeg };

struct Container {
  std::string_view name;  // "MP4/M4A"; empty when not recognised
  ReadBy reader;          // the library that is expected to read it
};

Container recognise_container(std::span<const std::byte> head);

}  // namespace wtrt::audio
