// Recordings made on the spot, and the data folder's own, for the tests of the audio room.
#pragma once

#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "audio/pcm_source.hpp"
#include "shared_data.hpp"

namespace wtrt::test {

inline std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::byte> bytes(text.size());
  if (!bytes.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

struct Wav {
  int rate = 16000;
  int channels = 1;
  uint32_t mask = 0;            // WAVE_FORMAT_EXTENSIBLE when not 0
  int64_t declared_bytes = -1;  // of the data chunk; -1: the truth
};

inline std::vector<std::byte> wav_header(const Wav& wav, int64_t data_bytes) {
  std::string out;
  const auto number = [&out](uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  };
  const uint64_t declared = static_cast<uint64_t>(wav.declared_bytes >= 0 ? wav.declared_bytes : data_bytes);
  const unsigned fmt_bytes = wav.mask != 0 ? 40 : 16;
  out += "RIFF";
  number(declared + 20 + fmt_bytes, 4);
  out += "WAVEfmt ";
  number(fmt_bytes, 4);
  number(wav.mask != 0 ? 0xfffe : 1, 2);
  number(static_cast<uint64_t>(wav.channels), 2);
  number(static_cast<uint64_t>(wav.rate), 4);
  number(static_cast<uint64_t>(wav.rate) * static_cast<uint64_t>(wav.channels) * 2, 4);
  number(static_cast<uint64_t>(wav.channels * 2), 2);
  number(16, 2);
  if (wav.mask != 0) {
    number(22, 2);
    number(16, 2);
    number(wav.mask, 4);
    out += std::string("\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71", 16);
  }
  out += "data";
  number(declared, 4);
  std::vector<std::byte> bytes(out.size());
  if (!bytes.empty()) std::memcpy(bytes.data(), out.data(), out.size());
  return bytes;
}

// `samples` interleaved.
inline std::vector<std::byte> wav_file(const std::vector<int16_t>& samples, const Wav& wav = {}) {
  const size_t data_bytes = samples.size() * 2;
  auto bytes = wav_header(wav, static_cast<int64_t>(data_bytes));
  const size_t header = bytes.size();
  bytes.resize(header + data_bytes);
  if (data_bytes > 0) std::memcpy(bytes.data() + header, samples.data(), data_bytes);
  return bytes;
}

// Noise under a slow swell: no two stretches alike.
inline std::vector<int16_t> noise(size_t count, uint32_t seed = 1) {
  std::vector<int16_t> samples(count);
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    const double swell = 0.55 + 0.45 * std::sin(static_cast<double>(i) * 7e-5);
    samples[i] = static_cast<int16_t>(static_cast<double>(static_cast<int32_t>(seed) >> 17) * swell);
  }
  return samples;
}

inline std::vector<float> as_floats(const std::vector<int16_t>& samples) {
  std::vector<float> out;
  for (const int16_t sample : samples) out.push_back(static_cast<float>(sample) / 32768.0f);
  return out;
}

inline std::vector<float> read_all(audio::PcmSource& source, size_t block = 5003) {
  std::vector<float> all;
  std::vector<float> part(block);
  while (const size_t count = source.read(part)) {
    all.insert(all.end(), part.begin(), part.begin() + static_cast<ptrdiff_t>(count));
  }
  return all;
}

// A pipe that a thread fills.
class Feed {
 public:
  template <typename Write>
  explicit Feed(Write write) {
    if (::pipe(ends_) != 0) throw std::runtime_error("pipe");
    std::signal(SIGPIPE, SIG_IGN);  // a reader may stop before the end
    thread_ = std::thread([write, end = ends_[1]] {
      write([end](const void* data, size_t size) { return ::write(end, data, size) == static_cast<ssize_t>(size); });
      ::close(end);
    });
  }
  explicit Feed(std::vector<std::byte> bytes)
      : Feed([bytes = std::move(bytes)](auto put) {
          // uneven pieces, as networks deliver
          for (size_t at = 0, size = 1; at < bytes.size(); at += size) {
            size = std::min(bytes.size() - at, size * 3 % 7001 + 1);
            if (!put(bytes.data() + at, size)) return;
          }
        }) {}
  ~Feed() {
    ::close(ends_[0]);
    thread_.join();
  }
  int descriptor() const { return ends_[0]; }

 private:
  int ends_[2] = {-1, -1};
  std::thread thread_;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "wtrt-audio-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::vector<std::byte>& bytes) const {
    std::ofstream out(path_ / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline bool have_ffmpeg_program() { return std::system("ffmpeg -version > /dev/null 2>&1") == 0; }

// What openai/whisper hears: `ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -`.
inline std::vector<float> decoded_by_ffmpeg_program(const std::filesystem::path& path) {
  const std::string command =
      "ffmpeg -nostdin -v quiet -i '" + path.string() + "' -f s16le -ac 1 -acodec pcm_s16le -ar 16000 -";
  FILE* out = ::popen(command.c_str(), "r");
  std::vector<int16_t> samples;
  int16_t block[4096];
  while (const size_t count = std::fread(block, 2, 4096, out)) samples.insert(samples.end(), block, block + count);
  ::pclose(out);
  return as_floats(samples);
}

inline bool have_ffmpeg_module() {
  return nlohmann::json::parse(audio::describe_audio_support())["ffmpeg"]["found"].get<bool>();
}

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

inline Tensor golden_tensor(const std::filesystem::path& path, const std::string& name) {
  std::ifstream in(path, std::ios::binary);
  uint64_t header_bytes = 0;
  in.read(reinterpret_cast<char*>(&header_bytes), 8);
  std::string header(header_bytes, ' ');
  in.read(header.data(), static_cast<std::streamsize>(header_bytes));
  const auto about = nlohmann::json::parse(header).at(name);
  const auto offsets = about.at("data_offsets").get<std::vector<int64_t>>();
  Tensor tensor{about.at("shape").get<std::vector<int64_t>>(),
                std::vector<float>(static_cast<size_t>(offsets[1] - offsets[0]) / 4)};
  in.seekg(static_cast<std::streamoff>(8 + header_bytes) + offsets[0]);
  in.read(reinterpret_cast<char*>(tensor.values.data()), offsets[1] - offsets[0]);
  return tensor;
}

}  // namespace wtrt::test
