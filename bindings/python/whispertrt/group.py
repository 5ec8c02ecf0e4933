"""Several engines as one."""

import threading
from typing import Any, Iterable, List, Optional

from . import _abi
from ._errors import DeviceError, InvalidArgumentError, WhisperTrtError
from .engine import Engine, Transcribes
from .job import Job, OnEnd


class EngineGroup(Transcribes):
    """Several engines as one, such as one on each GPU; a context manager that closes them. Thread-safe.

    A job goes to the engine with the fewest under way, as far as their ends were seen: by result(), by iterating, or by
    close(). A job whose device failed raises DeviceError, and its engine is given no more while another one lives. Offers what
    Engine offers; the engines' models are the same.
    """

    def __init__(self, engines: Iterable[Engine]) -> None:
        self._engines = list(engines)
        if not self._engines:
            raise InvalidArgumentError(_abi.ERROR_INVALID_ARGUMENT, "engines is empty; a group needs at least one")
        self._lock = threading.RLock()  # a job may be dropped, and so end, while another one begins
        self._under_way = [0] * len(self._engines)
        self._lost = [False] * len(self._engines)

    @property
    def engines(self) -> List[Engine]:
        """The engines, in the order they were given."""
        return list(self._engines)

    def _submit(self, audio: _abi.Audio, keep_alive: Any, on_progress: Any, options: Any) -> Job:
        index = self._begin()
        end = self._ending(index)
        try:
            return self._engines[index]._submit(audio, keep_alive, on_progress, options, end)
        except BaseException as error:
            end(error if isinstance(error, WhisperTrtError) else None)
            raise

    def _begin(self) -> int:
        with self._lock:
            alive = [index for index, lost in enumerate(self._lost) if not lost]
            chosen = min(alive or range(len(self._engines)), key=self._under_way.__getitem__)
            self._under_way[chosen] += 1
            return chosen

    def _ending(self, index: int) -> OnEnd:
        """Ends a job of this engine, once."""
        begun = [index]

        def end(error: Optional[WhisperTrtError]) -> None:
            with self._lock:
                if begun:
                    self._under_way[begun.pop()] -= 1
                self._lost[index] |= isinstance(error, DeviceError)

        return end

    def close(self) -> None:
        """Closes the engines: cancels what runs and wakes who waits. Idempotent."""
        for engine in self._engines:
            engine.close()

    def __enter__(self) -> "EngineGroup":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
