# Generated from whispertrt/whispertrt.h by bindings/generator. Changes belong there.
"""The C ABI as it is: structures, handles, and one method per function. The package proper is written over it."""

import ctypes
import os

from ._errors import AbiMismatchError, error_of
from ._handle import Handle

#: Major number of this header's ABI: a library with another one must not be used.
ABI_MAJOR = 1
#: Minor number of this header's ABI: the library's must be at least this.
ABI_MINOR = 2
#: "Choose for me", for integer options that allow it.
AUTO = -1
#: "No limit" or "switched off", for integer options that allow it.
NONE = -2
#: An argument or option is outside its range; the message names it and the range.
ERROR_INVALID_ARGUMENT = 1
#: A file, model or name does not exist; the message lists where it was looked for.
ERROR_NOT_FOUND = 2
#: The operating system could not read or write.
ERROR_IO = 3
#: The bytes are no audio that can be decoded.
ERROR_INVALID_AUDIO = 4
#: A model file is damaged or not what it claims to be; the message names the field.
ERROR_INVALID_CHECKPOINT = 5
#: Understood, but this build, chip or version cannot do it; the message says what would.
ERROR_UNSUPPORTED = 6
#: Memory, or the cap set on it, does not suffice.
ERROR_OUT_OF_MEMORY = 7
#: The engine's queue of jobs is full; submit again later.
ERROR_BUSY = 8
#: The engine or queue was closed.
ERROR_CLOSED = 9
#: The work was cancelled.
ERROR_CANCELLED = 10
#: Library and binding are of different ABI versions.
ERROR_ABI_MISMATCH = 11
#: A defect of the library itself.
ERROR_INTERNAL = 12
#: The GPU failed or was lost: the work it had ends with this, and its models must be loaded anew.
ERROR_DEVICE = 13
#: The CPU. WTRT_AUTO picks the best device there is.
DEVICE_CPU = 0
#: An NVIDIA GPU.
DEVICE_CUDA = 1
#: float32 everywhere: the reference. WTRT_AUTO picks the fastest compute type of the device.
COMPUTE_FLOAT32 = 0
#: bfloat16 matrix products and KV caches, float32 in between.
COMPUTE_BFLOAT16 = 1
#: int8 weights per output channel, activations quantized per row as they come.
COMPUTE_INT8 = 2
#: float16 matrix products, KV caches and activations, float32 sums: GPUs only.
COMPUTE_FLOAT16 = 3
#: Plain C++ code. WTRT_AUTO picks the widest instruction set of this CPU.
ISA_PORTABLE = 0
#: AVX2 with FMA.
ISA_AVX2 = 1
#: AVX-512 F, BW, DQ, VL and VNNI.
ISA_AVX512 = 2
#: AMX int8 and bfloat16 tiles.
ISA_AMX = 3
#: Write the speech down in its own language.
TASK_TRANSCRIBE = 0
#: Translate the speech into English.
TASK_TRANSLATE = 1
#: All channels of a recording are mixed into one.
CHANNELS_MIX = 0
#: Each channel is transcribed by itself; segments say whose they are.
CHANNELS_SPLIT = 1
#: An audio file: `data` is its UTF-8 path.
AUDIO_PATH = 0
#: An encoded file in memory: `data` are its bytes; copied by the call.
AUDIO_BYTES = 1
#: 16 kHz mono float samples in [-1, 1]: `data` points to them, `size` counts bytes; copied by the call.
AUDIO_SAMPLES = 2
#: Samples that come later by wtrt_job_push(); `data` is NULL and `size` 0.
AUDIO_PUSHED = 3
#: An open file descriptor (a pipe, standard input): `size` is its number; the caller keeps it open until the job
#: finished and closes it. Any container that can be read front to back.
AUDIO_DESCRIPTOR = 4
#: The same with raw 16 kHz mono signed 16-bit little-endian samples.
AUDIO_DESCRIPTOR_RAW = 5
#: A segment of text is final.
EVENT_SEGMENT = 1
#: The language was detected: that of the recording, and with `multilingual` any that differs from the window before.
EVENT_LANGUAGE = 2
#: How much of the audio is done.
EVENT_PROGRESS = 3
#: The job ended and its result is there; `cancelled` says whether it ran to the end. The last event of a job.
EVENT_FINISHED = 4
#: The job failed; `error_code` and `text` say why. The last event of a job.
EVENT_FAILED = 5
#: The queue or an engine that reported to it was closed; no event follows from there.
EVENT_CLOSED = 6
#: What a live job makes of the last words, which may still change: `segment` has text and times. It replaces the job's
#: last tentative text, read or not; a SEGMENT takes its beginning away. Counts against no credit.
EVENT_TENTATIVE = 7
#: Plain text, a line per segment.
FORMAT_TXT = 0
#: SubRip subtitles.
FORMAT_SRT = 1
#: WebVTT subtitles.
FORMAT_VTT = 2
#: Start, end (milliseconds) and text, separated by tabs.
FORMAT_TSV = 3
#: Everything, with openai/whisper's keys.
FORMAT_JSON = 4
#: LRC lyrics: [mm:ss.xx] and text, a line per segment.
FORMAT_LRC = 5
#: Nothing is wrong with an attempt at a window. Other verdicts are sums of the reasons below.
VERDICT_ACCEPTED = 0
#: Its text's compression ratio is above `compression_ratio_threshold`.
VERDICT_TOO_REPETITIVE = 1
#: Its average log-probability is below `logprob_threshold`.
VERDICT_TOO_UNLIKELY = 2
#: It is silence: skipped without a segment, and no reason to try again.
VERDICT_SILENCE = 4
#: It was decoded over a short window (`audio_context`) and came to no end token, has a timestamp behind the window's
#: end, leaves next to nothing to a next one, or there is another reason: the window is decoded anew at full length.
VERDICT_TOO_SHORT = 8
#: The English normaliser word error rates are computed with.
NORMALIZER_ENGLISH = 0
#: The basic normaliser for other languages.
NORMALIZER_BASIC = 1
#: What a developer wants to know.
LOG_DEBUG = 0
#: What an operator wants to know.
LOG_INFO = 1
#: It works, but not as asked or not as well as it could.
LOG_WARNING = 2
#: Something failed that no caller hears of otherwise.
LOG_ERROR = 3


class ModelOptions(ctypes.Structure):
    """How to load a model."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # WTRT_DEVICE_*, or WTRT_AUTO (default).
        ("device", ctypes.c_int32),
        # Which of several GPUs, from 0 (default).
        ("device_index", ctypes.c_int32),
        # WTRT_COMPUTE_*, or WTRT_AUTO (default): float16 on a GPU; on the CPU int8 where it has vector instructions
        # for it, else float32.
        ("compute_type", ctypes.c_int32),
        # WTRT_ISA_*, or WTRT_AUTO (default). One the CPU lacks is an error. For tests.
        ("cpu_isa", ctypes.c_int32),
        # Threads of the process-wide CPU pool, 1..1024, or WTRT_AUTO (default): one per available core. The first
        # model loaded sets it; a later one that asks for another number is refused.
        ("cpu_threads", ctypes.c_int32),
    ]


class ModelInfo(ctypes.Structure):
    """What a loaded model is."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # WTRT_DEVICE_* it is on.
        ("device", ctypes.c_int32),
        # WTRT_COMPUTE_* in force.
        ("compute_type", ctypes.c_int32),
        # WTRT_ISA_* in force.
        ("cpu_isa", ctypes.c_int32),
        # Threads of the CPU pool.
        ("cpu_threads", ctypes.c_int32),
        # 1 if it knows several languages, else 0.
        ("multilingual", ctypes.c_int32),
        # Languages it knows: 1, 99 or 100; 0 with random weights.
        ("languages", ctypes.c_int32),
        # Mel bins: 80 or 128.
        ("mels", ctypes.c_int32),
        # Positions of the encoder's output: 1500.
        ("audio_context", ctypes.c_int32),
        # Positions of the decoder: 448.
        ("text_context", ctypes.c_int32),
        # Model width.
        ("width", ctypes.c_int32),
        # Attention heads per layer.
        ("heads", ctypes.c_int32),
        # Layers of the encoder.
        ("encoder_layers", ctypes.c_int32),
        # Layers of the decoder.
        ("decoder_layers", ctypes.c_int32),
        # Tokens, special ones included.
        ("vocabulary", ctypes.c_int32),
        # Weights.
        ("parameters", ctypes.c_int64),
        # Bytes the weights take on the device.
        ("weight_bytes", ctypes.c_int64),
        # Seconds that loading took.
        ("load_seconds", ctypes.c_double),
        # Heads of the decoder whose attention follows the sound: the checkpoint's list, or else all heads of the
        # upper half of the layers.
        ("alignment_heads", ctypes.c_int32),
        # Zero.
        ("reserved", ctypes.c_int32),
    ]


class Audio(ctypes.Structure):
    """The sound to transcribe."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # WTRT_AUDIO_*.
        ("kind", ctypes.c_int32),
        # See WTRT_AUDIO_*; copied where it is read.
        ("data", ctypes.c_void_p),
        # Bytes at `data`, or the descriptor's number.
        ("size", ctypes.c_int64),
    ]


class VadOptions(ctypes.Structure):
    """How speech is told from silence; names and meanings are faster-whisper's."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # Speech that is not longer is dropped, in milliseconds, 0..3600000. Default 0.
        ("min_speech_duration_ms", ctypes.c_int32),
        # Speech begins at this probability, 0..1. Default 0.5.
        ("threshold", ctypes.c_double),
        # Silence begins below this probability, 0..1; between the two it goes on as it was. NaN (default):
        # `threshold` - 0.15, at least 0.01.
        ("neg_threshold", ctypes.c_double),
        # Speech that is longer is cut, at its last pause of more than 98 ms if it has one; seconds, above 0. Default
        # infinity.
        ("max_speech_duration_s", ctypes.c_double),
        # Silence that is shorter does not end speech, in milliseconds, 0..3600000. Default 2000.
        ("min_silence_duration_ms", ctypes.c_int32),
        # Added to speech on either side; neighbours share what is between them. Milliseconds, 0..3600000. Default
        # 400.
        ("speech_pad_ms", ctypes.c_int32),
    ]


class TranscribeOptions(ctypes.Structure):
    """How to transcribe; names and meanings are openai/whisper's."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # WTRT_TASK_*. Default WTRT_TASK_TRANSCRIBE.
        ("task", ctypes.c_int32),
        # Language code or English name; NULL (default) detects it from the first window.
        ("language", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `language`.
        ("language_size", ctypes.c_int64),
        # Text the first window is conditioned on; NULL (default): none.
        ("initial_prompt", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `initial_prompt`.
        ("initial_prompt_size", ctypes.c_int64),
        # Comma-separated token ids never to be sampled, "-1" (default, also NULL): the annotations and symbols of
        # openai/whisper, "": none.
        ("suppress_tokens", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `suppress_tokens`.
        ("suppress_tokens_size", ctypes.c_int64),
        # 1 (default): the text so far is the prompt of the next window; 0: windows know nothing of each other.
        ("condition_on_previous_text", ctypes.c_int32),
        # 1 (default): never begin with a blank or an end.
        ("suppress_blank", ctypes.c_int32),
        # 1: text only, no timestamp tokens; 0 (default).
        ("without_timestamps", ctypes.c_int32),
        # Most tokens sampled per window, 1..text_context/2, or WTRT_AUTO (default): text_context/2.
        ("max_new_tokens", ctypes.c_int32),
        # The first timestamp of a window is at most this, in seconds, 0..30; default 1.0. NaN: no limit.
        ("max_initial_timestamp", ctypes.c_double),
        # Above this probability of no speech, a window whose average log-probability is below `logprob_threshold` is
        # silence. Default 0.6; NaN: off.
        ("no_speech_threshold", ctypes.c_double),
        # A window whose average log-probability is below this, and which is not silence, is tried again hotter.
        # Default -1.0; NaN: off.
        ("logprob_threshold", ctypes.c_double),
        # Returned in every event of the job as it is; a host's way to find its own object.
        ("tag", ctypes.c_uint64),
        # Segments that may wait unread before the job pauses, 1..1000000; default 64.
        ("max_pending_segments", ctypes.c_int32),
        # 1: PROGRESS events are sent; 0 (default): not.
        ("report_progress", ctypes.c_int32),
        # Beams where the temperature is 0, 1..32; 1 (default): greedy. All beams of a window take rows of one step:
        # at most the engine's `max_batch`.
        ("beam_size", ctypes.c_int32),
        # Candidates where the temperature is above 0, 1..256 and at most `max_batch`; the likeliest is kept. Default
        # 1.
        ("best_of", ctypes.c_int32),
        # No sequence of so many tokens is sampled twice in a window, 1..448; 0 (default): off.
        ("no_repeat_ngram_size", ctypes.c_int32),
        # Beam search ends when beam_size * patience hypotheses have ended (rounded, half to even), above 0..100.
        # Default 1.0.
        ("patience", ctypes.c_double),
        # Hypotheses are ranked by log-probability over ((5 + length) / 6) ^ length_penalty, 0..1; NaN (default): over
        # length.
        ("length_penalty", ctypes.c_double),
        # Temperatures tried one after the other until a window passes the thresholds, each 0..10. Default 0, 0.2,
        # 0.4, 0.6, 0.8, 1.0.
        ("temperatures", ctypes.POINTER(ctypes.c_double)),
        # How many `temperatures` there are, 1..32.
        ("temperature_count", ctypes.c_int64),
        # A window whose text compresses better than this (UTF-8 bytes over zlib bytes) is tried again hotter. Default
        # 2.4; NaN: off.
        ("compression_ratio_threshold", ctypes.c_double),
        # Logits of tokens a window already has are divided (negative ones multiplied) by this, above 0..10. Default
        # 1.0: off.
        ("repetition_penalty", ctypes.c_double),
        # Key of the random numbers of sampling. The same seed and options give the same text, whatever else runs.
        # Default 0.
        ("seed", ctypes.c_uint64),
        # Text that every window's transcript is made to begin with; it is not part of the result. NULL (default):
        # none.
        ("prefix", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `prefix`.
        ("prefix_size", ctypes.c_int64),
        # Words that every window is conditioned on, before the text so far; of no effect with `prefix`. NULL
        # (default): none.
        ("hotwords", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `hotwords`.
        ("hotwords_size", ctypes.c_int64),
        # 1: `initial_prompt` conditions every window, before the text so far; 0 (default): the first one.
        ("carry_initial_prompt", ctypes.c_int32),
        # 1: segments have words with times, and the recording moves on by these; 0 (default): not. Of a translation
        # they are unreliable.
        ("word_timestamps", ctypes.c_int32),
        # After a window decoded hotter than this, the next one knows nothing of the text so far, 0..10. Default 0.5.
        ("prompt_reset_on_temperature", ctypes.c_double),
        # Characters that are joined to the word behind them. Default "'“¿([{- ; NULL: none.
        ("prepend_punctuations", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `prepend_punctuations`.
        ("prepend_punctuations_size", ctypes.c_int64),
        # Characters that are joined to the word before them. Default "'.。,，!！?？:：”)]}、 ; NULL: none.
        ("append_punctuations", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `append_punctuations`.
        ("append_punctuations_size", ctypes.c_int64),
        # Silences longer than this, in seconds, 0..1e9, are skipped where text next to them is likely made up, and
        # that text is dropped. Of effect with `word_timestamps`. NaN (default): off.
        ("hallucination_silence_threshold", ctypes.c_double),
        # Transcribe only the speech that is found this way; read by the call. Times still refer to the whole audio.
        # NULL (default): all of it.
        ("vad", ctypes.POINTER(VadOptions)),
        # Start, end, start, end, … in seconds, 0..1e9, of the clips that are transcribed, one after the other;
        # without a last end the last one goes on to that of the recording. No window goes beyond its clip. Not
        # together with `vad`. NULL (default): all of the recording.
        ("clip_timestamps", ctypes.POINTER(ctypes.c_double)),
        # How many `clip_timestamps` there are, 0..1000000. Default 0.
        ("clip_timestamp_count", ctypes.c_int64),
        # Comma-separated codes or English names of the languages that detection chooses from; NULL (default): all of
        # the model's.
        ("languages", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `languages`.
        ("languages_size", ctypes.c_int64),
        # 1: the language is detected for every window anew, whatever `language` says; 0 (default): not. Of no effect
        # with an English-only model.
        ("multilingual", ctypes.c_int32),
        # 1: the speech that `vad` finds is cut at silences into chunks of at most 30 s that are decoded together, up
        # to `max_batch` at a time, and know nothing of each other; `max_speech_duration_s` is at most 30 then. 0
        # (default): one window after the other.
        ("batched", ctypes.c_int32),
        # WTRT_CHANNELS_MIX (default) or WTRT_CHANNELS_SPLIT, which needs a file or its bytes and at most 16 channels.
        ("channels", ctypes.c_int32),
        # 1: audio that comes as it is spoken (WTRT_AUDIO_PUSHED, WTRT_AUDIO_DESCRIPTOR*) is decoded as it comes.
        # SEGMENT events have the words, a few at a time, that two hypotheses in a row agree on and that two seconds
        # of audio follow, and TENTATIVE events those behind them. `without_timestamps` is taken as 1; not with
        # `prefix` (INVALID_ARGUMENT), nor with `vad`, clips, `multilingual` or short windows (UNSUPPORTED). 0
        # (default): 30 s windows are waited for.
        ("live", ctypes.c_int32),
        # Positions of the encoder that a window gets, of 20 ms: WTRT_NONE (default), all 1500 of its 30 s; WTRT_AUTO,
        # as many as the sound in it takes and `audio_context_tail`; or 1..1500, by which windows are shorter too.
        # Rounded up to a multiple of 64. A short window whose decoding is not ACCEPTED, has no end token or a
        # timestamp behind its end, or with WTRT_AUTO leaves less than two seconds of its sound to a next one, is
        # decoded anew at full length; the attempts say so.
        ("audio_context", ctypes.c_int32),
        # Positions of silence behind the sound, 0..1500. Of effect with WTRT_AUTO. Default 128.
        ("audio_context_tail", ctypes.c_int32),
        # Live: seconds of new audio between two hypotheses, 0.1..30. Default 0.5. They are further apart where the
        # device takes longer.
        ("live_interval", ctypes.c_double),
        # A window whose likeliest language is likelier than this decides the recording's alone, 0..1. Default 0.5.
        ("language_detection_threshold", ctypes.c_double),
        # Windows of 30 s from the beginning that are heard, 1..1000000, until one decides; if none does, most of them
        # do. At most 2 where the audio comes only once (pushed, descriptors), and 1 with `batched`, whose first chunk
        # is heard. Of no effect with `multilingual` and `live`. Default 1.
        ("language_detection_segments", ctypes.c_int64),
    ]


class EngineOptions(ctypes.Structure):
    """How an engine is laid out."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # Rows of a decode step, 1..256; default 16. Also the windows in flight.
        ("max_batch", ctypes.c_int32),
        # Jobs that may wait or run, 1..1000000; more are refused with BUSY. Default 1024.
        ("max_queued_jobs", ctypes.c_int32),
        # Cap in bytes on what the engine takes beside the weights, or WTRT_NONE (default). The engine lowers
        # `max_batch` until its plan fits, and says so in the log; a cap too small for one row is OUT_OF_MEMORY.
        ("memory_limit", ctypes.c_int64),
        # GPUs: most of the memory that is free when the engine is made that its KV caches may take, above 0 and at
        # most 1. Default 0.9. Lowers `max_batch` like `memory_limit`.
        ("kv_cache_free_gpu_memory_fraction", ctypes.c_double),
        # GPUs: of what KV caches may take, the part that cross-attention's may, above 0 and below 1, or NaN
        # (default): as they need.
        ("cross_kv_cache_fraction", ctypes.c_double),
    ]


class MemoryPlan(ctypes.Structure):
    """What an engine takes in memory, in bytes."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # Rows that the plan holds: `max_batch`, or less under a cap.
        ("max_batch", ctypes.c_int32),
        # The model's weights on the device; shared by all engines over it.
        ("weights", ctypes.c_int64),
        # Self-attention KV pages.
        ("self_kv", ctypes.c_int64),
        # Cross-attention KV slots.
        ("cross_kv", ctypes.c_int64),
        # Activations, step state and logits.
        ("workspace", ctypes.c_int64),
        # All of these.
        ("total", ctypes.c_int64),
    ]


class EngineStats(ctypes.Structure):
    """Counters since the engine was made."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # Zero.
        ("reserved", ctypes.c_int32),
        # Windows encoded.
        ("windows", ctypes.c_int64),
        # Encoder batches they went in.
        ("encoder_batches", ctypes.c_int64),
        # Decode steps.
        ("steps", ctypes.c_int64),
        # Rows in all of them: step_rows / steps is the mean batch.
        ("step_rows", ctypes.c_int64),
        # Prompt tokens prefilled.
        ("prefill_tokens", ctypes.c_int64),
        # Seconds spent encoding.
        ("encode_seconds", ctypes.c_double),
        # Seconds spent in prefills.
        ("prefill_seconds", ctypes.c_double),
        # Seconds spent in decode steps.
        ("step_seconds", ctypes.c_double),
    ]


class Word(ctypes.Structure):
    """A word with its times, in seconds, and its probability."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # Zero.
        ("reserved", ctypes.c_int32),
        # The word with the blank before it.
        ("text", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `text`.
        ("text_size", ctypes.c_int64),
        # Seconds from the beginning of the audio.
        ("start", ctypes.c_double),
        # Seconds from the beginning of the audio.
        ("end", ctypes.c_double),
        # Mean probability of its tokens.
        ("probability", ctypes.c_double),
    ]


class Segment(ctypes.Structure):
    """A piece of the transcript."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # From 0 within the job.
        ("id", ctypes.c_int32),
        # Mel frame (10 ms) where its window begins.
        ("seek", ctypes.c_int64),
        # Seconds from the beginning of the audio.
        ("start", ctypes.c_double),
        # Seconds from the beginning of the audio.
        ("end", ctypes.c_double),
        # What was said, without special tokens.
        ("text", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `text`.
        ("text_size", ctypes.c_int64),
        # Text and timestamp tokens.
        ("tokens", ctypes.POINTER(ctypes.c_int32)),
        # Elements of `tokens`.
        ("token_count", ctypes.c_int64),
        # NULL and 0 unless word times were asked for.
        ("words", ctypes.POINTER(Word)),
        # Elements of `words`.
        ("word_count", ctypes.c_int64),
        # Sampling temperature that made it.
        ("temperature", ctypes.c_double),
        # Mean log-probability of its window's tokens.
        ("avg_logprob", ctypes.c_double),
        # UTF-8 bytes over zlib bytes of its window's text.
        ("compression_ratio", ctypes.c_double),
        # Probability that its window holds no speech.
        ("no_speech_prob", ctypes.c_double),
        # Whose it is, from 0, with WTRT_CHANNELS_SPLIT; else -1.
        ("channel", ctypes.c_int32),
        # Zero.
        ("reserved", ctypes.c_int32),
        # Code of its window's language: that of the result but for `multilingual` and WTRT_CHANNELS_SPLIT.
        ("language", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `language`.
        ("language_size", ctypes.c_int64),
    ]


class Attempt(ctypes.Structure):
    """One attempt at a window: what was tried, and what came of it."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # Sum of WTRT_VERDICT_*. The last attempt at a window is the one that was kept, whatever its verdict.
        ("verdict", ctypes.c_int32),
        # Mel frame (10 ms) where the window begins: the `seek` of its segments.
        ("seek", ctypes.c_int64),
        # Sampling temperature; 0: the likeliest tokens.
        ("temperature", ctypes.c_double),
        # Beams searched; 1: none.
        ("beam_size", ctypes.c_int32),
        # Candidates sampled, of which this is the likeliest; 1 at temperature 0.
        ("candidates", ctypes.c_int32),
        # Mean log-probability of the tokens, the end token included.
        ("avg_logprob", ctypes.c_double),
        # UTF-8 bytes over zlib bytes of the text.
        ("compression_ratio", ctypes.c_double),
        # Probability that the window holds no speech.
        ("no_speech_prob", ctypes.c_double),
        # Text and timestamp tokens.
        ("tokens", ctypes.POINTER(ctypes.c_int32)),
        # Elements of `tokens`.
        ("token_count", ctypes.c_int64),
        # Whose window it is, from 0, with WTRT_CHANNELS_SPLIT; else -1.
        ("channel", ctypes.c_int32),
        # Positions of the encoder it was decoded over; 1500: full length.
        ("audio_context", ctypes.c_int32),
    ]


class Event(ctypes.Structure):
    """Something happened to a job. Its pointers live as long as the event."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # WTRT_EVENT_*.
        ("kind", ctypes.c_int32),
        # The `tag` of the job's options.
        ("tag", ctypes.c_uint64),
        # SEGMENT: the segment; TENTATIVE: what may become the next one; else NULL.
        ("segment", ctypes.POINTER(Segment)),
        # LANGUAGE: its code; FAILED: the message; else NULL.
        ("text", ctypes.POINTER(ctypes.c_char)),
        # Bytes of `text`.
        ("text_size", ctypes.c_int64),
        # FAILED: WTRT_ERROR_*; else 0.
        ("error_code", ctypes.c_int32),
        # FINISHED: 1 if the job was cancelled; else 0.
        ("cancelled", ctypes.c_int32),
        # Seconds of audio done.
        ("done_seconds", ctypes.c_double),
        # Seconds of audio in all; -1 while unknown.
        ("total_seconds", ctypes.c_double),
        # LANGUAGE: how probable it is among those it was chosen from; else 0.
        ("language_probability", ctypes.c_double),
    ]


class WriteOptions(ctypes.Structure):
    """How a transcript is written; names and meanings are openai/whisper's. The first four lay out the words of
    SRT, VTT and LRC: they need word times and are of no effect without them.
    """

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # Most characters in a line, from 1, or WTRT_NONE (default).
        ("max_line_width", ctypes.c_int32),
        # Most lines in a subtitle, from 1, or WTRT_NONE (default). With `max_line_width` it lets subtitles run across
        # segments, without it is of no effect.
        ("max_line_count", ctypes.c_int32),
        # Most words in a subtitle, from 1, or WTRT_NONE (default). Of no effect with both of the others.
        ("max_words_per_line", ctypes.c_int32),
        # 1: SRT and VTT have a subtitle per word, that word underlined, and LRC has the times of words; 0 (default).
        ("highlight_words", ctypes.c_int32),
        # 1: JSON has "trace" too, how each window was decoded: its attempts with temperature, figures and verdict; 0
        # (default).
        ("trace", ctypes.c_int32),
    ]


class SpeechSpan(ctypes.Structure):
    """A stretch of speech: 16 kHz samples from `start` up to, not including, `end`."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # Zero.
        ("reserved", ctypes.c_int32),
        # First sample.
        ("start", ctypes.c_int64),
        # Sample after the last.
        ("end", ctypes.c_int64),
    ]


class BenchOptions(ctypes.Structure):
    """What wtrt_bench() measures."""

    _fields_ = [
        # Size of this struct in bytes, as its filler knows it.
        ("struct_size", ctypes.c_uint32),
        # Beams of the beam search that is measured, 1..32. Default 5.
        ("beams", ctypes.c_int32),
        # Numbers of windows encoded together, and of rows in a step, 1..256 each. NULL: 1, 8 and 32.
        ("batches", ctypes.POINTER(ctypes.c_int32)),
        # How many `batches` holds.
        ("batch_count", ctypes.c_int64),
        # Tokens in the self-attention KV cache when steps are timed, 20..400. Default 100.
        ("cached_tokens", ctypes.c_int32),
        # Tokens decoded for each of the whole windows, 1..400. Default 100.
        ("window_tokens", ctypes.c_int32),
        # Runs of each, of which the median counts, 1..1000. Default 15.
        ("repetitions", ctypes.c_int32),
        # Zero.
        ("reserved", ctypes.c_int32),
        # 10^12 operations that the device can do in a second: what floors are made of. 0 (default): no floors.
        ("tera_flops", ctypes.c_double),
        # 10^12 bytes that it can move in a second. 0 (default): no floors.
        ("tera_bytes", ctypes.c_double),
    ]


#: Receives a log line: level (WTRT_LOG_*), text and its size; called from any thread; must not block for long.
LogSink = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_char), ctypes.c_int64)


class TextHandle(Handle):
    """A text made by the library. Owned by the caller. Immutable."""

    __slots__ = ()
    _release_function = "wtrt_text_release"


class ModelHandle(Handle):
    """Weights on one device with their tokenizer. Immutable; shared by threads and engines."""

    __slots__ = ()
    _release_function = "wtrt_model_release"


class EngineHandle(Handle):
    """Scheduler, KV pools and one scheduling thread over one model. Thread-safe."""

    __slots__ = ()
    _release_function = "wtrt_engine_release"


class QueueHandle(Handle):
    """Where events arrive. One queue may serve several engines. Thread-safe."""

    __slots__ = ()
    _release_function = "wtrt_queue_release"


class JobHandle(Handle):
    """One transcription. Thread-safe."""

    __slots__ = ()
    _release_function = "wtrt_job_release"


class ResultHandle(Handle):
    """What a finished job made. Immutable."""

    __slots__ = ()
    _release_function = "wtrt_result_release"


class SpeechHandle(Handle):
    """Where speech was found. Immutable."""

    __slots__ = ()
    _release_function = "wtrt_speech_release"


class SessionHandle(Handle):
    """The device acts one by one over one window, for research and parity tests. Not thread-safe."""

    __slots__ = ()
    _release_function = "wtrt_session_release"


#: Result and argument types of every function.
SIGNATURES = {
    "wtrt_abi_version": (ctypes.c_uint32, []),
    "wtrt_build_info": (ctypes.c_char_p, []),
    "wtrt_error_code": (ctypes.c_int32, [ctypes.c_void_p]),
    "wtrt_error_message": (ctypes.c_char_p, [ctypes.c_void_p]),
    "wtrt_error_release": (None, [ctypes.c_void_p]),
    "wtrt_text_data": (ctypes.c_void_p, [ctypes.c_void_p]),
    "wtrt_text_size": (ctypes.c_int64, [ctypes.c_void_p]),
    "wtrt_text_release": (None, [ctypes.c_void_p]),
    "wtrt_set_log_sink": (ctypes.c_void_p, [LogSink, ctypes.c_void_p, ctypes.c_int32]),
    "wtrt_model_options_init": (None, [ctypes.POINTER(ModelOptions), ctypes.c_uint32]),
    "wtrt_model_load": (
        ctypes.c_void_p,
        [
            ctypes.c_char_p,
            ctypes.c_int64,
            ctypes.POINTER(ModelOptions),
            ctypes.POINTER(ctypes.c_void_p),
        ],
    ),
    "wtrt_model_retain": (None, [ctypes.c_void_p]),
    "wtrt_model_release": (None, [ctypes.c_void_p]),
    "wtrt_model_get_info": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ModelInfo)]),
    "wtrt_model_get_language": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.c_int32,
            ctypes.POINTER(ctypes.POINTER(ctypes.c_char)),
            ctypes.POINTER(ctypes.POINTER(ctypes.c_char)),
        ],
    ),
    "wtrt_model_tokenize": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_int64,
            ctypes.POINTER(ctypes.c_int32),
            ctypes.c_int64,
            ctypes.POINTER(ctypes.c_int64),
        ],
    ),
    "wtrt_model_detokenize": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_int32),
            ctypes.c_int64,
            ctypes.c_int32,
            ctypes.POINTER(ctypes.c_void_p),
        ],
    ),
    "wtrt_vad_options_init": (None, [ctypes.POINTER(VadOptions), ctypes.c_uint32]),
    "wtrt_transcribe_options_init": (None, [ctypes.POINTER(TranscribeOptions), ctypes.c_uint32]),
    "wtrt_engine_options_init": (None, [ctypes.POINTER(EngineOptions), ctypes.c_uint32]),
    "wtrt_engine_estimate": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(EngineOptions),
            ctypes.POINTER(MemoryPlan),
        ],
    ),
    "wtrt_engine_create": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(EngineOptions),
            ctypes.POINTER(ctypes.c_void_p),
        ],
    ),
    "wtrt_engine_retain": (None, [ctypes.c_void_p]),
    "wtrt_engine_release": (None, [ctypes.c_void_p]),
    "wtrt_engine_close": (ctypes.c_void_p, [ctypes.c_void_p]),
    "wtrt_engine_get_memory": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(MemoryPlan)]),
    "wtrt_engine_get_stats": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(EngineStats)]),
    "wtrt_engine_submit": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.POINTER(Audio),
            ctypes.POINTER(TranscribeOptions),
            ctypes.POINTER(ctypes.c_void_p),
        ],
    ),
    "wtrt_queue_create": (ctypes.c_void_p, [ctypes.POINTER(ctypes.c_void_p)]),
    "wtrt_queue_retain": (None, [ctypes.c_void_p]),
    "wtrt_queue_release": (None, [ctypes.c_void_p]),
    "wtrt_queue_next": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.POINTER(Event))]),
    "wtrt_queue_close": (None, [ctypes.c_void_p]),
    "wtrt_event_release": (None, [ctypes.POINTER(Event)]),
    "wtrt_job_retain": (None, [ctypes.c_void_p]),
    "wtrt_job_release": (None, [ctypes.c_void_p]),
    "wtrt_job_cancel": (None, [ctypes.c_void_p]),
    "wtrt_job_push": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_float), ctypes.c_int64]),
    "wtrt_job_end": (ctypes.c_void_p, [ctypes.c_void_p]),
    "wtrt_job_get_result": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)]),
    "wtrt_result_retain": (None, [ctypes.c_void_p]),
    "wtrt_result_release": (None, [ctypes.c_void_p]),
    "wtrt_result_get_segments": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.POINTER(Segment)),
            ctypes.POINTER(ctypes.c_int64),
        ],
    ),
    "wtrt_result_get_attempts": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.POINTER(Attempt)),
            ctypes.POINTER(ctypes.c_int64),
        ],
    ),
    "wtrt_result_get_text": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.POINTER(ctypes.c_char)),
            ctypes.POINTER(ctypes.c_int64),
        ],
    ),
    "wtrt_result_get_language": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.POINTER(ctypes.c_char)),
            ctypes.POINTER(ctypes.c_int64),
        ],
    ),
    "wtrt_result_get_language_probabilities": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.POINTER(ctypes.c_float)),
            ctypes.POINTER(ctypes.c_int64),
        ],
    ),
    "wtrt_result_get_duration": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_double)]),
    "wtrt_result_get_speech_duration": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_double)]),
    "wtrt_result_write": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p)]),
    "wtrt_write_options_init": (None, [ctypes.POINTER(WriteOptions), ctypes.c_uint32]),
    "wtrt_result_write_with_options": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.c_int32,
            ctypes.POINTER(WriteOptions),
            ctypes.POINTER(ctypes.c_void_p),
        ],
    ),
    "wtrt_detect_speech": (
        ctypes.c_void_p,
        [
            ctypes.POINTER(Audio),
            ctypes.POINTER(VadOptions),
            ctypes.POINTER(ctypes.c_void_p),
        ],
    ),
    "wtrt_speech_retain": (None, [ctypes.c_void_p]),
    "wtrt_speech_release": (None, [ctypes.c_void_p]),
    "wtrt_speech_get_spans": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.POINTER(SpeechSpan)),
            ctypes.POINTER(ctypes.c_int64),
        ],
    ),
    "wtrt_speech_get_probabilities": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.POINTER(ctypes.c_float)),
            ctypes.POINTER(ctypes.c_int64),
        ],
    ),
    "wtrt_speech_get_duration": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_double)]),
    "wtrt_quantize": (
        ctypes.c_void_p,
        [
            ctypes.c_char_p,
            ctypes.c_int64,
            ctypes.c_char_p,
            ctypes.c_int64,
            ctypes.c_int32,
        ],
    ),
    "wtrt_doctor": (ctypes.c_void_p, [ctypes.POINTER(ctypes.c_void_p)]),
    "wtrt_bench_options_init": (None, [ctypes.POINTER(BenchOptions), ctypes.c_uint32]),
    "wtrt_bench": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(BenchOptions), ctypes.POINTER(ctypes.c_void_p)]),
    "wtrt_normalize": (
        ctypes.c_void_p,
        [
            ctypes.c_int32,
            ctypes.c_char_p,
            ctypes.c_int64,
            ctypes.POINTER(ctypes.c_void_p),
        ],
    ),
    "wtrt_session_create": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)]),
    "wtrt_session_release": (None, [ctypes.c_void_p]),
    "wtrt_log_mel": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_float),
            ctypes.c_int64,
            ctypes.POINTER(ctypes.c_float),
        ],
    ),
    "wtrt_encode": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_float), ctypes.POINTER(ctypes.c_float)]),
    "wtrt_project_cross_kv": (ctypes.c_void_p, [ctypes.c_void_p]),
    "wtrt_prefill": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_int32),
            ctypes.c_int64,
            ctypes.POINTER(ctypes.c_float),
        ],
    ),
    "wtrt_step": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_float)]),
    "wtrt_align": (
        ctypes.c_void_p,
        [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_int32),
            ctypes.c_int64,
            ctypes.POINTER(ctypes.c_float),
            ctypes.POINTER(ctypes.c_float),
        ],
    ),
}


class Library:
    """The loaded library. A failed call raises; a handle passed in cannot be freed while the call runs.

    Parameters that the C function writes through take `ctypes.byref` or an array; new handles and events are returned.
    """

    def __init__(self, path):
        self.path = os.fspath(path)
        self.functions = ctypes.CDLL(self.path)
        self._check_version()
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(self.functions, name)
            function.restype = result
            function.argtypes = arguments

    def _check_version(self):
        try:
            function = self.functions.wtrt_abi_version
        except AttributeError:
            raise AbiMismatchError(ERROR_ABI_MISMATCH, f"{self.path} is no WhisperTrt library.") from None
        function.restype = ctypes.c_uint32
        function.argtypes = []
        major, minor = divmod(function(), 65536)
        if major != ABI_MAJOR or minor < ABI_MINOR:
            raise AbiMismatchError(
                ERROR_ABI_MISMATCH,
                f"{self.path} has ABI {major}.{minor}; this package needs {ABI_MAJOR}.x with x at least {ABI_MINOR}:"
                " install package and library of the same version.",
            )

    def _check(self, error):
        if error:
            functions = self.functions
            try:
                code = functions.wtrt_error_code(error)
                message = functions.wtrt_error_message(error).decode("utf-8", "replace")
            finally:
                functions.wtrt_error_release(error)
            raise error_of(code, message)

    def abi_version(self):
        """The ABI of the loaded library: major * 65536 + minor. Every binding checks it before any other call."""
        return self.functions.wtrt_abi_version()

    def build_info(self):
        """Version, compiler, and what the library was built with, as a JSON object. Static; never freed."""
        return self.functions.wtrt_build_info()

    def text_data(self, text):
        """The text's bytes (UTF-8, zero-terminated); live as long as the text."""
        with text as text_pointer:
            return self.functions.wtrt_text_data(text_pointer)

    def text_size(self, text):
        """The text's size in bytes without the terminating zero."""
        with text as text_pointer:
            return self.functions.wtrt_text_size(text_pointer)

    def text_release(self, text):
        """Frees a text; NULL is allowed."""
        return self.functions.wtrt_text_release(text)

    def set_log_sink(self, sink, context, level):
        """Sets the process-wide log sink; NULL silences. The one callback of this ABI. When the call returns, the
        former sink may still be running on another thread. `level`: lines below it are dropped.
        """
        self._check(self.functions.wtrt_set_log_sink(sink, context, level))

    def model_options_init(self, options, struct_size):
        """Fills in the defaults; writes no further than `struct_size` bytes."""
        return self.functions.wtrt_model_options_init(options, struct_size)

    def model_load(self, name_or_path, size, options):
        """Loads a model. `name_or_path`: a checkpoint directory, a name ("tiny.en") looked for in
        $WHISPERTRT_MODELS and the Hugging Face cache, or "random:large-v2" and other sizes: random weights, to
        measure with. `options` may be NULL. Errors: NOT_FOUND, INVALID_CHECKPOINT, UNSUPPORTED, OUT_OF_MEMORY,
        IO, INVALID_ARGUMENT.
        """
        out = ctypes.c_void_p()
        self._check(self.functions.wtrt_model_load(name_or_path, size, options, ctypes.byref(out)))
        return ModelHandle(self.functions, out.value)

    def model_retain(self, model):
        """Adds a reference; NULL is allowed."""
        with model as model_pointer:
            return self.functions.wtrt_model_retain(model_pointer)

    def model_release(self, model):
        """Drops a reference and never blocks; NULL is allowed."""
        return self.functions.wtrt_model_release(model)

    def model_get_info(self, model, info):
        """Fills `info` up to the `struct_size` the caller set in it."""
        with model as model_pointer:
            self._check(self.functions.wtrt_model_get_info(model_pointer, info))

    def model_get_language(self, model, index, code, name):
        """Code ("en") and English name ("english") of language `index` in 0..languages-1. Static strings."""
        with model as model_pointer:
            self._check(self.functions.wtrt_model_get_language(model_pointer, index, code, name))

    def model_tokenize(self, model, text, size, tokens, capacity, count):
        """Text to token ids: writes at most `capacity` ids and sets `count` to how many there are."""
        with model as model_pointer:
            self._check(self.functions.wtrt_model_tokenize(model_pointer, text, size, tokens, capacity, count))

    def model_detokenize(self, model, tokens, count, with_special):
        """Token ids to text. `with_special` 1 writes special and timestamp tokens as <|...|>, 0 drops them."""
        out = ctypes.c_void_p()
        with model as model_pointer:
            error = self.functions.wtrt_model_detokenize(model_pointer, tokens, count, with_special, ctypes.byref(out))
            self._check(error)
        return TextHandle(self.functions, out.value)

    def vad_options_init(self, options, struct_size):
        """Fills in the defaults; writes no further than `struct_size` bytes."""
        return self.functions.wtrt_vad_options_init(options, struct_size)

    def transcribe_options_init(self, options, struct_size):
        """Fills in the defaults; writes no further than `struct_size` bytes."""
        return self.functions.wtrt_transcribe_options_init(options, struct_size)

    def engine_options_init(self, options, struct_size):
        """Fills in the defaults; writes no further than `struct_size` bytes."""
        return self.functions.wtrt_engine_options_init(options, struct_size)

    def engine_estimate(self, model, options, plan):
        """What an engine with these options would take. Nothing is allocated. `options` may be NULL."""
        with model as model_pointer:
            self._check(self.functions.wtrt_engine_estimate(model_pointer, options, plan))

    def engine_create(self, model, options):
        """Makes an engine and starts its thread. `options` may be NULL. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY."""
        out = ctypes.c_void_p()
        with model as model_pointer:
            self._check(self.functions.wtrt_engine_create(model_pointer, options, ctypes.byref(out)))
        return EngineHandle(self.functions, out.value)

    def engine_retain(self, engine):
        """Adds a reference; NULL is allowed."""
        with engine as engine_pointer:
            return self.functions.wtrt_engine_retain(engine_pointer)

    def engine_release(self, engine):
        """Drops a reference; the last one cancels what still runs, without waiting for it."""
        return self.functions.wtrt_engine_release(engine)

    def engine_close(self, engine):
        """Cancels what runs, wakes every waiter with CLOSED and joins the engine's thread. Idempotent. Refused
        (INVALID_ARGUMENT) from inside the log sink.
        """
        with engine as engine_pointer:
            self._check(self.functions.wtrt_engine_close(engine_pointer))

    def engine_get_memory(self, engine, plan):
        """What the engine really took."""
        with engine as engine_pointer:
            self._check(self.functions.wtrt_engine_get_memory(engine_pointer, plan))

    def engine_get_stats(self, engine, stats):
        """The counters so far."""
        with engine as engine_pointer:
            self._check(self.functions.wtrt_engine_get_stats(engine_pointer, stats))

    def engine_submit(self, engine, queue, audio, options):
        """Hands in a job and returns at once; its events arrive in `queue`. `options` may be NULL. What cannot be
        known at once (a damaged file) arrives as WTRT_EVENT_FAILED. Errors: INVALID_ARGUMENT (names the option
        and its range), BUSY, CLOSED; UNSUPPORTED in a child of fork(), which needs an engine of its own.
        """
        out = ctypes.c_void_p()
        with engine as engine_pointer, queue as queue_pointer:
            error = self.functions.wtrt_engine_submit(engine_pointer, queue_pointer, audio, options, ctypes.byref(out))
            self._check(error)
        return JobHandle(self.functions, out.value)

    def queue_create(self):
        """Makes a queue."""
        out = ctypes.c_void_p()
        self._check(self.functions.wtrt_queue_create(ctypes.byref(out)))
        return QueueHandle(self.functions, out.value)

    def queue_retain(self, queue):
        """Adds a reference; NULL is allowed."""
        with queue as queue_pointer:
            return self.functions.wtrt_queue_retain(queue_pointer)

    def queue_release(self, queue):
        """Drops a reference and never blocks; NULL is allowed."""
        return self.functions.wtrt_queue_release(queue)

    def queue_next(self, queue, timeout_ms):
        """Takes the next event, waiting up to `timeout_ms` (0: not at all, WTRT_NONE: without limit). No event in
        time: success with `*event` NULL. A segment counts against its job's credit until its event is released.
        Errors: CLOSED once wtrt_queue_close() was called and nothing is left.
        """
        out = ctypes.POINTER(Event)()
        with queue as queue_pointer:
            self._check(self.functions.wtrt_queue_next(queue_pointer, timeout_ms, ctypes.byref(out)))
        return out if out else None

    def queue_close(self, queue):
        """Wakes every waiter; what is in the queue can still be taken, then CLOSED follows. Jobs that report to it
        go on unheard. Idempotent.
        """
        with queue as queue_pointer:
            return self.functions.wtrt_queue_close(queue_pointer)

    def event_release(self, event):
        """Frees an event; NULL is allowed."""
        return self.functions.wtrt_event_release(event)

    def job_retain(self, job):
        """Adds a reference; NULL is allowed."""
        with job as job_pointer:
            return self.functions.wtrt_job_retain(job_pointer)

    def job_release(self, job):
        """Drops a reference. The job runs on: cancel it to stop it."""
        return self.functions.wtrt_job_release(job)

    def job_cancel(self, job):
        """Asks the job to stop: checked between layers and between steps; FINISHED with `cancelled` follows.
        Idempotent.
        """
        with job as job_pointer:
            return self.functions.wtrt_job_cancel(job_pointer)

    def job_push(self, job, samples, count):
        """Adds 16 kHz mono samples to a WTRT_AUDIO_PUSHED job; copied. Errors: INVALID_ARGUMENT after
        wtrt_job_end() or for another kind of audio, CLOSED.
        """
        with job as job_pointer:
            self._check(self.functions.wtrt_job_push(job_pointer, samples, count))

    def job_end(self, job):
        """Ends a WTRT_AUDIO_PUSHED job's audio. Idempotent."""
        with job as job_pointer:
            self._check(self.functions.wtrt_job_end(job_pointer))

    def job_get_result(self, job):
        """The result once FINISHED was sent (what was made until then, if cancelled); a new reference. Errors: BUSY
        while it runs; a failed job's own error.
        """
        out = ctypes.c_void_p()
        with job as job_pointer:
            self._check(self.functions.wtrt_job_get_result(job_pointer, ctypes.byref(out)))
        return ResultHandle(self.functions, out.value)

    def result_retain(self, result):
        """Adds a reference; NULL is allowed."""
        with result as result_pointer:
            return self.functions.wtrt_result_retain(result_pointer)

    def result_release(self, result):
        """Drops a reference and never blocks; NULL is allowed."""
        return self.functions.wtrt_result_release(result)

    def result_get_segments(self, result, segments, count):
        """All segments; borrowed, live as long as the result."""
        with result as result_pointer:
            self._check(self.functions.wtrt_result_get_segments(result_pointer, segments, count))

    def result_get_attempts(self, result, attempts, count):
        """Every attempt at every window, in order; borrowed, live as long as the result."""
        with result as result_pointer:
            self._check(self.functions.wtrt_result_get_attempts(result_pointer, attempts, count))

    def result_get_text(self, result, text, size):
        """The whole text; borrowed."""
        with result as result_pointer:
            self._check(self.functions.wtrt_result_get_text(result_pointer, text, size))

    def result_get_language(self, result, code, size):
        """The language's code, given or detected; borrowed."""
        with result as result_pointer:
            self._check(self.functions.wtrt_result_get_language(result_pointer, code, size))

    def result_get_language_probabilities(self, result, probabilities, count):
        """How probable each of the model's languages was when the language was first detected, in the order of
        wtrt_model_get_language(); they sum to one, and are 0 for those that `languages` left out. `count` is 0
        if nothing was detected. Borrowed.
        """
        with result as result_pointer:
            self._check(self.functions.wtrt_result_get_language_probabilities(result_pointer, probabilities, count))

    def result_get_duration(self, result, seconds):
        """Seconds of audio."""
        with result as result_pointer:
            self._check(self.functions.wtrt_result_get_duration(result_pointer, seconds))

    def result_get_speech_duration(self, result, seconds):
        """Seconds of audio that were transcribed: those of speech if `vad` was set, else all."""
        with result as result_pointer:
            self._check(self.functions.wtrt_result_get_speech_duration(result_pointer, seconds))

    def result_write(self, result, format):
        """The transcript as a file's content, byte for byte as openai/whisper writes it. `format`: WTRT_FORMAT_*."""
        out = ctypes.c_void_p()
        with result as result_pointer:
            self._check(self.functions.wtrt_result_write(result_pointer, format, ctypes.byref(out)))
        return TextHandle(self.functions, out.value)

    def write_options_init(self, options, struct_size):
        """Fills in the defaults; writes no further than `struct_size` bytes."""
        return self.functions.wtrt_write_options_init(options, struct_size)

    def result_write_with_options(self, result, format, options):
        """wtrt_result_write() with options, which may be NULL. Errors: INVALID_ARGUMENT (names the option and its
        range).
        """
        out = ctypes.c_void_p()
        with result as result_pointer:
            error = self.functions.wtrt_result_write_with_options(result_pointer, format, options, ctypes.byref(out))
            self._check(error)
        return TextHandle(self.functions, out.value)

    def detect_speech(self, audio, options):
        """Finds the speech in audio of any kind but WTRT_AUDIO_PUSHED, on the calling thread; needs no model.
        `options` may be NULL. Errors: as of a job, INVALID_ARGUMENT.
        """
        out = ctypes.c_void_p()
        self._check(self.functions.wtrt_detect_speech(audio, options, ctypes.byref(out)))
        return SpeechHandle(self.functions, out.value)

    def speech_retain(self, speech):
        """Adds a reference; NULL is allowed."""
        with speech as speech_pointer:
            return self.functions.wtrt_speech_retain(speech_pointer)

    def speech_release(self, speech):
        """Drops a reference and never blocks; NULL is allowed."""
        return self.functions.wtrt_speech_release(speech)

    def speech_get_spans(self, speech, spans, count):
        """The spans in order, none overlapping; borrowed, live as long as the handle."""
        with speech as speech_pointer:
            self._check(self.functions.wtrt_speech_get_spans(speech_pointer, spans, count))

    def speech_get_probabilities(self, speech, probabilities, count):
        """Probability of speech of each frame of 512 samples (32 ms); borrowed."""
        with speech as speech_pointer:
            self._check(self.functions.wtrt_speech_get_probabilities(speech_pointer, probabilities, count))

    def speech_get_duration(self, speech, seconds):
        """Seconds of audio."""
        with speech as speech_pointer:
            self._check(self.functions.wtrt_speech_get_duration(speech_pointer, seconds))

    def quantize(self, model, model_size, output, output_size, weights):
        """Writes the checkpoint `model` (name or path) in our quantized form into the new directory `output`.
        `weights`: WTRT_COMPUTE_INT8.
        """
        self._check(self.functions.wtrt_quantize(model, model_size, output, output_size, weights))

    def doctor(self):
        """What the library looked for on this machine, what it found and why not, as JSON."""
        out = ctypes.c_void_p()
        self._check(self.functions.wtrt_doctor(ctypes.byref(out)))
        return TextHandle(self.functions, out.value)

    def bench_options_init(self, options, struct_size):
        """Fills in the defaults; writes no further than `struct_size` bytes."""
        return self.functions.wtrt_bench_options_init(options, struct_size)

    def bench(self, model, options):
        """Times each act of the model's device, as JSON: {"phases": [{"name", "batch", "milliseconds",
        "floor_milliseconds"}]}. Of the model "random:large-v2" too. Takes seconds to minutes, on the calling
        thread. `options` may be NULL. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY.
        """
        out = ctypes.c_void_p()
        with model as model_pointer:
            self._check(self.functions.wtrt_bench(model_pointer, options, ctypes.byref(out)))
        return TextHandle(self.functions, out.value)

    def normalize(self, normalizer, text, size):
        """Normalises text as for word error rates. `normalizer`: WTRT_NORMALIZER_*."""
        out = ctypes.c_void_p()
        self._check(self.functions.wtrt_normalize(normalizer, text, size, ctypes.byref(out)))
        return TextHandle(self.functions, out.value)

    def session_create(self, model):
        """A session over one window and one decode row."""
        out = ctypes.c_void_p()
        with model as model_pointer:
            self._check(self.functions.wtrt_session_create(model_pointer, ctypes.byref(out)))
        return SessionHandle(self.functions, out.value)

    def session_release(self, session):
        """Drops a reference and never blocks; NULL is allowed."""
        return self.functions.wtrt_session_release(session)

    def log_mel(self, model, samples, count, mel):
        """Log-mel of 16 kHz mono samples, padded with zeros or cut to 30 s: `mel` receives row-major [mels, 3000]."""
        with model as model_pointer:
            self._check(self.functions.wtrt_log_mel(model_pointer, samples, count, mel))

    def encode(self, session, mel, output):
        """Encodes a window: `mel` is row-major [mels, 3000]. `output`, unless NULL, receives row-major
        [audio_context, width].
        """
        with session as session_pointer:
            self._check(self.functions.wtrt_encode(session_pointer, mel, output))

    def project_cross_kv(self, session):
        """Computes every decoder layer's cross-attention keys and values of the encoded window, once. Needs
        wtrt_encode().
        """
        with session as session_pointer:
            self._check(self.functions.wtrt_project_cross_kv(session_pointer))

    def prefill(self, session, tokens, count, logits):
        """Starts a new row with `count` tokens, 1..text_context. `logits`, unless NULL, receives row-major [count,
        vocabulary]. Needs wtrt_project_cross_kv().
        """
        with session as session_pointer:
            self._check(self.functions.wtrt_prefill(session_pointer, tokens, count, logits))

    def step(self, session, token, logits):
        """Appends one token to the row; `logits`, unless NULL, receives [vocabulary]. Needs wtrt_prefill()."""
        with session as session_pointer:
            self._check(self.functions.wtrt_step(session_pointer, token, logits))

    def align(self, session, tokens, count, scores, probabilities):
        """Forces `count` tokens, 1..text_context, on the window and ends the row: what word times are made from.
        Needs wtrt_project_cross_kv(). `scores`, unless NULL, receives row-major [alignment_heads, count,
        audio_context]: the heads' cross-attention before the softmax, layer by layer. `probabilities`, unless
        NULL, receives [count]: of each token after those before it, among text tokens; 0 of the first and of
        special ones.
        """
        with session as session_pointer:
            self._check(self.functions.wtrt_align(session_pointer, tokens, count, scores, probabilities))
