// Decoding by libsndfile: WAV in all its forms, AIFF, AU, FLAC, Ogg Vorbis and Opus, MP3, NIST SPHERE, CAF.
#pragma once

#include <string>

#include "audio/decoder.hpp"

namespace wtrt::audio {

Attempt try_sndfile(ByteStream& bytes, int channel);
std::string sndfile_version();  // empty when the build has no libsndfile

}  // namespace wtrt::audio
