// libwhispertrt_ffmpeg.so: whatever FFmpeg's libraries can read, as 16 kHz mono 16-bit samples: those that
// `ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -` gives, because its own resampler makes them.
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
}

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "audio/ffmpeg/module_interface.h"

namespace {

constexpr int kSampleRate = 16000;
constexpr int kIoBuffer = 1 << 16;
constexpr int kLowestRate = 1000;  // the bounds of the core's own resampler
constexpr int kHighestRate = 2'000'000;

std::string error_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

struct Failure {
  std::string message;
};

void require(int code, const char* act) {
  if (code < 0) throw Failure{std::string(act) + ": " + error_text(code)};
}

template <auto function>
struct FreeBy {
  template <typename T>
  void operator()(T* object) const {
    function(&object);
  }
};

int read_bytes(void* opaque, uint8_t* out, int count) {
  const auto& bytes = *static_cast<wtrt_ffmpeg_bytes*>(opaque);
  const int64_t got = bytes.read(bytes.context, out, count);
  if (got < 0) return AVERROR(EIO);
  return got == 0 ? AVERROR_EOF : static_cast<int>(got);
}

int64_t seek_bytes(void* opaque, int64_t offset, int whence) {
  const auto& bytes = *static_cast<wtrt_ffmpeg_bytes*>(opaque);
  whence &= ~AVSEEK_FORCE;
  if (whence == AVSEEK_SIZE) return bytes.size >= 0 ? bytes.size : AVERROR(ENOSYS);
  if (whence != SEEK_SET) return AVERROR(EINVAL);
  const int64_t at = bytes.seek(bytes.context, offset);
  return at < 0 ? AVERROR(EIO) : at;
}

// Playlists and the like name other files and addresses: a recording is one file, so nothing else is opened.
int refuse_other_files(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EACCES); }

}  // namespace

struct wtrt_ffmpeg_decoder {
 public:
  wtrt_ffmpeg_decoder(const wtrt_ffmpeg_bytes& bytes, int channel) : bytes_(bytes), channel_(channel) {}
  ~wtrt_ffmpeg_decoder() {
    swr_free(&swr_);
    av_channel_layout_uninit(&layout_);
    if (format_ != nullptr) avformat_close_input(&format_);
    if (io_ != nullptr) {
      av_freep(&io_->buffer);
      avio_context_free(&io_);
    }
  }
  wtrt_ffmpeg_decoder(const wtrt_ffmpeg_decoder&) = delete;
  wtrt_ffmpeg_decoder& operator=(const wtrt_ffmpeg_decoder&) = delete;

  // Apart from the constructor, so that the destructor closes what was opened when this throws.
  void open() {
    open_container();
    open_codec();
    packet_.reset(av_packet_alloc());
    frame_.reset(av_frame_alloc());
    if (!packet_ || !frame_) throw std::bad_alloc();
  }

  int64_t read(int16_t* out, int64_t count) {
    while (ready_from_ == ready_.size() && !ended_) decode_more();
    const size_t given = std::min(static_cast<size_t>(count), ready_.size() - ready_from_);
    std::copy_n(ready_.begin() + static_cast<ptrdiff_t>(ready_from_), given, out);
    ready_from_ += given;
    return static_cast<int64_t>(given);
  }

  int64_t length() const {
    const AVStream& stream = *format_->streams[stream_];
    if (stream.duration != AV_NOPTS_VALUE && stream.duration >= 0) {
      return av_rescale_q(stream.duration, stream.time_base, AVRational{1, kSampleRate});
    }
    if (format_->duration == AV_NOPTS_VALUE || format_->duration < 0) return -1;
    return av_rescale(format_->duration, kSampleRate, AV_TIME_BASE);
  }

  int channels() const { return format_->streams[stream_]->codecpar->ch_layout.nb_channels; }

 private:
  void open_container() {
    auto* buffer = static_cast<uint8_t*>(av_malloc(kIoBuffer));
    if (buffer == nullptr) throw std::bad_alloc();
    io_ = avio_alloc_context(buffer, kIoBuffer, 0, &bytes_, read_bytes, nullptr,
                             bytes_.seek != nullptr ? seek_bytes : nullptr);
    if (io_ == nullptr) {
      av_free(buffer);
      throw std::bad_alloc();
    }
    io_->seekable = bytes_.seek != nullptr ? AVIO_SEEKABLE_NORMAL : 0;
    format_ = avformat_alloc_context();
    if (format_ == nullptr) throw std::bad_alloc();
    format_->pb = io_;
    format_->io_open = refuse_other_files;
    format_->flags |= AVFMT_FLAG_CUSTOM_IO;
    require(avformat_open_input(&format_, nullptr, nullptr, nullptr), "container");
    require(avformat_find_stream_info(format_, nullptr), "streams");
  }

  void open_codec() {
    const AVCodec* codec = nullptr;
    stream_ = av_find_best_stream(format_, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
    if (stream_ == AVERROR_DECODER_NOT_FOUND) throw Failure{"this FFmpeg has no decoder for its codec"};
    if (stream_ < 0 || codec == nullptr) throw Failure{"it holds no audio stream"};
    for (unsigned i = 0; i < format_->nb_streams; ++i) {
      if (static_cast<int>(i) != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
    }
    codec_.reset(avcodec_alloc_context3(codec));
    if (!codec_) throw std::bad_alloc();
    const AVStream& stream = *format_->streams[stream_];
    require(avcodec_parameters_to_context(codec_.get(), stream.codecpar), "codec parameters");
    codec_->pkt_timebase = stream.time_base;
    codec_->thread_count = 1;
    require(avcodec_open2(codec_.get(), codec, nullptr), codec->name);
  }

  // Decodes the next frame, or the next packet, or ends. Damaged packets are passed over, as the ffmpeg program does.
  void decode_more() {
    ready_.clear();
    ready_from_ = 0;
    const int received = avcodec_receive_frame(codec_.get(), frame_.get());
    if (received == 0) {
      ++frames_;
      resample(frame_.get());
      av_frame_unref(frame_.get());
    } else if (received == AVERROR(EAGAIN)) {
      feed();
    } else if (received == AVERROR_EOF) {
      finish();
    } else if (received == AVERROR(ENOMEM)) {
      throw std::bad_alloc();
    } else {
      damaged(received);
    }
  }

  void feed() {
    const int got = av_read_frame(format_, packet_.get());
    if (got < 0) {  // the end, or damage that the container cannot pass: either way what came before is the audio
      if (got != AVERROR_EOF) damaged(got);
      if (avcodec_send_packet(codec_.get(), nullptr) < 0) finish();
      return;
    }
    if (packet_->stream_index == stream_) {
      const int sent = avcodec_send_packet(codec_.get(), packet_.get());
      if (sent < 0 && sent != AVERROR(EAGAIN)) damaged(sent);
    }
    av_packet_unref(packet_.get());
  }

  void damaged(int code) {
    ++damaged_;
    last_damage_ = code;
  }

  void finish() {
    if (frames_ == 0 && damaged_ > 0) {
      const char* hint =
          bytes_.seek == nullptr ? " (a pipe is read front to back; this container may need a file)" : "";
      throw Failure{"nothing in it could be decoded: " + error_text(last_damage_) + hint};
    }
    if (swr_ != nullptr) drain();
    ended_ = true;
  }

  void resample(const AVFrame* frame) {
    if (frame->nb_samples <= 0) return;
    if (swr_ == nullptr || frame->sample_rate != rate_ || frame->format != sample_format_ ||
        av_channel_layout_compare(&frame->ch_layout, &layout_) != 0) {
      if (swr_ != nullptr) drain();
      configure(frame);
    }
    append(const_cast<const uint8_t**>(frame->extended_data), frame->nb_samples);
  }

  void configure(const AVFrame* frame) {
    swr_free(&swr_);
    rate_ = frame->sample_rate;
    sample_format_ = frame->format;
    if (rate_ < kLowestRate || rate_ > kHighestRate) {
      throw Failure{"it claims a sample rate of " + std::to_string(rate_) + " Hz"};
    }
    require(av_channel_layout_copy(&layout_, &frame->ch_layout), "channel layout");
    AVChannelLayout in{};
    if (layout_.order == AV_CHANNEL_ORDER_UNSPEC) {
      av_channel_layout_default(&in, layout_.nb_channels);
    } else {
      require(av_channel_layout_copy(&in, &layout_), "channel layout");
    }
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    const int made = swr_alloc_set_opts2(&swr_, &mono, AV_SAMPLE_FMT_S16, kSampleRate, &in,
                                         static_cast<AVSampleFormat>(sample_format_), rate_, 0, nullptr);
    av_channel_layout_uninit(&in);
    require(made, "resampler");
    if (channel_ >= 0) {
      std::vector<double> weights(static_cast<size_t>(std::max(1, layout_.nb_channels)));
      if (channel_ < layout_.nb_channels) weights[static_cast<size_t>(channel_)] = 1.0;
      require(swr_set_matrix(swr_, weights.data(), static_cast<int>(weights.size())), "resampler");
    }
    require(swr_init(swr_), "resampler");
  }

  void drain() {
    while (append(nullptr, 0) > 0) {
    }
  }

  int append(const uint8_t** data, int count) {
    const int room = swr_get_out_samples(swr_, count);
    require(room, "resampler");
    const size_t before = ready_.size();
    ready_.resize(before + static_cast<size_t>(room));
    auto* out = reinterpret_cast<uint8_t*>(ready_.data() + before);
    const int given = room > 0 ? swr_convert(swr_, &out, room, data, count) : 0;
    require(given, "resampler");
    ready_.resize(before + static_cast<size_t>(given));
    return given;
  }

  wtrt_ffmpeg_bytes bytes_;
  int channel_;  // -1: all, mixed
  AVIOContext* io_ = nullptr;
  AVFormatContext* format_ = nullptr;
  int stream_ = -1;
  std::unique_ptr<AVCodecContext, FreeBy<avcodec_free_context>> codec_;
  std::unique_ptr<AVPacket, FreeBy<av_packet_free>> packet_;
  std::unique_ptr<AVFrame, FreeBy<av_frame_free>> frame_;
  SwrContext* swr_ = nullptr;
  AVChannelLayout layout_{};
  int rate_ = 0;
  int sample_format_ = -1;
  std::vector<int16_t> ready_;
  size_t ready_from_ = 0;
  int64_t frames_ = 0;
  int64_t damaged_ = 0;
  int last_damage_ = 0;
  bool ended_ = false;
};

namespace {

// No exception leaves the module.
template <typename Act>
int64_t guarded(char* message, int64_t message_size, Act act) noexcept {
  const char* text = "out of memory";
  try {
    return act();
  } catch (const Failure& failure) {
    std::snprintf(message, static_cast<size_t>(message_size), "%s", failure.message.c_str());
    return -1;
  } catch (const std::bad_alloc&) {
  } catch (...) {
    text = "unexpected exception";
  }
  std::snprintf(message, static_cast<size_t>(message_size), "%s", text);
  return -1;
}

int open_decoder(const wtrt_ffmpeg_bytes* bytes, int32_t channel, wtrt_ffmpeg_decoder** out, char* message,
                 int64_t message_size) {
  return static_cast<int>(guarded(message, message_size, [&] {
    auto decoder = std::make_unique<wtrt_ffmpeg_decoder>(*bytes, channel);
    decoder->open();
    *out = decoder.release();
    return int64_t{0};
  }));
}

int64_t read_decoder(wtrt_ffmpeg_decoder* decoder, int16_t* out, int64_t count, char* message, int64_t message_size) {
  return guarded(message, message_size, [&] { return decoder->read(out, count); });
}

int64_t length_of_decoder(const wtrt_ffmpeg_decoder* decoder) { return decoder->length(); }

int32_t channels_of_decoder(const wtrt_ffmpeg_decoder* decoder) { return decoder->channels(); }

void close_decoder(wtrt_ffmpeg_decoder* decoder) { delete decoder; }

// Structures are read by their layout, so the libraries that were loaded must be of the release line compiled against.
const char* refusal() {
  static char text[256] = {};
  const struct {
    const char* name;
    unsigned compiled;
    unsigned loaded;
  } libraries[] = {
      {"libavformat", LIBAVFORMAT_VERSION_MAJOR, avformat_version() >> 16},
      {"libavcodec", LIBAVCODEC_VERSION_MAJOR, avcodec_version() >> 16},
      {"libavutil", LIBAVUTIL_VERSION_MAJOR, avutil_version() >> 16},
      {"libswresample", LIBSWRESAMPLE_VERSION_MAJOR, swresample_version() >> 16},
  };
  for (const auto& library : libraries) {
    if (library.compiled == library.loaded) continue;
    std::snprintf(text, sizeof text, "built for %s %u, but %u was loaded", library.name, library.compiled,
                  library.loaded);
    return text;
  }
  return nullptr;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const wtrt_ffmpeg_functions* wtrt_ffmpeg_module(void) {
  static const wtrt_ffmpeg_functions functions = {WTRT_FFMPEG_INTERFACE, av_version_info(), refusal(),
                                                  open_decoder,          read_decoder,      length_of_decoder,
                                                  channels_of_decoder,   close_decoder};
  // FFmpeg writes about every damaged packet on standard error; a host that chose a level itself keeps it.
  static const bool quiet = av_log_get_level() == AV_LOG_INFO && (av_log_set_level(AV_LOG_QUIET), true);
  static_cast<void>(quiet);
  return &functions;
}
