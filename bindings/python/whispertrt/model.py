"""Weights with their tokenizer."""

import ctypes
import json
import os
from typing import Any, Dict, Iterable, List, Union

from . import _abi
from ._library import library as load_library
from ._memory import encoded, floats_of, initialised, int32_array, integer, matrix, sized
from ._options import COMPUTE_TYPES, DEVICES, ISAS, choice_name, engine_options, model_options
from ._types import MemoryPlan, ModelInfo, copy_of
from .engine import Engine
from .result import take_text
from .session import FRAMES, Session


class Model:
    """A model on one device. Immutable, shared by threads and engines; a context manager.

    `name_or_path` is a checkpoint directory, or a name ("tiny.en") that is looked for in $WHISPERTRT_MODELS and the
    Hugging Face cache, or "random:large-v2" (weights to measure with). Options, all with the library's defaults:

    - `device`: "auto", "cpu", "cuda"; which of several GPUs: "cuda:1", or `device_index`;
    - `compute_type`: "auto", "float32", "float16" (GPUs), "bfloat16", "int8" (CPUs);
    - `cpu_isa`: "auto", "portable", "avx2", "avx512", "amx", for tests;
    - `cpu_threads`: threads of the process-wide pool, None for one per core; the first model loaded sets it.
    """

    def __init__(self, name_or_path: Union[str, "os.PathLike[str]"], **options: Any) -> None:
        self._library = load_library()
        name = encoded(os.fsdecode(name_or_path))
        native = model_options(self._library, options)
        self._handle = self._library.model_load(name, len(name), ctypes.byref(native))
        self._info = self._read_info()

    def _read_info(self) -> ModelInfo:
        native = sized(_abi.ModelInfo)
        self._library.model_get_info(self._handle, ctypes.byref(native))
        return copy_of(
            ModelInfo,
            native,
            device=choice_name(DEVICES, native.device),
            compute_type=choice_name(COMPUTE_TYPES, native.compute_type),
            cpu_isa=choice_name(ISAS, native.cpu_isa),
            multilingual=native.multilingual != 0,
        )

    @property
    def info(self) -> ModelInfo:
        """What the model is and where it runs."""
        return self._info

    @property
    def languages(self) -> Dict[str, str]:
        """Codes of the languages it knows, with their English names."""
        result = {}
        for index in range(self._info.languages):
            code, name = ctypes.POINTER(ctypes.c_char)(), ctypes.POINTER(ctypes.c_char)()
            self._library.model_get_language(self._handle, index, ctypes.byref(code), ctypes.byref(name))
            result[_static_text(code)] = _static_text(name)
        return result

    def tokenize(self, text: str) -> List[int]:
        """Text to token ids."""
        data = encoded(text)
        capacity = len(data) + 1  # a token is at least a byte
        tokens = (ctypes.c_int32 * capacity)()
        count = ctypes.c_int64()
        self._library.model_tokenize(self._handle, data, len(data), tokens, capacity, ctypes.byref(count))
        if count.value > capacity:
            tokens = (ctypes.c_int32 * count.value)()
            self._library.model_tokenize(self._handle, data, len(data), tokens, count.value, ctypes.byref(count))
        return tokens[: count.value]

    def detokenize(self, tokens: Iterable[int], with_special: bool = False) -> str:
        """Token ids to text; special and timestamp tokens are written as <|...|> or dropped."""
        native = int32_array("tokens", tokens)
        return take_text(self._library, self._library.model_detokenize(self._handle, native, len(native), 1 if with_special else 0))

    def bench(
        self,
        batches: Iterable[int] = (1, 8, 32),
        beams: int = 5,
        cached_tokens: int = 100,
        window_tokens: int = 100,
        repetitions: int = 15,
        tera_flops: float = 0.0,
        tera_bytes: float = 0.0,
    ) -> Dict[str, Any]:
        """Times each act of the device: {"phases": [{"name", "batch", "milliseconds", "floor_milliseconds"}, ...]}.

        Of Model("random:large-v2") too. Floors are made of `tera_flops` and `tera_bytes`, 10^12 operations and bytes a second.
        """
        native = initialised(_abi.BenchOptions, self._library.bench_options_init)
        sizes = int32_array("batches", batches)
        native.batches, native.batch_count = ctypes.cast(sizes, ctypes.POINTER(ctypes.c_int32)), len(sizes)
        native.beams = integer("beams", beams)
        native.cached_tokens = integer("cached_tokens", cached_tokens)
        native.window_tokens = integer("window_tokens", window_tokens)
        native.repetitions = integer("repetitions", repetitions)
        native.tera_flops, native.tera_bytes = tera_flops, tera_bytes
        return json.loads(take_text(self._library, self._library.bench(self._handle, ctypes.byref(native))))

    def log_mel(self, samples: Any) -> Any:
        """Log-mel [mels, 3000] of 16 kHz mono samples, padded with zeros or cut to 30 s."""
        native, count = floats_of(samples)
        memory, result = matrix((self._info.mels, FRAMES))
        self._library.log_mel(self._handle, native, count, memory)
        return result

    def session(self) -> Session:
        """The device acts one by one."""
        return Session(self._library, self._handle, self._info)

    def engine(self, **options: Any) -> Engine:
        """An engine over this model; see Engine for the options."""
        return Engine(self, **options)

    def estimate(self, **options: Any) -> MemoryPlan:
        """What an engine with these options would take; nothing is allocated."""
        native = engine_options(self._library, options)
        plan = sized(_abi.MemoryPlan)
        self._library.engine_estimate(self._handle, ctypes.byref(native), ctypes.byref(plan))
        return copy_of(MemoryPlan, plan)

    def close(self) -> None:
        """Gives up this reference; engines over the model go on. Idempotent."""
        self._handle.close()

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _static_text(pointer: Any) -> str:
    return (ctypes.cast(pointer, ctypes.c_char_p).value or b"").decode("utf-8")
