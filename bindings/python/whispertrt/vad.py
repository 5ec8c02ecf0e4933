"""Where speech is, without transcribing it."""

import ctypes
from typing import Any

from . import _abi
from ._audio import audio_of
from ._library import library
from ._memory import elements
from ._options import vad_options
from ._types import Speech, SpeechSpan


def detect_speech(audio: Any, **options: Any) -> Speech:
    """Finds the speech in a recording; needs no model. Audio as for Engine.

    Options have the names and meanings of faster-whisper: `threshold` (0.5), `neg_threshold` (None: `threshold` - 0.15),
    `min_speech_duration_ms` (0), `max_speech_duration_s` (None: no limit), `min_silence_duration_ms` (2000),
    `speech_pad_ms` (400).
    """
    loaded = library()
    native, keep_alive = audio_of(audio)
    handle = loaded.detect_speech(ctypes.byref(native), ctypes.byref(vad_options(loaded, options)))
    del keep_alive
    try:
        return _speech_of(loaded, handle)
    finally:
        handle.close()


def _speech_of(loaded: _abi.Library, handle: _abi.SpeechHandle) -> Speech:
    first, count = ctypes.POINTER(_abi.SpeechSpan)(), ctypes.c_int64()
    loaded.speech_get_spans(handle, ctypes.byref(first), ctypes.byref(count))
    spans = [SpeechSpan(native.start, native.end) for native in elements(first, count.value)]
    values = ctypes.POINTER(ctypes.c_float)()
    loaded.speech_get_probabilities(handle, ctypes.byref(values), ctypes.byref(count))
    probabilities = values[: count.value] if count.value else []
    seconds = ctypes.c_double()
    loaded.speech_get_duration(handle, ctypes.byref(seconds))
    return Speech(spans, probabilities, seconds.value)
