/* What crosses between the core and libwhispertrt_ffmpeg.so: C only, so that either side may be built apart. */
#ifndef WHISPERTRT_AUDIO_FFMPEG_MODULE_INTERFACE_H
#define WHISPERTRT_AUDIO_FFMPEG_MODULE_INTERFACE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WTRT_FFMPEG_INTERFACE 2
#define WTRT_FFMPEG_ENTRY "wtrt_ffmpeg_module"

/* The caller's bytes. They must not throw or unwind. */
typedef struct wtrt_ffmpeg_bytes {
  void* context;
  /* Bytes read, 0 at the end, negative on failure. */
  int64_t (*read)(void* context, uint8_t* out, int64_t count);
  /* The new offset, negative on failure. NULL: the stream is read front to back. */
  int64_t (*seek)(void* context, int64_t offset);
  int64_t size; /* -1: unknown */
} wtrt_ffmpeg_bytes;

typedef struct wtrt_ffmpeg_decoder wtrt_ffmpeg_decoder;

typedef struct wtrt_ffmpeg_functions {
  uint32_t interface_version; /* WTRT_FFMPEG_INTERFACE of the module */
  const char* version;        /* FFmpeg's own, "5.1.9"; static */
  const char* refusal;        /* NULL, or why the FFmpeg found here cannot be used; then nothing below may be called */
  /* 0 and *out, or negative and a message. `bytes` is copied; what it points to outlives the decoder. `channel`: the one to read, from 0;
     -1: all of them mixed. */
  int (*open)(const wtrt_ffmpeg_bytes* bytes, int32_t channel, wtrt_ffmpeg_decoder** out, char* message,
              int64_t message_size);
  /* 16 kHz mono samples, at most `count`; 0 at the end; negative and a message when nothing at all could be decoded. */
  int64_t (*read)(wtrt_ffmpeg_decoder* decoder, int16_t* out, int64_t count, char* message, int64_t message_size);
  /* At 16 kHz; -1 when the container does not say. */
  int64_t (*length)(const wtrt_ffmpeg_decoder* decoder);
  /* Of the recording. */
  int32_t (*channels)(const wtrt_ffmpeg_decoder* decoder);
  void (*close)(wtrt_ffmpeg_decoder* decoder);
} wtrt_ffmpeg_functions;

/* The module's one exported function. */
typedef const wtrt_ffmpeg_functions* (*wtrt_ffmpeg_entry)(void);

#ifdef __cplusplus
}
#endif

#endif
