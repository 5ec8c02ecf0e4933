"""The many shapes of audio to the library's one."""

import ctypes
import os
from dataclasses import dataclass
from typing import Any, Tuple

from . import _abi
from ._memory import encoded, floats_of, sized


@dataclass(frozen=True)
class RawPipe:
    """A pipe or file that delivers raw 16 kHz mono signed 16-bit little-endian samples: a descriptor or a file object."""

    file: Any


def audio_of(source: Any) -> Tuple[_abi.Audio, Any]:
    """The native description of a source, and what must live until its job ended.

    - str or path: an audio file;
    - bytes, bytearray, memoryview of bytes: an encoded file;
    - numpy array, array.array, memoryview of float32 (also float64, int16), list: 16 kHz mono samples;
    - open file object, or RawPipe: read front to back from where its descriptor stands.
    """
    if isinstance(source, (str, os.PathLike)):
        path = encoded(os.fsdecode(source))
        return _described(_abi.AUDIO_PATH, ctypes.create_string_buffer(path), len(path))
    if isinstance(source, RawPipe):
        return _descriptor(_abi.AUDIO_DESCRIPTOR_RAW, source.file)
    if hasattr(source, "read"):
        if _has_descriptor(source):
            return _descriptor(_abi.AUDIO_DESCRIPTOR, source)
        source = source.read()  # a file in memory, such as io.BytesIO
    if _is_bytes(source):
        data = bytes(source)
        return _described(_abi.AUDIO_BYTES, ctypes.create_string_buffer(data, max(len(data), 1)), len(data))
    samples, count = floats_of(source)
    return _described(_abi.AUDIO_SAMPLES, samples, count * ctypes.sizeof(ctypes.c_float))


def pushed_audio() -> _abi.Audio:
    """Audio that comes later."""
    audio = sized(_abi.Audio)
    audio.kind = _abi.AUDIO_PUSHED
    return audio


def _has_descriptor(file: Any) -> bool:
    try:
        file.fileno()
    except (AttributeError, OSError):
        return False
    return True


def _is_bytes(source: Any) -> bool:
    if isinstance(source, (bytes, bytearray)):
        return True
    return isinstance(source, memoryview) and source.format in ("B", "b", "c")


def _described(kind: int, memory: Any, size: int) -> Tuple[_abi.Audio, Any]:
    audio = sized(_abi.Audio)
    audio.kind = kind
    audio.data = ctypes.addressof(memory)
    audio.size = size
    return audio, memory


def _descriptor(kind: int, file: Any) -> Tuple[_abi.Audio, Any]:
    audio = sized(_abi.Audio)
    audio.kind = kind
    audio.size = file if isinstance(file, int) else file.fileno()
    return audio, file
