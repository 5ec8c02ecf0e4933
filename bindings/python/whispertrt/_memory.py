"""Reads and makes what crosses the boundary: texts, arrays, structures."""

import ctypes
from array import array
from typing import Any, Callable, Iterable, Iterator, Sequence, Tuple

from ._errors import InvalidArgumentError

try:
    import numpy
except ImportError:  # numpy is a convenience
    numpy = None

_INVALID_ARGUMENT = 1


def text_at(pointer: Any, size: int) -> str:
    """A UTF-8 text of the library; "" for NULL."""
    if not pointer:
        return ""
    return ctypes.string_at(pointer, size).decode("utf-8", "replace")


def encoded(text: str) -> bytes:
    """A text as the library takes it; undecodable bytes of a file name survive."""
    return text.encode("utf-8", "surrogateescape")


def elements(pointer: Any, count: int) -> Iterator[Any]:
    """The structures of an array handed out, which may be longer than this package knows them."""
    if count <= 0 or not pointer:
        return
    structure = type(pointer.contents)
    address = ctypes.addressof(pointer.contents)
    step = pointer.contents.struct_size
    for index in range(count):
        yield structure.from_address(address + index * step)


def initialised(structure: Callable[[], Any], init: Callable[[Any, int], None]) -> Any:
    """An option structure with the library's defaults."""
    options = structure()
    init(ctypes.byref(options), ctypes.sizeof(options))
    return options


def sized(structure: Callable[[], Any]) -> Any:
    """A structure for the library to fill."""
    result = structure()
    result.struct_size = ctypes.sizeof(result)
    return result


def integer(name: str, value: Any, bits: int = 32) -> int:
    """An integer option; ctypes alone would cut what does not fit."""
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}")
    number = value.__index__()
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise InvalidArgumentError(_INVALID_ARGUMENT, f"{name} is {number}, which does not fit in {bits} bits")
    return number


def int32_array(name: str, values: Iterable[int]) -> Any:
    """Token ids as a C array."""
    numbers = [integer(name, value) for value in values]
    return (ctypes.c_int32 * len(numbers))(*numbers)


def floats_of(samples: Any) -> Tuple[Any, int]:
    """float32 memory of one-dimensional samples, and how many there are.

    float32 is taken as it is, float64 is narrowed, 16-bit integers are scaled to [-1, 1].
    """
    try:
        view = memoryview(samples)
    except TypeError:
        view = memoryview(array("f", samples))  # any sequence of numbers
    if view.ndim != 1:
        raise InvalidArgumentError(
            _INVALID_ARGUMENT, f"the samples have {view.ndim} dimensions {tuple(view.shape)}; mono samples have one"
        )
    format_ = view.format.lstrip("@=<")
    if format_ in ("d", "h"):
        view = memoryview(_scaled(view, 1.0 if format_ == "d" else 1 / 32768))
    elif format_ != "f":
        raise TypeError(f"samples are float32, float64 or 16-bit integers, not of buffer format {view.format!r}")
    data = view.tobytes()
    return (ctypes.c_float * len(view)).from_buffer_copy(data), len(view)


def _scaled(view: memoryview, scale: float) -> Any:
    """float32 of other numbers times a power of two; an hour of sound is too much for a list of them."""
    if numpy is None:
        return array("f", (value * scale for value in view))
    narrowed = numpy.asarray(view).astype(numpy.float32)
    narrowed *= scale
    return narrowed


def matrix(shape: Sequence[int]) -> Tuple[Any, Any]:
    """float32 memory for the library to write, and the same as the caller gets it: a numpy array, else a memoryview."""
    size = 1
    for extent in shape:
        size *= extent
    memory = (ctypes.c_float * size)()
    if numpy is not None:
        return memory, numpy.frombuffer(memory, dtype=numpy.float32).reshape(shape)
    return memory, memoryview(memory).cast("B").cast("f", shape=list(shape))


def flat_floats(values: Any, shape: Sequence[int], name: str) -> Any:
    """float32 memory of a row-major matrix of exactly this shape."""
    size = 1
    for extent in shape:
        size *= extent
    view = memoryview(values)
    if view.format.lstrip("@=<") != "f":
        raise TypeError(f"{name} must be float32, not of buffer format {view.format!r}")
    if tuple(view.shape) not in (tuple(shape), (size,)):
        raise InvalidArgumentError(_INVALID_ARGUMENT, f"{name} has shape {tuple(view.shape)}; it must be {tuple(shape)}")
    return (ctypes.c_float * size).from_buffer_copy(view.tobytes())
