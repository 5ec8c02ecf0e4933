"""Speech to text.

    import whispertrt

    print(whispertrt.transcribe("talk.flac", model="models/whisper-tiny.en-int8").text)

    with whispertrt.Model("models/whisper-tiny.en-int8") as model, model.engine() as engine:
        for segment in engine.stream("talk.flac"):
            print(f"[{segment.start:7.2f} - {segment.end:7.2f}]{segment.text}")

A failed call raises a subclass of WhisperTrtError. numpy is used where it is installed and not needed.
"""

from ._audio import RawPipe
from ._errors import (
    AbiMismatchError,
    BusyError,
    CancelledError,
    ClosedError,
    DeviceError,
    FileError,
    InternalError,
    InvalidArgumentError,
    InvalidAudioError,
    InvalidCheckpointError,
    NotFoundError,
    OutOfMemoryError,
    UnsupportedError,
    WhisperTrtError,
)
from ._types import Attempt, EngineStats, LiveText, MemoryPlan, ModelInfo, Progress, Segment, Speech, SpeechSpan, Word
from .engine import Engine
from .job import Job
from .model import Model
from .result import Result
from .session import Session
from .stream import Stream
from .tools import build_info, doctor, normalize, quantize, set_log, transcribe
from .vad import detect_speech

__version__ = "0.1.0"

__all__ = [
    "AbiMismatchError",
    "Attempt",
    "BusyError",
    "CancelledError",
    "ClosedError",
    "DeviceError",
    "Engine",
    "EngineStats",
    "FileError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidAudioError",
    "InvalidCheckpointError",
    "Job",
    "LiveText",
    "MemoryPlan",
    "Model",
    "ModelInfo",
    "NotFoundError",
    "OutOfMemoryError",
    "Progress",
    "RawPipe",
    "Result",
    "Segment",
    "Session",
    "Speech",
    "SpeechSpan",
    "Stream",
    "UnsupportedError",
    "WhisperTrtError",
    "Word",
    "build_info",
    "detect_speech",
    "doctor",
    "normalize",
    "quantize",
    "set_log",
    "transcribe",
]
