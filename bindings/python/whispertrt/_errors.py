"""Exceptions: one class per error code of the library, all of them WhisperTrtError."""

from typing import Dict, Optional, Type


class WhisperTrtError(Exception):
    """A call failed. `code` is the library's number for the kind of failure; the text names the thing and the remedy."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self):
        return (type(self), (self.code, self.message))


class InvalidArgumentError(WhisperTrtError, ValueError):
    """An argument or option is outside its range."""


class NotFoundError(WhisperTrtError, LookupError):
    """A file, model or name does not exist; the text lists where it was looked for."""


class FileError(WhisperTrtError):
    """The operating system could not read or write."""


class InvalidAudioError(WhisperTrtError, ValueError):
    """The bytes are no audio that can be decoded."""


class InvalidCheckpointError(WhisperTrtError, ValueError):
    """A model file is damaged or not what it claims to be."""


class UnsupportedError(WhisperTrtError, NotImplementedError):
    """Understood, but this build, chip or version cannot do it."""


class OutOfMemoryError(WhisperTrtError, MemoryError):
    """Memory, or the cap set on it, does not suffice."""


class BusyError(WhisperTrtError):
    """The engine's queue of jobs is full, or a result was asked for while its job runs."""


class ClosedError(WhisperTrtError):
    """The engine, queue or object was closed."""


class CancelledError(WhisperTrtError):
    """The work was cancelled. `result` is what was made until then, or None."""

    result: Optional[object] = None


class AbiMismatchError(WhisperTrtError, ImportError):
    """Library and package are of different ABI versions."""

    def __init__(self, code: int, message: str) -> None:
        ImportError.__init__(self, message)
        self.code = code
        self.message = message


class InternalError(WhisperTrtError):
    """A defect of the library itself."""


class DeviceError(WhisperTrtError):
    """The GPU failed or was lost: the work it had is lost, and its models must be loaded anew."""


#: The class of every code; tests hold it against the generated constants.
ERROR_CLASSES: Dict[int, Type[WhisperTrtError]] = {
    1: InvalidArgumentError,
    2: NotFoundError,
    3: FileError,
    4: InvalidAudioError,
    5: InvalidCheckpointError,
    6: UnsupportedError,
    7: OutOfMemoryError,
    8: BusyError,
    9: ClosedError,
    10: CancelledError,
    11: AbiMismatchError,
    12: InternalError,
    13: DeviceError,
}


def error_of(code: int, message: str) -> WhisperTrtError:
    """The exception for a code; a code of a newer library is a plain WhisperTrtError."""
    return ERROR_CLASSES.get(code, WhisperTrtError)(code, message)
