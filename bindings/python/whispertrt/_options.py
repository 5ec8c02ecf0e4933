"""Options by keyword to the library's option structures."""

import ctypes
import math
import numbers
from typing import Any, Callable, Dict, List, Mapping

from . import _abi
from ._errors import InvalidArgumentError
from ._memory import encoded, initialised, integer

CHANNELS = {"mix": _abi.CHANNELS_MIX, "split": _abi.CHANNELS_SPLIT}
TASKS = {"transcribe": _abi.TASK_TRANSCRIBE, "translate": _abi.TASK_TRANSLATE}
DEVICES = {"auto": _abi.AUTO, "cpu": _abi.DEVICE_CPU, "cuda": _abi.DEVICE_CUDA}
COMPUTE_TYPES = {
    "auto": _abi.AUTO,
    "float32": _abi.COMPUTE_FLOAT32,
    "float16": _abi.COMPUTE_FLOAT16,
    "bfloat16": _abi.COMPUTE_BFLOAT16,
    "int8": _abi.COMPUTE_INT8,
}
ISAS = {
    "auto": _abi.AUTO,
    "portable": _abi.ISA_PORTABLE,
    "avx2": _abi.ISA_AVX2,
    "avx512": _abi.ISA_AVX512,
    "amx": _abi.ISA_AMX,
}
FORMATS = {
    "txt": _abi.FORMAT_TXT,
    "srt": _abi.FORMAT_SRT,
    "vtt": _abi.FORMAT_VTT,
    "tsv": _abi.FORMAT_TSV,
    "json": _abi.FORMAT_JSON,
    "lrc": _abi.FORMAT_LRC,
}
LOG_LEVELS = {"debug": _abi.LOG_DEBUG, "info": _abi.LOG_INFO, "warning": _abi.LOG_WARNING, "error": _abi.LOG_ERROR}
NORMALIZERS = {"english": _abi.NORMALIZER_ENGLISH, "basic": _abi.NORMALIZER_BASIC}

#: Sets one option in a structure.
_Setter = Callable[[Any, str, Any], None]


def choice(name: str, choices: Mapping[str, int], value: Any) -> int:
    """The constant behind a name."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise InvalidArgumentError(
            _abi.ERROR_INVALID_ARGUMENT, f"{name} is {value!r}; it must be one of {', '.join(choices)}"
        ) from None


def choice_name(choices: Mapping[str, int], value: int) -> str:
    """The name behind a constant; its number where a newer library knows more."""
    return next((name for name, constant in choices.items() if constant == value), str(value))


def _choice(choices: Mapping[str, int]) -> _Setter:
    return lambda options, name, value: setattr(options, name, choice(name, choices, value))


def _integer_or(absent: int, bits: int = 32) -> _Setter:
    return lambda options, name, value: setattr(options, name, absent if value is None else integer(name, value, bits))


def _integer(options: Any, name: str, value: Any) -> None:
    setattr(options, name, integer(name, value))


def _flag(options: Any, name: str, value: Any) -> None:
    setattr(options, name, 1 if value else 0)


def _real(name: str, value: Any) -> float:
    """A number; what float() says of anything else names no option."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {value!r}") from None


def _reals(name: str, value: Any) -> List[float]:
    """Numbers, or a single one; those of numpy are no Python floats."""
    if isinstance(value, (numbers.Real, str)):
        return [_real(name, value)]
    try:
        values = list(value)
    except TypeError:
        raise TypeError(f"{name} must be numbers, not {value!r}") from None
    return [_real(name, one) for one in values]


def _number(options: Any, name: str, value: Any) -> None:
    setattr(options, name, _real(name, value))


def _number_or_off(options: Any, name: str, value: Any) -> None:
    setattr(options, name, math.nan if value is None else _real(name, value))


def _text(options: Any, name: str, value: Any) -> None:
    if value is None:
        setattr(options, name, None)
        setattr(options, name + "_size", 0)
        return
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str or None, not {type(value).__name__}")
    data = encoded(value)
    setattr(options, name, ctypes.create_string_buffer(data))  # the structure keeps the buffer alive
    setattr(options, name + "_size", len(data))


def _integer_or_one(options: Any, name: str, value: Any) -> None:
    setattr(options, name, 1 if value is None else integer(name, value))


def _number_or(absent: float) -> _Setter:
    return lambda options, name, value: setattr(options, name, absent if value is None else _real(name, value))


def _seed(options: Any, name: str, value: Any) -> None:
    if not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}")
    number = value.__index__()
    if not 0 <= number < 2**64:
        raise InvalidArgumentError(_abi.ERROR_INVALID_ARGUMENT, f"{name} is {number}; it must be in 0..2**64 - 1")
    setattr(options, name, number)


def _temperatures(options: Any, name: str, value: Any) -> None:
    values = _reals(name, value)
    options.temperatures = (ctypes.c_double * len(values))(*values)  # the structure keeps the array alive
    options.temperature_count = len(values)


def _clips(options: Any, name: str, value: Any) -> None:
    if isinstance(value, str):  # as openai/whisper and faster-whisper take it
        value = value.split(",") if value else []
    values = [] if value is None else _reals(name, value)
    options.clip_timestamps = (ctypes.c_double * len(values))(*values)  # the structure keeps the array alive
    options.clip_timestamp_count = len(values)


def _languages(options: Any, name: str, value: Any) -> None:
    _text(options, name, value if value is None or isinstance(value, str) else ",".join(value))


def _audio_context(options: Any, name: str, value: Any) -> None:
    if value is None:
        value = _abi.NONE
    elif value == "auto":
        value = _abi.AUTO
    elif integer(name, value) < 1:  # the numbers that mean None and "auto" must not slip in
        raise InvalidArgumentError(
            _abi.ERROR_INVALID_ARGUMENT, f'{name} is {value}; it must be in 1..1500, "auto" or None'
        )
    setattr(options, name, integer(name, value))


def _tokens(options: Any, name: str, value: Any) -> None:
    if value is None:
        value = ""  # as openai/whisper has it: none
    elif not isinstance(value, str):
        value = ",".join(str(integer(name, token)) for token in value)
    _text(options, name, value)


_VAD: Dict[str, _Setter] = {
    "threshold": _number,
    "neg_threshold": _number_or_off,
    "min_speech_duration_ms": _integer,
    "max_speech_duration_s": _number_or(math.inf),
    "min_silence_duration_ms": _integer,
    "speech_pad_ms": _integer,
}

_MODEL: Dict[str, _Setter] = {
    "device": _choice(DEVICES),
    "device_index": _integer,
    "compute_type": _choice(COMPUTE_TYPES),
    "cpu_isa": _choice(ISAS),
    "cpu_threads": _integer_or(_abi.AUTO),
}

_ENGINE: Dict[str, _Setter] = {
    "max_batch": _integer,
    "max_queued_jobs": _integer,
    "memory_limit": _integer_or(_abi.NONE, bits=64),
    "kv_cache_free_gpu_memory_fraction": _number_or(0.9),
    "cross_kv_cache_fraction": _number_or(float("nan")),
}

_TRANSCRIBE: Dict[str, _Setter] = {
    "task": _choice(TASKS),
    "language": _text,
    "initial_prompt": _text,
    "suppress_tokens": _tokens,
    "condition_on_previous_text": _flag,
    "suppress_blank": _flag,
    "without_timestamps": _flag,
    "max_new_tokens": _integer_or(_abi.AUTO),
    "max_initial_timestamp": _number_or_off,
    "no_speech_threshold": _number_or_off,
    "logprob_threshold": _number_or_off,
    "max_pending_segments": _integer,
    "report_progress": _flag,
    "temperature": _temperatures,
    "beam_size": _integer_or_one,
    "best_of": _integer_or_one,
    "patience": _number_or(1.0),
    "length_penalty": _number_or_off,
    "compression_ratio_threshold": _number_or_off,
    "repetition_penalty": _number_or(1.0),
    "no_repeat_ngram_size": _integer,
    "seed": _seed,
    "prefix": _text,
    "hotwords": _text,
    "carry_initial_prompt": _flag,
    "prompt_reset_on_temperature": _number_or(0.5),
    "word_timestamps": _flag,
    "prepend_punctuations": _text,
    "append_punctuations": _text,
    "hallucination_silence_threshold": _number_or_off,
    "audio_context": _audio_context,
    "audio_context_tail": _integer,
    "live": _flag,
    "live_interval": _number_or(0.5),
    "vad_parameters": lambda options, name, value: setattr(options, "vad", ctypes.pointer(value)),  # which keeps it alive
    "vad_filter": lambda options, name, value: None if value else setattr(options, "vad", None),
    "clip_timestamps": _clips,
    "languages": _languages,
    "language_detection_threshold": _number,
    "language_detection_segments": lambda options, name, value: setattr(options, name, integer(name, value, 64)),
    "multilingual": _flag,
    "batched": _flag,
    "channels": _choice(CHANNELS),
}

_WRITE: Dict[str, _Setter] = {
    "max_line_width": _integer_or(_abi.NONE),
    "max_line_count": _integer_or(_abi.NONE),
    "max_words_per_line": _integer_or(_abi.NONE),
    "highlight_words": _flag,
    "trace": _flag,
}

MODEL_OPTIONS = frozenset(_MODEL)
ENGINE_OPTIONS = frozenset(_ENGINE)


def _filled(native: Any, setters: Mapping[str, _Setter], options: Mapping[str, Any]) -> Any:
    for name, value in options.items():
        if name not in setters:
            raise TypeError(f"there is no option {name!r}; there are: {', '.join(setters)}")
        setters[name](native, name, value)
    return native


def model_options(library: _abi.Library, options: Mapping[str, Any]) -> _abi.ModelOptions:
    """The library's defaults with these set."""
    return _filled(initialised(_abi.ModelOptions, library.model_options_init), _MODEL, _with_device_index(options))


def _with_device_index(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same with "cuda:1" taken apart."""
    device = options.get("device")
    if not isinstance(device, str) or not device.startswith("cuda:"):
        return options
    digits = device[len("cuda:") :]
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidArgumentError(
            _abi.ERROR_INVALID_ARGUMENT, f'device is {device!r}; a GPU is "cuda", or "cuda:" and its index'
        )
    index = int(digits)
    if options.get("device_index", index) != index:
        raise InvalidArgumentError(
            _abi.ERROR_INVALID_ARGUMENT, f"device is {device!r} and device_index {options['device_index']}; leave one of them out"
        )
    return {**options, "device": "cuda", "device_index": index}


def engine_options(library: _abi.Library, options: Mapping[str, Any]) -> _abi.EngineOptions:
    """The library's defaults with these set."""
    return _filled(initialised(_abi.EngineOptions, library.engine_options_init), _ENGINE, options)


def vad_options(library: _abi.Library, options: Mapping[str, Any]) -> _abi.VadOptions:
    """The library's defaults with these set."""
    return _filled(initialised(_abi.VadOptions, library.vad_options_init), _VAD, options)


def transcribe_options(library: _abi.Library, options: Mapping[str, Any]) -> _abi.TranscribeOptions:
    """The library's defaults with these set."""
    parameters = vad_options(library, options.get("vad_parameters") or {})
    others = {**options, "vad_parameters": parameters}
    others["vad_filter"] = others.pop("vad_filter", False)  # last: it decides whether they are used
    return _filled(initialised(_abi.TranscribeOptions, library.transcribe_options_init), _TRANSCRIBE, others)


def write_options(library: _abi.Library, options: Mapping[str, Any]) -> _abi.WriteOptions:
    """The library's defaults with these set."""
    return _filled(initialised(_abi.WriteOptions, library.write_options_init), _WRITE, options)
