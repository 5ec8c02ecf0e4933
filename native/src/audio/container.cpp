#include "audio/container.hpp"

#include <cstring>

namespace wtrt::audio {
namespace {

struct Magic {
  size_t offset;
  std::string_view bytes;
  size_t offset2;  // a second mark that must be there too, when not empty
  std::string_view bytes2;
  Container container;
};

using namespace std::string_view_literals;

constexpr Magic kMagics[] = {
    {0, "RIFF", 8, "WAVE", {"WAV", ReadBy::sndfile}},
    {0, "RIFX", 8, "WAVE", {"WAV (big-endian)", ReadBy::sndfile}},
    {0, "RF64", 8, "WAVE", {"RF64", ReadBy::sndfile}},
    {0, "riff\x2e\x91\xcf\x11"sv, 0, {}, {"Wave64", ReadBy::sndfile}},
    {0, "FORM", 8, "AIFF", {"AIFF", ReadBy::sndfile}},
    {0, "FORM", 8, "AIFC", {"AIFF-C", ReadBy::sndfile}},
    {0, ".snd", 0, {}, {"AU", ReadBy::sndfile}},
    {0, "fLaC", 0, {}, {"FLAC", ReadBy::sndfile}},
    {0, "OggS", 28, "OpusHead", {"Ogg Opus", ReadBy::sndfile}},
    {0, "OggS", 28, "\x01vorbis"sv, {"Ogg Vorbis", ReadBy::sndfile}},
    {0, "OggS", 28, "Speex   ", {"Ogg Speex", ReadBy::ffmpeg}},
    {0, "OggS", 0, {}, {"Ogg", ReadBy::sndfile}},
    {0, "ID3", 0, {}, {"MP3", ReadBy::sndfile}},
    {0, "caff", 0, {}, {"CAF", ReadBy::sndfile}},
    {0, "NIST_1A", 0, {}, {"NIST SPHERE", ReadBy::sndfile}},
    {4, "ftyp", 0, {}, {"MP4/M4A", ReadBy::ffmpeg}},
    {4, "moov", 0, {}, {"QuickTime/MP4", ReadBy::ffmpeg}},
    {4, "mdat", 0, {}, {"QuickTime/MP4", ReadBy::ffmpeg}},
    {4, "wide", 0, {}, {"QuickTime/MP4", ReadBy::ffmpeg}},
    {0, "\x1a\x45\xdf\xa3"sv, 0, {}, {"WebM/Matroska", ReadBy::ffmpeg}},
    {0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"sv, 0, {}, {"ASF/WMA", ReadBy::ffmpeg}},
    {0, "#!AMR", 0, {}, {"AMR", ReadBy::ffmpeg}},
    {0, "RIFF", 8, "AVI ", {"AVI", ReadBy::ffmpeg}},
    {0, "FLV\x01"sv, 0, {}, {"FLV", ReadBy::ffmpeg}},
    {0, "MAC ", 0, {}, {"Monkey's Audio", ReadBy::ffmpeg}},
    {0, "wvpk", 0, {}, {"WavPack", ReadBy::ffmpeg}},
    {0, "TTA1", 0, {}, {"TTA", ReadBy::ffmpeg}},
    {0, "MPCK", 0, {}, {"Musepack", ReadBy::ffmpeg}},
    {0, "MP+", 0, {}, {"Musepack", ReadBy::ffmpeg}},
    {0, "TVQ 1A", 0, {}, {"TwinVQ", ReadBy::ffmpeg}},
    {0, ".RMF", 0, {}, {"RealMedia", ReadBy::ffmpeg}},
    {0, ".ra\xfd"sv, 0, {}, {"RealAudio", ReadBy::ffmpeg}},
    {0, "DSD ", 0, {}, {"DSF", ReadBy::ffmpeg}},
    {0, "FRM8", 0, {}, {"DSDIFF", ReadBy::ffmpeg}},
    {0, "ADIF", 0, {}, {"AAC (ADIF)", ReadBy::ffmpeg}},
    {0, "\x0b\x77"sv, 0, {}, {"AC-3", ReadBy::ffmpeg}},
    {0, "\x00\x00\x01\xba"sv, 0, {}, {"MPEG programme stream", ReadBy::ffmpeg}},
    {0, "\x47"sv, 188, "\x47"sv, {"MPEG transport stream", ReadBy::ffmpeg}},
};

bool holds(std::span<const std::byte> head, size_t offset, std::string_view mark) {
  if (offset + mark.size() > head.size()) return false;
  return mark.empty() ||
         std::memcmp(head.data() + offset, mark.data(), mark.size()) == 0;  // memcmp takes no null pointer
}

}  // namespace

Container recognise_container(std::span<const std::byte> head) {
  for (const Magic& magic : kMagics) {
    if (holds(head, magic.offset, magic.bytes) && holds(head, magic.offset2, magic.bytes2)) return magic.container;
  }
  // MPEG audio has no magic but the sync word: layer bits 00 are AAC in ADTS, 01..11 are layers III..I.
  if (head.size() >= 2 && head[0] == std::byte{0xff}) {
    const auto second = static_cast<unsigned>(head[1]);
    if ((second & 0xf6u) == 0xf0u) return {"AAC (ADTS)", ReadBy::ffmpeg};
    if ((second & 0xe0u) == 0xe0u && (second & 0x06u) != 0 && (second & 0x18u) != 0x08u)
      return {"MP3", ReadBy::sndfile};
  }
  return {"", ReadBy::unknown};
}

}  // namespace wtrt::audio
