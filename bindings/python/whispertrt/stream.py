"""Transcription of speech while it is spoken."""

from typing import Any, Iterator, Optional

from ._types import LiveText
from .job import Job
from .result import Result


class Stream:
    """A live transcription; made by Engine.open_stream(). A context manager.

    One thread may push while another one iterates. A stream that is dropped unfinished is cancelled.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    @property
    def language(self) -> Optional[str]:
        """The language's code, once it is known to whoever iterates."""
        return self._job.language

    @property
    def language_probability(self) -> Optional[float]:
        """How probable the language is, among those it was chosen from; None where none was detected yet, or it was given."""
        return self._job.language_probability

    def push(self, samples: Any) -> None:
        """Adds 16 kHz mono samples as they were spoken: float32, float64 or int16; copied."""
        self._job.push(samples)

    def end(self) -> None:
        """Ends the audio; what is tentative becomes stable. Idempotent."""
        self._job.end()

    def __iter__(self) -> Iterator[LiveText]:
        """Stable and tentative text as it comes, until the end of the audio. Raises CancelledError or what the stream failed with.

        Leaving the loop early cancels the stream.
        """
        return self._job._live_texts()

    def result(self) -> Result:
        """Waits for the end and returns the transcript; end() comes first. Texts not iterated over are in it too."""
        return self._job.result()

    def cancel(self) -> None:
        """Asks the stream to stop. Idempotent."""
        self._job.cancel()

    def close(self) -> None:
        """Cancels the stream if it still runs and frees it. Idempotent."""
        self._job.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
