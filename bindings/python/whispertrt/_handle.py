"""Ownership of native handles."""

import threading

from ._errors import ClosedError

_CLOSED = 9


class Handle:
    """Owns one reference to a native object.

    `with handle as pointer:` lends the address for the length of a call. close() forbids new calls at once and drops
    the reference when the last call that has the address returns, so no thread can free what another one uses.
    """

    __slots__ = ("_functions", "_pointer", "_calls", "_closed", "_lock", "__weakref__")

    #: Name of the function that drops the reference; set by the generated subclasses.
    _release_function = ""

    def __init__(self, functions, pointer):
        self._functions = functions
        self._pointer = pointer
        self._calls = 0
        self._closed = False
        self._lock = threading.Lock()

    @property
    def closed(self):
        """Whether close() was called."""
        return self._closed

    def __enter__(self):
        with self._lock:
            if self._closed:
                raise ClosedError(_CLOSED, f"this {type(self).__name__.replace('Handle', '').lower()} was closed")
            self._calls += 1
            return self._pointer

    def __exit__(self, *_):
        with self._lock:
            self._calls -= 1
            pointer = self._take_if_unused()
        self._release(pointer)

    def close(self):
        """Drops the reference, as soon as no call uses it. Idempotent."""
        with self._lock:
            self._closed = True
            pointer = self._take_if_unused()
        self._release(pointer)

    def _take_if_unused(self):
        if not self._closed or self._calls > 0:
            return None
        pointer, self._pointer = self._pointer, None
        return pointer

    def _release(self, pointer):
        if pointer:
            getattr(self._functions, self._release_function)(pointer)

    def __del__(self):
        # Unreachable, so no call has the address; __init__ may have failed half-way.
        pointer = getattr(self, "_pointer", None)
        if pointer:
            self._pointer = None
            self._release(pointer)
