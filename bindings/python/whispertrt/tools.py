"""What needs no model: transcribing in one line, quantizing, normalising, looking around."""

import atexit
import ctypes
import json
import os
from typing import Any, Callable, Dict, List, Optional, Union

from . import _abi
from ._library import library
from ._memory import encoded
from ._options import COMPUTE_TYPES, ENGINE_OPTIONS, LOG_LEVELS, MODEL_OPTIONS, NORMALIZERS, choice, choice_name
from .model import Model
from .result import Result, take_text

_Path = Union[str, "os.PathLike[str]"]

#: Every sink there ever was: a former one may still be running when a new one is set.
_log_sinks: List[Any] = []


def transcribe(audio: Any, model: Union[Model, _Path] = "tiny.en", **options: Any) -> Result:
    """Transcribes one recording. `options` are those of Model, Engine and Engine.transcribe().

    Whoever transcribes more than one recording keeps a Model and an Engine instead: they take time to make.
    """
    of_model = {name: options.pop(name) for name in list(options) if name in MODEL_OPTIONS}
    of_engine = {name: options.pop(name) for name in list(options) if name in ENGINE_OPTIONS}
    if isinstance(model, Model):
        if of_model:
            raise TypeError(f"the model is loaded already; {', '.join(of_model)} came too late")
        with model.engine(**of_engine) as engine:
            return engine.transcribe(audio, **options)
    with Model(model, **of_model) as loaded, loaded.engine(**of_engine) as engine:
        return engine.transcribe(audio, **options)


def quantize(model: _Path, output: _Path, weights: str = "int8") -> None:
    """Writes a checkpoint in quantized form into a new directory."""
    source, target = encoded(os.fsdecode(model)), encoded(os.fsdecode(output))
    library().quantize(source, len(source), target, len(target), choice("weights", COMPUTE_TYPES, weights))


def normalize(text: str, normalizer: str = "english") -> str:
    """Normalises text as for word error rates: "english" or "basic"."""
    data = encoded(text)
    loaded = library()
    return take_text(loaded, loaded.normalize(choice("normalizer", NORMALIZERS, normalizer), data, len(data)))


def doctor() -> Dict[str, Any]:
    """What the library looked for on this machine, what it found and why not."""
    loaded = library()
    return json.loads(take_text(loaded, loaded.doctor()))


def build_info() -> Dict[str, Any]:
    """Version, compiler, and what the library was built with."""
    return json.loads(library().build_info().decode("utf-8"))


def set_log(sink: Optional[Callable[[str, str], None]], level: str = "info") -> None:
    """Sends the library's log lines to `sink(level, text)`, which any thread may call; None silences.

    One sink per process. Lines below `level` ("debug", "info", "warning", "error") are dropped.
    """
    loaded = library()
    if sink is None:
        native = _abi.LogSink()
    else:

        def receive(_context: Any, number: int, text: Any, size: int) -> None:
            sink(choice_name(LOG_LEVELS, number), ctypes.string_at(text, size).decode("utf-8", "replace"))

        native = _abi.LogSink(receive)
        if not _log_sinks:
            atexit.register(set_log, None)  # no call into an interpreter that is going down
        _log_sinks.append(native)
    loaded.set_log_sink(native, None, choice("level", LOG_LEVELS, level))
