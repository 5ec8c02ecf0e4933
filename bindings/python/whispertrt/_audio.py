"""The many shapes of audio to the library's one."""

import ctypes
import io
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
    - open file object, or RawPipe: read front to back from where it stands; of a pipe, what Python has read ahead is lost.
    """
    if isinstance(source, (str, os.PathLike)):
        path = encoded(os.fsdecode(source))
        return _described(_abi.AUDIO_PATH, ctypes.create_string_buffer(path), len(path))
    if isinstance(source, RawPipe):
        return _descriptor(_abi.AUDIO_DESCRIPTOR_RAW, source.file)
    if hasattr(source, "read"):
        if _has_descriptor(source):
            return _descriptor(_abi.AUDIO_DESCRIPTOR, source)
        source = source.read()  # a file in memory, or one whose descriptor gives other bytes than itself
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
    """Whether the system's descriptor gives what the object gives: not that of gzip.open() or a web response."""
    raw = getattr(_binary(file), "raw", file)
    try:
        return isinstance(raw, io.RawIOBase) and raw.fileno() >= 0
    except OSError:
        return False


def _binary(file: Any) -> Any:
    """The bytes under a text file; another file itself."""
    return getattr(file, "buffer", file)


def _forget_read_ahead(file: Any) -> None:
    """Puts the descriptor where the object is, which seeks in what it has read ahead as long as it can."""
    if hasattr(file, "seekable") and file.seekable():
        position = file.tell()
        file.seek(0, os.SEEK_END)
        file.seek(position)


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
    _forget_read_ahead(_binary(file))
    return audio, file
