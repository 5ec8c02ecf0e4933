"""Handles: freed once, and never while a call uses them. Needs no library."""

import gc
import threading

import pytest
from whispertrt import ClosedError
from whispertrt._handle import Handle


class Functions:
    def __init__(self):
        self.freed = []

    def thing_release(self, pointer):
        self.freed.append(pointer)


class ThingHandle(Handle):
    __slots__ = ()
    _release_function = "thing_release"


def test_close_frees_once():
    functions = Functions()
    handle = ThingHandle(functions, 7)
    handle.close()
    handle.close()
    del handle
    gc.collect()
    assert functions.freed == [7]


def test_forgotten_handle_is_freed():
    functions = Functions()
    ThingHandle(functions, 7)
    gc.collect()
    assert functions.freed == [7]


def test_close_during_a_call_waits_for_its_end():
    functions = Functions()
    handle = ThingHandle(functions, 7)
    with handle as pointer:
        assert pointer == 7
        with handle:
            handle.close()
            assert functions.freed == []
        assert functions.freed == []
    assert functions.freed == [7]


def test_closed_handle_refuses_calls():
    handle = ThingHandle(Functions(), 7)
    handle.close()
    assert handle.closed
    with pytest.raises(ClosedError, match="this thing was closed"):
        with handle:
            pass


def test_storm_of_calls_and_one_close():
    """Every call that got the address ended before the address was freed."""
    for _ in range(50):
        inside = 0
        lock = threading.Lock()
        overlaps = []

        class Watched(Functions):
            def thing_release(self, pointer):
                overlaps.append(inside)
                super().thing_release(pointer)

        functions = Watched()
        handle = ThingHandle(functions, 7)
        start = threading.Barrier(5)

        def call():
            nonlocal inside
            start.wait()
            for _ in range(200):
                try:
                    with handle:
                        with lock:
                            inside += 1
                        with lock:
                            inside -= 1
                except ClosedError:
                    return

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        start.wait()
        handle.close()
        for thread in threads:
            thread.join()
        assert functions.freed == [7]
        assert overlaps == [0]
