"""One transcription under way."""

import contextlib
import ctypes
import threading
import time
from typing import Any, Callable, Generator, Iterator, Optional

from . import _abi
from ._errors import BusyError, CancelledError, ClosedError, WhisperTrtError, error_of
from ._memory import floats_of, text_at
from ._types import LiveText, Progress, Segment, segment_of
from .result import Result

#: Is told what a job failed with, if anything, when its end is seen or it is closed.
OnEnd = Callable[[Optional[WhisperTrtError]], None]

#: How long a wait inside the library may keep Ctrl-C waiting.
_SLICE_MS = 100


class Job:
    """One transcription under way; made by Engine.submit().

    Each job has a queue of its own, and whoever iterates or waits pumps it: a reader who stops reading pauses its own job
    (after `max_pending_segments`) and nobody else's. A job that is dropped unfinished is cancelled.
    """

    def __init__(
        self,
        library: _abi.Library,
        engine: _abi.EngineHandle,
        audio: _abi.Audio,
        keep_alive: Any,
        options: _abi.TranscribeOptions,
        on_progress: Optional[Callable[[Progress], None]] = None,
        on_end: Optional[OnEnd] = None,
    ) -> None:
        self._library = library
        self._keep_alive = (keep_alive, engine)  # an engine that nobody holds cancels its jobs
        self._on_progress = on_progress
        self._on_end = on_end
        self._pump = threading.RLock()  # one thread takes events at a time; a progress callback may come back in
        self._over = False
        self._error: Optional[WhisperTrtError] = None
        self._result: Optional[Result] = None
        self._language: Optional[str] = None
        self._language_probability: Optional[float] = None
        self._handle: Any = None
        self._queue = library.queue_create()
        self._handle = library.engine_submit(engine, self._queue, ctypes.byref(audio), ctypes.byref(options))

    @property
    def done(self) -> bool:
        """Whether the end of the job was seen."""
        return self._over

    @property
    def language(self) -> Optional[str]:
        """The language's code, once it is known."""
        return self._language

    @property
    def language_probability(self) -> Optional[float]:
        """How probable the language is, among those it was chosen from; None where none was detected yet, or it was given."""
        return self._language_probability

    def segments(self) -> Iterator[Segment]:
        """Segments as they become final, each once. Raises CancelledError or what the job failed with.

        Leaving the loop early cancels the job.
        """
        with contextlib.closing(self._live_texts()) as texts:
            for said in texts:
                if said.stable:
                    yield said.segment

    def _live_texts(self) -> Generator[LiveText, None, None]:
        try:
            while True:
                said = self._next(None)
                if said is None:
                    break
                yield said
        except BaseException:
            self.cancel()
            raise
        self._raise_failure()

    __iter__ = segments

    def result(self, timeout: Optional[float] = None) -> Result:
        """Waits for the end and returns the transcript. `timeout` in seconds: BusyError if it passes."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._over:
            self._next(deadline)
        self._raise_failure()
        assert self._result is not None
        return self._result

    def cancel(self) -> None:
        """Asks the job to stop. Idempotent; does nothing to a finished or closed job."""
        if not self._over:
            with contextlib.suppress(ClosedError):  # another thread may close it meanwhile
                self._library.job_cancel(self._handle)

    def push(self, samples: Any) -> None:
        """Adds 16 kHz mono samples to a job of Engine.live()."""
        native, count = floats_of(samples)
        self._library.job_push(self._handle, native, count)

    def end(self) -> None:
        """Ends the audio of a job of Engine.live()."""
        self._library.job_end(self._handle)

    def close(self) -> None:
        """Cancels the job if it still runs and frees it. Idempotent."""
        if self._handle is not None and not self._handle.closed:
            self.cancel()
            self._handle.close()
            self._queue.close()
            self._tell_end()

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error

    def _next(self, deadline: Optional[float]) -> Optional[LiveText]:
        """The next segment or tentative text, or None at the end. Waits in slices, so that Ctrl-C gets through."""
        while True:
            with self._pump:
                if self._over:
                    return None
                with self._handle:  # what was closed is the job, not its queue
                    event = self._library.queue_next(self._queue, _slice(deadline))
                if event is not None:
                    try:
                        said = self._take(event.contents)
                    finally:
                        self._library.event_release(event)
                    if said is not None:
                        return said

    def _take(self, event: _abi.Event) -> Optional[LiveText]:
        if event.kind in (_abi.EVENT_SEGMENT, _abi.EVENT_TENTATIVE):
            return LiveText(event.kind == _abi.EVENT_SEGMENT, segment_of(event.segment.contents))
        if event.kind == _abi.EVENT_LANGUAGE:
            self._language = text_at(event.text, event.text_size)
            self._language_probability = event.language_probability
        elif event.kind == _abi.EVENT_PROGRESS and self._on_progress is not None:
            self._on_progress(Progress(event.done_seconds, event.total_seconds if event.total_seconds >= 0 else None))
        elif event.kind == _abi.EVENT_FINISHED:
            self._finish(bool(event.cancelled))
        elif event.kind == _abi.EVENT_FAILED:
            self._fail(error_of(event.error_code, text_at(event.text, event.text_size)))
        elif event.kind == _abi.EVENT_CLOSED:
            self._fail(error_of(_abi.ERROR_CLOSED, "the engine was closed before the transcription ended"))
        return None

    def _finish(self, cancelled: bool) -> None:
        self._result = Result(self._library, self._library.job_get_result(self._handle), cancelled)
        self._language = self._result.language or self._language
        self._over = True
        self._keep_alive = None
        if cancelled:
            error = CancelledError(_abi.ERROR_CANCELLED, "the transcription was cancelled")
            error.result = self._result
            self._error = error
        self._tell_end()

    def _fail(self, error: WhisperTrtError) -> None:
        self._error = error
        self._over = True
        self._keep_alive = None
        self._tell_end()

    def _tell_end(self) -> None:
        if self._on_end is not None:
            self._on_end(self._error)


def _slice(deadline: Optional[float]) -> int:
    if deadline is None:
        return _SLICE_MS
    left = deadline - time.monotonic()
    if left <= 0:
        raise BusyError(_abi.ERROR_BUSY, "the transcription has not ended in the time given")
    return max(1, min(_SLICE_MS, int(left * 1000)))
