/* WhisperTrt: speech to text. The whole C ABI of the library; C11 and C++17.
 *
 * Rules that hold everywhere:
 *  - Every call that can fail returns `wtrt_error*`: NULL is success; anything else is owned by the caller and freed with
 *    wtrt_error_release(). Out-parameters are untouched on failure. No exception and no signal crosses this boundary.
 *  - Handles are opaque and reference-counted: `_retain` adds a reference, `_release` drops one and never blocks; both accept NULL.
 *    A child keeps what it needs of its parent alive, so handles may be released in any order.
 *  - Option structs begin with `struct_size` and are filled by their `_init` function, which is the only way to get the
 *    defaults. Fields are only ever appended. A value is what it says: zero is zero; "automatic" is WTRT_AUTO or WTRT_NONE.
 *  - Structs handed out are read up to their own `struct_size`. Arrays of structs step by the element's `struct_size`.
 *  - Text is UTF-8 with its size in bytes. Texts handed out are also followed by a zero byte that is not counted.
 *  - Unless said otherwise a function may be called from any thread.
 */
#ifndef WHISPERTRT_H
#define WHISPERTRT_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define WTRT_API __declspec(dllimport)
#elif defined(WTRT_BUILDING)
#define WTRT_API __attribute__((visibility("default")))
#else
#define WTRT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ------------------------------------------------------------------------------------------------------ */

/** Major number of this header's ABI: a library with another one must not be used. */
#define WTRT_ABI_MAJOR 1
/** Minor number of this header's ABI: the library's must be at least this. */
#define WTRT_ABI_MINOR 2

/** The ABI of the loaded library: major * 65536 + minor. Every binding checks it before any other call. */
WTRT_API uint32_t wtrt_abi_version(void);

/** Version, compiler, and what the library was built with, as a JSON object. Static; never freed. */
WTRT_API const char* wtrt_build_info(void);

/* ---- Constants ---------------------------------------------------------------------------------------------------- */

/** "Choose for me", for integer options that allow it. */
#define WTRT_AUTO (-1)
/** "No limit" or "switched off", for integer options that allow it. */
#define WTRT_NONE (-2)

/** An argument or option is outside its range; the message names it and the range. */
#define WTRT_ERROR_INVALID_ARGUMENT 1
/** A file, model or name does not exist; the message lists where it was looked for. */
#define WTRT_ERROR_NOT_FOUND 2
/** The operating system could not read or write. */
#define WTRT_ERROR_IO 3
/** The bytes are no audio that can be decoded. */
#define WTRT_ERROR_INVALID_AUDIO 4
/** A model file is damaged or not what it claims to be; the message names the field. */
#define WTRT_ERROR_INVALID_CHECKPOINT 5
/** Understood, but this build, chip or version cannot do it; the message says what would. */
#define WTRT_ERROR_UNSUPPORTED 6
/** Memory, or the cap set on it, does not suffice. */
#define WTRT_ERROR_OUT_OF_MEMORY 7
/** The engine's queue of jobs is full; submit again later. */
#define WTRT_ERROR_BUSY 8
/** The engine or queue was closed. */
#define WTRT_ERROR_CLOSED 9
/** The work was cancelled. */
#define WTRT_ERROR_CANCELLED 10
/** Library and binding are of different ABI versions. */
#define WTRT_ERROR_ABI_MISMATCH 11
/** A defect of the library itself. */
#define WTRT_ERROR_INTERNAL 12
/** The GPU failed or was lost: the work it had ends with this, and its models must be loaded anew. */
#define WTRT_ERROR_DEVICE 13

/** The CPU. WTRT_AUTO picks the best device there is. */
#define WTRT_DEVICE_CPU 0
/** An NVIDIA GPU. */
#define WTRT_DEVICE_CUDA 1

/** float32 everywhere: the reference. WTRT_AUTO picks the fastest compute type of the device. */
#define WTRT_COMPUTE_FLOAT32 0
/** bfloat16 matrix products and KV caches, float32 in between. */
#define WTRT_COMPUTE_BFLOAT16 1
/** int8 weights per output channel, activations quantized per row as they come. */
#define WTRT_COMPUTE_INT8 2
/** float16 matrix products, KV caches and activations, float32 sums: GPUs only. */
#define WTRT_COMPUTE_FLOAT16 3

/** Plain C++ code. WTRT_AUTO picks the widest instruction set of this CPU. */
#define WTRT_ISA_PORTABLE 0
/** AVX2 with FMA. */
#define WTRT_ISA_AVX2 1
/** AVX-512 F, BW, DQ, VL and VNNI. */
#define WTRT_ISA_AVX512 2
/** AMX int8 and bfloat16 tiles. */
#define WTRT_ISA_AMX 3

/** Write the speech down in its own language. */
#define WTRT_TASK_TRANSCRIBE 0
/** Translate the speech into English. */
#define WTRT_TASK_TRANSLATE 1

/** All channels of a recording are mixed into one. */
#define WTRT_CHANNELS_MIX 0
/** Each channel is transcribed by itself; segments say whose they are. */
#define WTRT_CHANNELS_SPLIT 1

/** An audio file: `data` is its UTF-8 path. */
#define WTRT_AUDIO_PATH 0
/** An encoded file in memory: `data` are its bytes; copied by the call. */
#define WTRT_AUDIO_BYTES 1
/** 16 kHz mono float samples in [-1, 1]: `data` points to them, `size` counts bytes; copied by the call. */
#define WTRT_AUDIO_SAMPLES 2
/** Samples that come later by wtrt_job_push(); `data` is NULL and `size` 0. */
#define WTRT_AUDIO_PUSHED 3
/** An open file descriptor (a pipe, standard input): `size` is its number; the caller keeps it open until the job finished
 *  and closes it. Any container that can be read front to back. */
#define WTRT_AUDIO_DESCRIPTOR 4
/** The same with raw 16 kHz mono signed 16-bit little-endian samples. */
#define WTRT_AUDIO_DESCRIPTOR_RAW 5

/** A segment of text is final. */
#define WTRT_EVENT_SEGMENT 1
/** The language was detected: that of the recording, and with `multilingual` any that differs from the window before. */
#define WTRT_EVENT_LANGUAGE 2
/** How much of the audio is done. */
#define WTRT_EVENT_PROGRESS 3
/** The job ended and its result is there; `cancelled` says whether it ran to the end. The last event of a job. */
#define WTRT_EVENT_FINISHED 4
/** The job failed; `error_code` and `text` say why. The last event of a job. */
#define WTRT_EVENT_FAILED 5
/** The queue or an engine that reported to it was closed; no event follows from there. */
#define WTRT_EVENT_CLOSED 6
/** What a live job makes of the last words, which may still change: `segment` has text and times. It replaces the job's last tentative text,
 *  read or not; a SEGMENT takes its beginning away. Counts against no credit. */
#define WTRT_EVENT_TENTATIVE 7

/** Plain text, a line per segment. */
#define WTRT_FORMAT_TXT 0
/** SubRip subtitles. */
#define WTRT_FORMAT_SRT 1
/** WebVTT subtitles. */
#define WTRT_FORMAT_VTT 2
/** Start, end (milliseconds) and text, separated by tabs. */
#define WTRT_FORMAT_TSV 3
/** Everything, with openai/whisper's keys. */
#define WTRT_FORMAT_JSON 4
/** LRC lyrics: [mm:ss.xx] and text, a line per segment. */
#define WTRT_FORMAT_LRC 5

/** Nothing is wrong with an attempt at a window. Other verdicts are sums of the reasons below. */
#define WTRT_VERDICT_ACCEPTED 0
/** Its text's compression ratio is above `compression_ratio_threshold`. */
#define WTRT_VERDICT_TOO_REPETITIVE 1
/** Its average log-probability is below `logprob_threshold`. */
#define WTRT_VERDICT_TOO_UNLIKELY 2
/** It is silence: skipped without a segment, and no reason to try again. */
#define WTRT_VERDICT_SILENCE 4
/** It was decoded over a short window (`audio_context`) and came to no end token, has a timestamp behind the window's end, leaves
 *  next to nothing to a next one, or there is another reason: the window is decoded anew at full length. */
#define WTRT_VERDICT_TOO_SHORT 8

/** The English normaliser word error rates are computed with. */
#define WTRT_NORMALIZER_ENGLISH 0
/** The basic normaliser for other languages. */
#define WTRT_NORMALIZER_BASIC 1

/** What a developer wants to know. */
#define WTRT_LOG_DEBUG 0
/** What an operator wants to know. */
#define WTRT_LOG_INFO 1
/** It works, but not as asked or not as well as it could. */
#define WTRT_LOG_WARNING 2
/** Something failed that no caller hears of otherwise. */
#define WTRT_LOG_ERROR 3

/* ---- Handles ------------------------------------------------------------------------------------------------------ */

/** Why a call failed. Owned by the caller. Not thread-safe. */
typedef struct wtrt_error wtrt_error;
/** A text made by the library. Owned by the caller. Immutable. */
typedef struct wtrt_text wtrt_text;
/** Weights on one device with their tokenizer. Immutable; shared by threads and engines. */
typedef struct wtrt_model wtrt_model;
/** Scheduler, KV pools and one scheduling thread over one model. Thread-safe. */
typedef struct wtrt_engine wtrt_engine;
/** Where events arrive. One queue may serve several engines. Thread-safe. */
typedef struct wtrt_queue wtrt_queue;
/** One transcription. Thread-safe. */
typedef struct wtrt_job wtrt_job;
/** What a finished job made. Immutable. */
typedef struct wtrt_result wtrt_result;
/** Where speech was found. Immutable. */
typedef struct wtrt_speech wtrt_speech;
/** The device acts one by one over one window, for research and parity tests. Not thread-safe. */
typedef struct wtrt_session wtrt_session;

/* ---- Errors and texts --------------------------------------------------------------------------------------------- */

/** One of WTRT_ERROR_*. */
WTRT_API int32_t wtrt_error_code(const wtrt_error* error);
/** What failed, the value found and the remedy. Lives as long as the error. */
WTRT_API const char* wtrt_error_message(const wtrt_error* error);
/** Frees an error; NULL is allowed. */
WTRT_API void wtrt_error_release(wtrt_error* error);

/** The text's bytes (UTF-8, zero-terminated); live as long as the text. */
WTRT_API const char* wtrt_text_data(const wtrt_text* text);
/** The text's size in bytes without the terminating zero. */
WTRT_API int64_t wtrt_text_size(const wtrt_text* text);
/** Frees a text; NULL is allowed. */
WTRT_API void wtrt_text_release(wtrt_text* text);

/* ---- Log ---------------------------------------------------------------------------------------------------------- */

/** Receives a log line: level (WTRT_LOG_*), text and its size; called from any thread; must not block for long. */
typedef void (*wtrt_log_sink)(void* context, int32_t level, const char* text, int64_t size);

/** Sets the process-wide log sink; NULL silences. The one callback of this ABI. When the call returns, the former sink may still be
 *  running on another thread. `level`: lines below it are dropped. */
WTRT_API wtrt_error* wtrt_set_log_sink(wtrt_log_sink sink, void* context, int32_t level);

/* ---- Model -------------------------------------------------------------------------------------------------------- */

/** How to load a model. */
typedef struct wtrt_model_options {
  uint32_t struct_size;
  /** WTRT_DEVICE_*, or WTRT_AUTO (default). */
  int32_t device;
  /** Which of several GPUs, from 0 (default). */
  int32_t device_index;
  /** WTRT_COMPUTE_*, or WTRT_AUTO (default): float16 on a GPU; on the CPU int8 where it has vector instructions for it, else float32. */
  int32_t compute_type;
  /** WTRT_ISA_*, or WTRT_AUTO (default). One the CPU lacks is an error. For tests. */
  int32_t cpu_isa;
  /** Threads of the process-wide CPU pool, 1..1024, or WTRT_AUTO (default): one per available core. The first model loaded sets it; a later
   *  one that asks for another number is refused. */
  int32_t cpu_threads;
} wtrt_model_options;

/** What a loaded model is. */
typedef struct wtrt_model_info {
  uint32_t struct_size;
  /** WTRT_DEVICE_* it is on. */
  int32_t device;
  /** WTRT_COMPUTE_* in force. */
  int32_t compute_type;
  /** WTRT_ISA_* in force. */
  int32_t cpu_isa;
  /** Threads of the CPU pool. */
  int32_t cpu_threads;
  /** 1 if it knows several languages, else 0. */
  int32_t multilingual;
  /** Languages it knows: 1, 99 or 100; 0 with random weights. */
  int32_t languages;
  /** Mel bins: 80 or 128. */
  int32_t mels;
  /** Positions of the encoder's output: 1500. */
  int32_t audio_context;
  /** Positions of the decoder: 448. */
  int32_t text_context;
  /** Model width. */
  int32_t width;
  /** Attention heads per layer. */
  int32_t heads;
  /** Layers of the encoder. */
  int32_t encoder_layers;
  /** Layers of the decoder. */
  int32_t decoder_layers;
  /** Tokens, special ones included. */
  int32_t vocabulary;
  /** Weights. */
  int64_t parameters;
  /** Bytes the weights take on the device. */
  int64_t weight_bytes;
  /** Seconds that loading took. */
  double load_seconds;
  /** Heads of the decoder whose attention follows the sound: the checkpoint's list, or else all heads of the upper half of the layers. */
  int32_t alignment_heads;
  int32_t reserved;
} wtrt_model_info;

/** Fills in the defaults; writes no further than `struct_size` bytes. */
WTRT_API void wtrt_model_options_init(wtrt_model_options* options, uint32_t struct_size);

/** Loads a model. `name_or_path`: a checkpoint directory, a name ("tiny.en") looked for in $WHISPERTRT_MODELS and the Hugging Face
 *  cache, or "random:large-v2" and other sizes: random weights, to measure with. `options` may be NULL. Errors: NOT_FOUND, INVALID_CHECKPOINT, UNSUPPORTED, OUT_OF_MEMORY, IO, INVALID_ARGUMENT. */
WTRT_API wtrt_error* wtrt_model_load(const char* name_or_path, int64_t size, const wtrt_model_options* options,
                                     wtrt_model** model);
WTRT_API void wtrt_model_retain(wtrt_model* model);
WTRT_API void wtrt_model_release(wtrt_model* model);

/** Fills `info` up to the `struct_size` the caller set in it. */
WTRT_API wtrt_error* wtrt_model_get_info(const wtrt_model* model, wtrt_model_info* info);

/** Code ("en") and English name ("english") of language `index` in 0..languages-1. Static strings. */
WTRT_API wtrt_error* wtrt_model_get_language(const wtrt_model* model, int32_t index, const char** code,
                                             const char** name);

/** Text to token ids: writes at most `capacity` ids and sets `count` to how many there are. */
WTRT_API wtrt_error* wtrt_model_tokenize(const wtrt_model* model, const char* text, int64_t size, int32_t* tokens,
                                         int64_t capacity, int64_t* count);

/** Token ids to text. `with_special` 1 writes special and timestamp tokens as <|...|>, 0 drops them. */
WTRT_API wtrt_error* wtrt_model_detokenize(const wtrt_model* model, const int32_t* tokens, int64_t count,
                                           int32_t with_special, wtrt_text** text);

/* ---- Transcription options ---------------------------------------------------------------------------------------- */

/** The sound to transcribe. */
typedef struct wtrt_audio {
  uint32_t struct_size;
  /** WTRT_AUDIO_*. */
  int32_t kind;
  /** See WTRT_AUDIO_*; copied where it is read. */
  const void* data;
  /** Bytes at `data`, or the descriptor's number. */
  int64_t size;
} wtrt_audio;

/** How speech is told from silence; names and meanings are faster-whisper's. */
typedef struct wtrt_vad_options {
  uint32_t struct_size;
  /** Speech that is not longer is dropped, in milliseconds, 0..3600000. Default 0. */
  int32_t min_speech_duration_ms;
  /** Speech begins at this probability, 0..1. Default 0.5. */
  double threshold;
  /** Silence begins below this probability, 0..1; between the two it goes on as it was. NaN (default): `threshold` - 0.15, at least 0.01. */
  double neg_threshold;
  /** Speech that is longer is cut, at its last pause of more than 98 ms if it has one; seconds, above 0. Default infinity. */
  double max_speech_duration_s;
  /** Silence that is shorter does not end speech, in milliseconds, 0..3600000. Default 2000. */
  int32_t min_silence_duration_ms;
  /** Added to speech on either side; neighbours share what is between them. Milliseconds, 0..3600000. Default 400. */
  int32_t speech_pad_ms;
} wtrt_vad_options;

/** How to transcribe; names and meanings are openai/whisper's. */
typedef struct wtrt_transcribe_options {
  uint32_t struct_size;
  /** WTRT_TASK_*. Default WTRT_TASK_TRANSCRIBE. */
  int32_t task;
  /** Language code or English name; NULL (default) detects it from the first window. */
  const char* language;
  int64_t language_size;
  /** Text the first window is conditioned on; NULL (default): none. */
  const char* initial_prompt;
  int64_t initial_prompt_size;
  /** Comma-separated token ids never to be sampled, "-1" (default, also NULL): the annotations and symbols of openai/whisper, "": none. */
  const char* suppress_tokens;
  int64_t suppress_tokens_size;
  /** 1 (default): the text so far is the prompt of the next window; 0: windows know nothing of each other. */
  int32_t condition_on_previous_text;
  /** 1 (default): never begin with a blank or an end. */
  int32_t suppress_blank;
  /** 1: text only, no timestamp tokens; 0 (default). */
  int32_t without_timestamps;
  /** Most tokens sampled per window, 1..text_context/2, or WTRT_AUTO (default): text_context/2. */
  int32_t max_new_tokens;
  /** The first timestamp of a window is at most this, in seconds, 0..30; default 1.0. NaN: no limit. */
  double max_initial_timestamp;
  /** Above this probability of no speech, a window whose average log-probability is below `logprob_threshold` is silence. Default 0.6; NaN: off. */
  double no_speech_threshold;
  /** A window whose average log-probability is below this, and which is not silence, is tried again hotter. Default -1.0; NaN: off. */
  double logprob_threshold;
  /** Returned in every event of the job as it is; a host's way to find its own object. */
  uint64_t tag;
  /** Segments that may wait unread before the job pauses, 1..1000000; default 64. */
  int32_t max_pending_segments;
  /** 1: PROGRESS events are sent; 0 (default): not. */
  int32_t report_progress;
  /** Beams where the temperature is 0, 1..32; 1 (default): greedy. All beams of a window take rows of one step: at most the engine's `max_batch`. */
  int32_t beam_size;
  /** Candidates where the temperature is above 0, 1..256 and at most `max_batch`; the likeliest is kept. Default 1. */
  int32_t best_of;
  /** No sequence of so many tokens is sampled twice in a window, 1..448; 0 (default): off. */
  int32_t no_repeat_ngram_size;
  /** Beam search ends when beam_size * patience hypotheses have ended (rounded, half to even), above 0..100. Default 1.0. */
  double patience;
  /** Hypotheses are ranked by log-probability over ((5 + length) / 6) ^ length_penalty, 0..1; NaN (default): over length. */
  double length_penalty;
  /** Temperatures tried one after the other until a window passes the thresholds, each 0..10. Default 0, 0.2, 0.4, 0.6, 0.8, 1.0. */
  const double* temperatures;
  /** How many `temperatures` there are, 1..32. */
  int64_t temperature_count;
  /** A window whose text compresses better than this (UTF-8 bytes over zlib bytes) is tried again hotter. Default 2.4; NaN: off. */
  double compression_ratio_threshold;
  /** Logits of tokens a window already has are divided (negative ones multiplied) by this, above 0..10. Default 1.0: off. */
  double repetition_penalty;
  /** Key of the random numbers of sampling. The same seed and options give the same text, whatever else runs. Default 0. */
  uint64_t seed;
  /** Text that every window's transcript is made to begin with; it is not part of the result. NULL (default): none. */
  const char* prefix;
  int64_t prefix_size;
  /** Words that every window is conditioned on, before the text so far; of no effect with `prefix`. NULL (default): none. */
  const char* hotwords;
  int64_t hotwords_size;
  /** 1: `initial_prompt` conditions every window, before the text so far; 0 (default): the first one. */
  int32_t carry_initial_prompt;
  /** 1: segments have words with times, and the recording moves on by these; 0 (default): not. Of a translation they are unreliable. */
  int32_t word_timestamps;
  /** After a window decoded hotter than this, the next one knows nothing of the text so far, 0..10. Default 0.5. */
  double prompt_reset_on_temperature;
  /** Characters that are joined to the word behind them. Default "'“¿([{- ; NULL: none. */
  const char* prepend_punctuations;
  int64_t prepend_punctuations_size;
  /** Characters that are joined to the word before them. Default "'.。,，!！?？:：”)]}、 ; NULL: none. */
  const char* append_punctuations;
  int64_t append_punctuations_size;
  /** Silences longer than this, in seconds, 0..1e9, are skipped where text next to them is likely made up, and that text is dropped. Of effect
   *  with `word_timestamps`. NaN (default): off. */
  double hallucination_silence_threshold;
  /** Transcribe only the speech that is found this way; read by the call. Times still refer to the whole audio. NULL (default): all of it. */
  const wtrt_vad_options* vad;
  /** Start, end, start, end, … in seconds, 0..1e9, of the clips that are transcribed, one after the other; without a last end the last one goes on
   *  to that of the recording. No window goes beyond its clip. Not together with `vad`. NULL (default): all of the recording. */
  const double* clip_timestamps;
  /** How many `clip_timestamps` there are, 0..1000000. Default 0. */
  int64_t clip_timestamp_count;
  /** Comma-separated codes or English names of the languages that detection chooses from; NULL (default): all of the model's. */
  const char* languages;
  int64_t languages_size;
  /** 1: the language is detected for every window anew, whatever `language` says; 0 (default): not. Of no effect with an English-only model. */
  int32_t multilingual;
  /** 1: the speech that `vad` finds is cut at silences into chunks of at most 30 s that are decoded together, up to `max_batch` at a time, and
   *  know nothing of each other; `max_speech_duration_s` is at most 30 then. 0 (default): one window after the other. */
  int32_t batched;
  /** WTRT_CHANNELS_MIX (default) or WTRT_CHANNELS_SPLIT, which needs a file or its bytes and at most 16 channels. */
  int32_t channels;
  /** 1: audio that comes as it is spoken (WTRT_AUDIO_PUSHED, WTRT_AUDIO_DESCRIPTOR*) is decoded as it comes. SEGMENT events have the words, a
   *  few at a time, that two hypotheses in a row agree on and that two seconds of audio follow, and TENTATIVE events those behind them.
   *  `without_timestamps` is taken as 1; not with `prefix` (INVALID_ARGUMENT), nor with `vad`, clips, `multilingual` or short windows
   *  (UNSUPPORTED). 0 (default): 30 s windows are waited for. */
  int32_t live;
  /** Positions of the encoder that a window gets, of 20 ms: WTRT_NONE (default), all 1500 of its 30 s; WTRT_AUTO, as many as the sound in it
   *  takes and `audio_context_tail`; or 1..1500, by which windows are shorter too. Rounded up to a multiple of 64. A short window whose decoding
   *  is not ACCEPTED, has no end token or a timestamp behind its end, or with WTRT_AUTO leaves less than two seconds of its sound to a next one, is
   *  decoded anew at full length; the attempts say so. */
  int32_t audio_context;
  /** Positions of silence behind the sound, 0..1500. Of effect with WTRT_AUTO. Default 128. */
  int32_t audio_context_tail;
  /** Live: seconds of new audio between two hypotheses, 0.1..30. Default 0.5. They are further apart where the device takes longer. */
  double live_interval;
  /** A window whose likeliest language is likelier than this decides the recording's alone, 0..1. Default 0.5. */
  double language_detection_threshold;
  /** Windows of 30 s from the beginning that are heard, 1..1000000, until one decides; if none does, most of them do. At most 2 where the audio
   *  comes only once (pushed, descriptors), and 1 with `batched`, whose first chunk is heard. Of no effect with `multilingual` and `live`.
   *  Default 1. */
  int64_t language_detection_segments;
} wtrt_transcribe_options;

/** Fills in the defaults; writes no further than `struct_size` bytes. */
WTRT_API void wtrt_vad_options_init(wtrt_vad_options* options, uint32_t struct_size);
/** Fills in the defaults; writes no further than `struct_size` bytes. */
WTRT_API void wtrt_transcribe_options_init(wtrt_transcribe_options* options, uint32_t struct_size);

/* ---- Engine ------------------------------------------------------------------------------------------------------- */

/** How an engine is laid out. */
typedef struct wtrt_engine_options {
  uint32_t struct_size;
  /** Rows of a decode step, 1..256; default 16. Also the windows in flight. */
  int32_t max_batch;
  /** Jobs that may wait or run, 1..1000000; more are refused with BUSY. Default 1024. */
  int32_t max_queued_jobs;
  /** Cap in bytes on what the engine takes beside the weights, or WTRT_NONE (default). The engine lowers `max_batch` until its plan fits,
   *  and says so in the log; a cap too small for one row is OUT_OF_MEMORY. */
  int64_t memory_limit;
  /** GPUs: most of the memory that is free when the engine is made that its KV caches may take, above 0 and at most 1. Default 0.9. Lowers
   *  `max_batch` like `memory_limit`. */
  double kv_cache_free_gpu_memory_fraction;
  /** GPUs: of what KV caches may take, the part that cross-attention's may, above 0 and below 1, or NaN (default): as they need. */
  double cross_kv_cache_fraction;
} wtrt_engine_options;

/** What an engine takes in memory, in bytes. */
typedef struct wtrt_memory_plan {
  uint32_t struct_size;
  /** Rows that the plan holds: `max_batch`, or less under a cap. */
  int32_t max_batch;
  /** The model's weights on the device; shared by all engines over it. */
  int64_t weights;
  /** Self-attention KV pages. */
  int64_t self_kv;
  /** Cross-attention KV slots. */
  int64_t cross_kv;
  /** Activations, step state and logits. */
  int64_t workspace;
  /** All of these. */
  int64_t total;
} wtrt_memory_plan;

/** Counters since the engine was made. */
typedef struct wtrt_engine_stats {
  uint32_t struct_size;
  int32_t reserved;
  /** Windows encoded. */
  int64_t windows;
  /** Encoder batches they went in. */
  int64_t encoder_batches;
  /** Decode steps. */
  int64_t steps;
  /** Rows in all of them: step_rows / steps is the mean batch. */
  int64_t step_rows;
  /** Prompt tokens prefilled. */
  int64_t prefill_tokens;
  /** Seconds spent encoding. */
  double encode_seconds;
  /** Seconds spent in prefills. */
  double prefill_seconds;
  /** Seconds spent in decode steps. */
  double step_seconds;
} wtrt_engine_stats;

/** Fills in the defaults; writes no further than `struct_size` bytes. */
WTRT_API void wtrt_engine_options_init(wtrt_engine_options* options, uint32_t struct_size);

/** What an engine with these options would take. Nothing is allocated. `options` may be NULL. */
WTRT_API wtrt_error* wtrt_engine_estimate(const wtrt_model* model, const wtrt_engine_options* options,
                                          wtrt_memory_plan* plan);

/** Makes an engine and starts its thread. `options` may be NULL. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY. */
WTRT_API wtrt_error* wtrt_engine_create(wtrt_model* model, const wtrt_engine_options* options, wtrt_engine** engine);
WTRT_API void wtrt_engine_retain(wtrt_engine* engine);
/** Drops a reference; the last one cancels what still runs, without waiting for it. */
WTRT_API void wtrt_engine_release(wtrt_engine* engine);

/** Cancels what runs, wakes every waiter with CLOSED and joins the engine's thread. Idempotent. Refused (INVALID_ARGUMENT) from inside the log sink. */
WTRT_API wtrt_error* wtrt_engine_close(wtrt_engine* engine);

/** What the engine really took. */
WTRT_API wtrt_error* wtrt_engine_get_memory(const wtrt_engine* engine, wtrt_memory_plan* plan);
/** The counters so far. */
WTRT_API wtrt_error* wtrt_engine_get_stats(const wtrt_engine* engine, wtrt_engine_stats* stats);

/** Hands in a job and returns at once; its events arrive in `queue`. `options` may be NULL. What cannot be known at once (a damaged file) arrives as
 *  WTRT_EVENT_FAILED. Errors: INVALID_ARGUMENT (names the option and its range), BUSY, CLOSED; UNSUPPORTED in a child of fork(), which needs an
 *  engine of its own. */
WTRT_API wtrt_error* wtrt_engine_submit(wtrt_engine* engine, wtrt_queue* queue, const wtrt_audio* audio,
                                        const wtrt_transcribe_options* options, wtrt_job** job);

/* ---- Queue and events --------------------------------------------------------------------------------------------- */

/** A word with its times, in seconds, and its probability. */
typedef struct wtrt_word {
  uint32_t struct_size;
  int32_t reserved;
  /** The word with the blank before it. */
  const char* text;
  int64_t text_size;
  /** Seconds from the beginning of the audio. */
  double start;
  /** Seconds from the beginning of the audio. */
  double end;
  /** Mean probability of its tokens. */
  double probability;
} wtrt_word;

/** A piece of the transcript. */
typedef struct wtrt_segment {
  uint32_t struct_size;
  /** From 0 within the job. */
  int32_t id;
  /** Mel frame (10 ms) where its window begins. */
  int64_t seek;
  /** Seconds from the beginning of the audio. */
  double start;
  /** Seconds from the beginning of the audio. */
  double end;
  /** What was said, without special tokens. */
  const char* text;
  int64_t text_size;
  /** Text and timestamp tokens. */
  const int32_t* tokens;
  int64_t token_count;
  /** NULL and 0 unless word times were asked for. */
  const wtrt_word* words;
  int64_t word_count;
  /** Sampling temperature that made it. */
  double temperature;
  /** Mean log-probability of its window's tokens. */
  double avg_logprob;
  /** UTF-8 bytes over zlib bytes of its window's text. */
  double compression_ratio;
  /** Probability that its window holds no speech. */
  double no_speech_prob;
  /** Whose it is, from 0, with WTRT_CHANNELS_SPLIT; else -1. */
  int32_t channel;
  int32_t reserved;
  /** Code of its window's language: that of the result but for `multilingual` and WTRT_CHANNELS_SPLIT. */
  const char* language;
  int64_t language_size;
} wtrt_segment;

/** One attempt at a window: what was tried, and what came of it. */
typedef struct wtrt_attempt {
  uint32_t struct_size;
  /** Sum of WTRT_VERDICT_*. The last attempt at a window is the one that was kept, whatever its verdict. */
  int32_t verdict;
  /** Mel frame (10 ms) where the window begins: the `seek` of its segments. */
  int64_t seek;
  /** Sampling temperature; 0: the likeliest tokens. */
  double temperature;
  /** Beams searched; 1: none. */
  int32_t beam_size;
  /** Candidates sampled, of which this is the likeliest; 1 at temperature 0. */
  int32_t candidates;
  /** Mean log-probability of the tokens, the end token included. */
  double avg_logprob;
  /** UTF-8 bytes over zlib bytes of the text. */
  double compression_ratio;
  /** Probability that the window holds no speech. */
  double no_speech_prob;
  /** Text and timestamp tokens. */
  const int32_t* tokens;
  int64_t token_count;
  /** Whose window it is, from 0, with WTRT_CHANNELS_SPLIT; else -1. */
  int32_t channel;
  /** Positions of the encoder it was decoded over; 1500: full length. */
  int32_t audio_context;
} wtrt_attempt;

/** Something happened to a job. Its pointers live as long as the event. */
typedef struct wtrt_event {
  uint32_t struct_size;
  /** WTRT_EVENT_*. */
  int32_t kind;
  /** The `tag` of the job's options. */
  uint64_t tag;
  /** SEGMENT: the segment; TENTATIVE: what may become the next one; else NULL. */
  const wtrt_segment* segment;
  /** LANGUAGE: its code; FAILED: the message; else NULL. */
  const char* text;
  int64_t text_size;
  /** FAILED: WTRT_ERROR_*; else 0. */
  int32_t error_code;
  /** FINISHED: 1 if the job was cancelled; else 0. */
  int32_t cancelled;
  /** Seconds of audio done. */
  double done_seconds;
  /** Seconds of audio in all; -1 while unknown. */
  double total_seconds;
  /** LANGUAGE: how probable it is among those it was chosen from; else 0. */
  double language_probability;
} wtrt_event;

/** Makes a queue. */
WTRT_API wtrt_error* wtrt_queue_create(wtrt_queue** queue);
WTRT_API void wtrt_queue_retain(wtrt_queue* queue);
WTRT_API void wtrt_queue_release(wtrt_queue* queue);

/** Takes the next event, waiting up to `timeout_ms` (0: not at all, WTRT_NONE: without limit). No event in time: success with `*event` NULL.
 *  A segment counts against its job's credit until its event is released. Errors: CLOSED once wtrt_queue_close() was called and nothing is
 *  left. */
WTRT_API wtrt_error* wtrt_queue_next(wtrt_queue* queue, int32_t timeout_ms, wtrt_event** event);
/** Wakes every waiter; what is in the queue can still be taken, then CLOSED follows. Jobs that report to it go on unheard. Idempotent. */
WTRT_API void wtrt_queue_close(wtrt_queue* queue);
/** Frees an event; NULL is allowed. */
WTRT_API void wtrt_event_release(wtrt_event* event);

/* ---- Job and result ----------------------------------------------------------------------------------------------- */

WTRT_API void wtrt_job_retain(wtrt_job* job);
/** Drops a reference. The job runs on: cancel it to stop it. */
WTRT_API void wtrt_job_release(wtrt_job* job);
/** Asks the job to stop: checked between layers and between steps; FINISHED with `cancelled` follows. Idempotent. */
WTRT_API void wtrt_job_cancel(wtrt_job* job);
/** Adds 16 kHz mono samples to a WTRT_AUDIO_PUSHED job; copied. Errors: INVALID_ARGUMENT after wtrt_job_end() or for another kind of audio, CLOSED. */
WTRT_API wtrt_error* wtrt_job_push(wtrt_job* job, const float* samples, int64_t count);
/** Ends a WTRT_AUDIO_PUSHED job's audio. Idempotent. */
WTRT_API wtrt_error* wtrt_job_end(wtrt_job* job);
/** The result once FINISHED was sent (what was made until then, if cancelled); a new reference. Errors: BUSY while it runs; a failed job's own error. */
WTRT_API wtrt_error* wtrt_job_get_result(const wtrt_job* job, wtrt_result** result);

WTRT_API void wtrt_result_retain(wtrt_result* result);
WTRT_API void wtrt_result_release(wtrt_result* result);
/** All segments; borrowed, live as long as the result. */
WTRT_API wtrt_error* wtrt_result_get_segments(const wtrt_result* result, const wtrt_segment** segments, int64_t* count);
/** Every attempt at every window, in order; borrowed, live as long as the result. */
WTRT_API wtrt_error* wtrt_result_get_attempts(const wtrt_result* result, const wtrt_attempt** attempts, int64_t* count);
/** The whole text; borrowed. */
WTRT_API wtrt_error* wtrt_result_get_text(const wtrt_result* result, const char** text, int64_t* size);
/** The language's code, given or detected; borrowed. */
WTRT_API wtrt_error* wtrt_result_get_language(const wtrt_result* result, const char** code, int64_t* size);
/** How probable each of the model's languages was when the language was first detected, in the order of wtrt_model_get_language(); they sum to one,
 *  and are 0 for those that `languages` left out. `count` is 0 if nothing was detected. Borrowed. */
WTRT_API wtrt_error* wtrt_result_get_language_probabilities(const wtrt_result* result, const float** probabilities,
                                                            int64_t* count);
/** Seconds of audio. */
WTRT_API wtrt_error* wtrt_result_get_duration(const wtrt_result* result, double* seconds);
/** Seconds of audio that were transcribed: those of speech if `vad` was set, else all. */
WTRT_API wtrt_error* wtrt_result_get_speech_duration(const wtrt_result* result, double* seconds);
/** The transcript as a file's content, byte for byte as openai/whisper writes it. `format`: WTRT_FORMAT_*. */
WTRT_API wtrt_error* wtrt_result_write(const wtrt_result* result, int32_t format, wtrt_text** text);

/** How a transcript is written; names and meanings are openai/whisper's. The first four lay out the words of SRT, VTT and LRC: they need
 *  word times and are of no effect without them. */
typedef struct wtrt_write_options {
  uint32_t struct_size;
  /** Most characters in a line, from 1, or WTRT_NONE (default). */
  int32_t max_line_width;
  /** Most lines in a subtitle, from 1, or WTRT_NONE (default). With `max_line_width` it lets subtitles run across segments, without it is of
   *  no effect. */
  int32_t max_line_count;
  /** Most words in a subtitle, from 1, or WTRT_NONE (default). Of no effect with both of the others. */
  int32_t max_words_per_line;
  /** 1: SRT and VTT have a subtitle per word, that word underlined, and LRC has the times of words; 0 (default). */
  int32_t highlight_words;
  /** 1: JSON has "trace" too, how each window was decoded: its attempts with temperature, figures and verdict; 0 (default). */
  int32_t trace;
} wtrt_write_options;

/** Fills in the defaults; writes no further than `struct_size` bytes. */
WTRT_API void wtrt_write_options_init(wtrt_write_options* options, uint32_t struct_size);

/** wtrt_result_write() with options, which may be NULL. Errors: INVALID_ARGUMENT (names the option and its range). */
WTRT_API wtrt_error* wtrt_result_write_with_options(const wtrt_result* result, int32_t format,
                                                    const wtrt_write_options* options, wtrt_text** text);

/* ---- Voice activity ----------------------------------------------------------------------------------------------- */

/** A stretch of speech: 16 kHz samples from `start` up to, not including, `end`. */
typedef struct wtrt_speech_span {
  uint32_t struct_size;
  int32_t reserved;
  /** First sample. */
  int64_t start;
  /** Sample after the last. */
  int64_t end;
} wtrt_speech_span;

/** Finds the speech in audio of any kind but WTRT_AUDIO_PUSHED, on the calling thread; needs no model. `options` may be NULL. Errors: as of a job,
 *  INVALID_ARGUMENT. */
WTRT_API wtrt_error* wtrt_detect_speech(const wtrt_audio* audio, const wtrt_vad_options* options, wtrt_speech** speech);
WTRT_API void wtrt_speech_retain(wtrt_speech* speech);
WTRT_API void wtrt_speech_release(wtrt_speech* speech);
/** The spans in order, none overlapping; borrowed, live as long as the handle. */
WTRT_API wtrt_error* wtrt_speech_get_spans(const wtrt_speech* speech, const wtrt_speech_span** spans, int64_t* count);
/** Probability of speech of each frame of 512 samples (32 ms); borrowed. */
WTRT_API wtrt_error* wtrt_speech_get_probabilities(const wtrt_speech* speech, const float** probabilities,
                                                   int64_t* count);
/** Seconds of audio. */
WTRT_API wtrt_error* wtrt_speech_get_duration(const wtrt_speech* speech, double* seconds);

/* ---- Tools -------------------------------------------------------------------------------------------------------- */

/** Writes the checkpoint `model` (name or path) in our quantized form into the new directory `output`. `weights`: WTRT_COMPUTE_INT8. */
WTRT_API wtrt_error* wtrt_quantize(const char* model, int64_t model_size, const char* output, int64_t output_size,
                                   int32_t weights);

/** What the library looked for on this machine, what it found and why not, as JSON. */
WTRT_API wtrt_error* wtrt_doctor(wtrt_text** report);

/** What wtrt_bench() measures. */
typedef struct wtrt_bench_options {
  uint32_t struct_size;
  /** Beams of the beam search that is measured, 1..32. Default 5. */
  int32_t beams;
  /** Numbers of windows encoded together, and of rows in a step, 1..256 each. NULL: 1, 8 and 32. */
  const int32_t* batches;
  /** How many `batches` holds. */
  int64_t batch_count;
  /** Tokens in the self-attention KV cache when steps are timed, 20..400. Default 100. */
  int32_t cached_tokens;
  /** Tokens decoded for each of the whole windows, 1..400. Default 100. */
  int32_t window_tokens;
  /** Runs of each, of which the median counts, 1..1000. Default 15. */
  int32_t repetitions;
  int32_t reserved;
  /** 10^12 operations that the device can do in a second: what floors are made of. 0 (default): no floors. */
  double tera_flops;
  /** 10^12 bytes that it can move in a second. 0 (default): no floors. */
  double tera_bytes;
} wtrt_bench_options;

/** Fills in the defaults; writes no further than `struct_size` bytes. */
WTRT_API void wtrt_bench_options_init(wtrt_bench_options* options, uint32_t struct_size);
/** Times each act of the model's device, as JSON: {"phases": [{"name", "batch", "milliseconds", "floor_milliseconds"}]}. Of the model
 *  "random:large-v2" too. Takes seconds to minutes, on the calling thread. `options` may be NULL. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY. */
WTRT_API wtrt_error* wtrt_bench(const wtrt_model* model, const wtrt_bench_options* options, wtrt_text** report);

/** Normalises text as for word error rates. `normalizer`: WTRT_NORMALIZER_*. */
WTRT_API wtrt_error* wtrt_normalize(int32_t normalizer, const char* text, int64_t size, wtrt_text** normalized);

/* ---- Device acts one by one --------------------------------------------------------------------------------------- */

/** A session over one window and one decode row. */
WTRT_API wtrt_error* wtrt_session_create(wtrt_model* model, wtrt_session** session);
WTRT_API void wtrt_session_release(wtrt_session* session);

/** Log-mel of 16 kHz mono samples, padded with zeros or cut to 30 s: `mel` receives row-major [mels, 3000]. */
WTRT_API wtrt_error* wtrt_log_mel(const wtrt_model* model, const float* samples, int64_t count, float* mel);
/** Encodes a window: `mel` is row-major [mels, 3000]. `output`, unless NULL, receives row-major [audio_context, width]. */
WTRT_API wtrt_error* wtrt_encode(wtrt_session* session, const float* mel, float* output);
/** Computes every decoder layer's cross-attention keys and values of the encoded window, once. Needs wtrt_encode(). */
WTRT_API wtrt_error* wtrt_project_cross_kv(wtrt_session* session);
/** Starts a new row with `count` tokens, 1..text_context. `logits`, unless NULL, receives row-major [count, vocabulary]. Needs wtrt_project_cross_kv(). */
WTRT_API wtrt_error* wtrt_prefill(wtrt_session* session, const int32_t* tokens, int64_t count, float* logits);
/** Appends one token to the row; `logits`, unless NULL, receives [vocabulary]. Needs wtrt_prefill(). */
WTRT_API wtrt_error* wtrt_step(wtrt_session* session, int32_t token, float* logits);
/** Forces `count` tokens, 1..text_context, on the window and ends the row: what word times are made from. Needs wtrt_project_cross_kv().
 *  `scores`, unless NULL, receives row-major [alignment_heads, count, audio_context]: the heads' cross-attention before the softmax, layer by
 *  layer. `probabilities`, unless NULL, receives [count]: of each token after those before it, among text tokens; 0 of the first and of
 *  special ones. */
WTRT_API wtrt_error* wtrt_align(wtrt_session* session, const int32_t* tokens, int64_t count, float* scores,
                                float* probabilities);

#ifdef __cplusplus
}
#endif

#endif /* WHISPERTRT_H */
