"""Transcribes."""

import ctypes
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, List, Optional

from . import _abi
from ._audio import audio_of, pushed_audio
from ._errors import BusyError
from ._memory import sized
from ._options import engine_options, transcribe_options
from ._types import EngineStats, MemoryPlan, Progress, Segment, copy_of
from .job import Job, OnEnd
from .result import Result
from .stream import Stream

if TYPE_CHECKING:
    from .model import Model

#: So many segments may wait where nobody reads them one by one: the job need not pause.
_UNREAD = 1_000_000


class Transcribes:
    """What everybody offers who can hand in a job."""

    def transcribe(self, audio: Any, *, on_progress: Optional[Callable[[Progress], None]] = None, **options: Any) -> Result:
        """Transcribes and returns the result. Raises what failed; see the class for audio and options."""
        options.setdefault("max_pending_segments", _UNREAD)
        with self.submit(audio, on_progress=on_progress, **options) as job:
            return job.result()

    def transcribe_all(self, audios: Iterable[Any], **options: Any) -> List[Result]:
        """Transcribes several recordings together, which is faster than one after the other; results in their order. Those that
        `max_queued_jobs` has no room for wait until others have ended.
        """
        options.setdefault("max_pending_segments", _UNREAD)
        on_progress = options.pop("on_progress", None)
        jobs: List[Job] = []
        try:
            for audio in audios:
                jobs.append(self._submit_behind(jobs, *audio_of(audio), on_progress, options))
            return [job.result() for job in jobs]
        finally:
            for job in jobs:
                job.close()

    def stream(
        self, audio: Any, *, on_progress: Optional[Callable[[Progress], None]] = None, **options: Any
    ) -> Iterator[Segment]:
        """Segments as they become final. Closing the generator cancels the rest."""
        with self.submit(audio, on_progress=on_progress, **options) as job:
            yield from job.segments()

    def submit(self, audio: Any, *, on_progress: Optional[Callable[[Progress], None]] = None, **options: Any) -> Job:
        """Hands in a job and returns at once. `on_progress` is called by the thread that reads the job."""
        native, keep_alive = audio_of(audio)
        return self._submit(native, keep_alive, on_progress, options)

    def live(self, *, on_progress: Optional[Callable[[Progress], None]] = None, **options: Any) -> Job:
        """A job whose samples come later, by Job.push() and Job.end(); it waits for 30 s windows, open_stream() does not."""
        return self._submit(pushed_audio(), None, on_progress, options)

    def open_stream(self, *, interval: float = 0.5, **options: Any) -> Stream:
        """A transcription of speech while it is spoken: samples come by Stream.push(), and iterating over it gives stable and
        tentative text. `interval`: seconds of new audio between two hypotheses, 0.1..30. Not with `prefix` or `vad_filter`; a
        `language` that is given is not waited for.
        """
        return Stream(self.live(live=True, live_interval=interval, **options))

    def _submit_behind(self, jobs: List[Job], audio: _abi.Audio, keep_alive: Any, on_progress: Any, options: Any) -> Job:
        """Hands in a job as soon as there is room, which the end of one of these makes."""
        for job in jobs:
            if not job.done:
                try:
                    return self._submit(audio, keep_alive, on_progress, options)
                except BusyError:
                    job.result()
        return self._submit(audio, keep_alive, on_progress, options)

    def _submit(self, audio: _abi.Audio, keep_alive: Any, on_progress: Any, options: Any) -> Job:
        raise NotImplementedError


class Engine(Transcribes):
    """Scheduler and memory over one model. Thread-safe; a context manager. Jobs handed in together are batched.

    Options, all with the library's defaults: `max_batch` (rows of a decode step, 1..256), `max_queued_jobs`,
    `memory_limit` (bytes beside the weights, None for no limit); on GPUs `kv_cache_free_gpu_memory_fraction` (of the memory
    that is free, what KV caches may take) and `cross_kv_cache_fraction` (of that, what the cross-attention's may; None: as
    they need).

    What can be transcribed: a path; the bytes of an audio file; 16 kHz mono samples (numpy array, array.array or
    memoryview of float32; float64 and int16 are converted); an open file or pipe; RawPipe.

    Options of a transcription, with the meanings of openai/whisper: `task` ("transcribe", "translate"), `language` (None
    detects it), `initial_prompt`, `suppress_tokens`, `condition_on_previous_text`, `suppress_blank`, `without_timestamps`,
    `max_new_tokens`, `max_initial_timestamp`, `no_speech_threshold`, `logprob_threshold` (None: off),
    `compression_ratio_threshold` (None: off), `temperature` (one, or those tried until a window passes the thresholds),
    `beam_size`, `best_of`, `patience`, `length_penalty`, `carry_initial_prompt`, `prefix`; as faster-whisper has them:
    `repetition_penalty`, `no_repeat_ngram_size`, `hotwords`, `prompt_reset_on_temperature`,
    `language_detection_threshold` and `language_detection_segments` (windows that are heard until one is surer than that),
    `vad_filter` (True: only the
    speech is transcribed) and `vad_parameters`, a dict of what detect_speech() takes; `clip_timestamps`
    (start, end, … in seconds, as list or text), `multilingual` (the language of every window), `batched` (with `vad_filter`:
    chunks of speech that decode together); `languages` that detection chooses from, `channels` ("mix", or "split": each by
    itself); `seed` of the sampling, and
    `max_pending_segments` (how many may wait unread before the job pauses).
    """

    def __init__(self, model: "Model", **options: Any) -> None:
        self._library = model._library
        native = engine_options(self._library, options)
        self._handle = self._library.engine_create(model._handle, ctypes.byref(native))

    def _submit(
        self, audio: _abi.Audio, keep_alive: Any, on_progress: Any, options: Any, on_end: Optional[OnEnd] = None
    ) -> Job:
        native = transcribe_options(self._library, options)
        if on_progress is not None:
            native.report_progress = 1
        return Job(self._library, self._handle, audio, keep_alive, native, on_progress, on_end)

    @property
    def memory(self) -> MemoryPlan:
        """What the engine took."""
        plan = sized(_abi.MemoryPlan)
        self._library.engine_get_memory(self._handle, ctypes.byref(plan))
        return copy_of(MemoryPlan, plan)

    @property
    def stats(self) -> EngineStats:
        """The counters so far."""
        stats = sized(_abi.EngineStats)
        self._library.engine_get_stats(self._handle, ctypes.byref(stats))
        return copy_of(EngineStats, stats)

    def close(self) -> None:
        """Cancels what runs, wakes who waits and waits for the engine's thread. Idempotent."""
        if not self._handle.closed:
            self._library.engine_close(self._handle)
            self._handle.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
