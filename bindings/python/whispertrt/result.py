"""What a transcription made."""

import ctypes
import os
from pathlib import Path
from typing import Any, List, Optional, Union

from . import _abi
from ._memory import elements, text_at
from ._options import FORMATS, choice, write_options
from ._types import Attempt, Segment, attempt_of, segment_of


def take_text(library: _abi.Library, handle: _abi.TextHandle) -> str:
    """The content of a text, which is freed."""
    try:
        return text_at(library.text_data(handle), library.text_size(handle))
    finally:
        handle.close()


class Result:
    """The transcript: `text`, `language`, `duration`, `segments`, `attempts`. Immutable; outlives its engine and model."""

    def __init__(self, library: _abi.Library, handle: _abi.ResultHandle, cancelled: bool) -> None:
        self._library = library
        self._handle = handle
        #: Whether the transcription was cancelled; the result then holds what was made until then.
        self.cancelled = cancelled
        #: The whole text.
        self.text = self._read_text(library.result_get_text)
        #: Code of the language, given or detected.
        self.language = self._read_text(library.result_get_language)
        seconds = ctypes.c_double()
        library.result_get_duration(handle, ctypes.byref(seconds))
        #: Seconds of audio.
        self.duration = seconds.value
        library.result_get_speech_duration(handle, ctypes.byref(seconds))
        #: Seconds of it that were transcribed: less than all with `vad_filter`.
        self.speech_duration = seconds.value
        #: How probable each of the model's languages was when the language was first detected; empty if it was not.
        self.language_probabilities = self._read_probabilities()
        self._segments: Optional[List[Segment]] = None
        self._attempts: Optional[List[Attempt]] = None

    def _read_text(self, getter: Any) -> str:
        pointer = ctypes.POINTER(ctypes.c_char)()
        size = ctypes.c_int64()
        getter(self._handle, ctypes.byref(pointer), ctypes.byref(size))
        return text_at(pointer, size.value)

    def _read_probabilities(self) -> List[float]:
        first = ctypes.POINTER(ctypes.c_float)()
        count = ctypes.c_int64()
        self._library.result_get_language_probabilities(self._handle, ctypes.byref(first), ctypes.byref(count))
        return first[: count.value] if count.value else []

    @property
    def language_probability(self) -> Optional[float]:
        """How probable the language was when it was first detected; None if it was given."""
        return max(self.language_probabilities, default=None)

    @property
    def segments(self) -> List[Segment]:
        """All segments, in order."""
        if self._segments is None:
            first = ctypes.POINTER(_abi.Segment)()
            count = ctypes.c_int64()
            self._library.result_get_segments(self._handle, ctypes.byref(first), ctypes.byref(count))
            self._segments = [segment_of(native) for native in elements(first, count.value)]
        return self._segments

    @property
    def attempts(self) -> List[Attempt]:
        """Every attempt at every window, in order: why each was tried again, kept or skipped."""
        if self._attempts is None:
            first = ctypes.POINTER(_abi.Attempt)()
            count = ctypes.c_int64()
            self._library.result_get_attempts(self._handle, ctypes.byref(first), ctypes.byref(count))
            self._attempts = [attempt_of(native) for native in elements(first, count.value)]
        return self._attempts

    def write(self, format: str = "txt", path: Union[str, "os.PathLike[str]", None] = None, **options: Any) -> str:
        """The transcript as a file's content: "txt", "srt", "vtt", "tsv" or "json", byte for byte as openai/whisper writes
        it, or "lrc". With `path` it is also written there.

        `max_line_width`, `max_line_count`, `max_words_per_line` (None: no limit) and `highlight_words` lay out the words of
        srt, vtt and lrc, and are of no effect without word times. `trace`: json says how each window was decoded.
        """
        native = write_options(self._library, options)
        text = take_text(
            self._library,
            self._library.result_write_with_options(self._handle, choice("format", FORMATS, format), ctypes.byref(native)),
        )
        if path is not None:
            Path(path).write_bytes(text.encode("utf-8"))
        return text

    def __repr__(self) -> str:
        return f"<whispertrt.Result language={self.language!r} duration={self.duration:.2f} text={self.text[:60]!r}>"
