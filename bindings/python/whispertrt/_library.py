"""Finds and loads the native library, once per process."""

import ctypes.util
import os
import sys
import threading
from pathlib import Path
from typing import List, Optional

from . import _abi
from ._errors import NotFoundError, UnsupportedError

#: Names the library, or the folder it lies in.
PATH_VARIABLE = "WHISPERTRT_LIBRARY"

#: Marks the root of a source tree, where a build leaves its libraries.
_TREE_MARKER = Path("native", "include", "whispertrt", "whispertrt.h")

_lock = threading.Lock()
_loaded: Optional[_abi.Library] = None


def library() -> _abi.Library:
    """The loaded library; the first call looks for it, see candidates()."""
    global _loaded
    if _loaded is None:
        with _lock:
            if _loaded is None:
                _loaded = _load()
    return _loaded


def file_name() -> str:
    """What the library is called on this system."""
    if sys.platform == "win32":
        return "whispertrt.dll"
    return "libwhispertrt.dylib" if sys.platform == "darwin" else "libwhispertrt.so"


def candidates() -> List[Path]:
    """Where the library is looked for before the system's own places, best first."""
    name = file_name()
    configured = os.environ.get(PATH_VARIABLE)
    if configured:
        # Who names a library wants that one and no other.
        path = Path(configured)
        return [path / name if path.is_dir() else path]
    package = Path(__file__).resolve().parent
    places = [package / name, package / "lib" / name, package.parent.parent / "lib" / name]
    for folder in package.parents:
        if (folder / _TREE_MARKER).is_file():
            places += [folder / "artifacts" / "lib" / name, folder / "artifacts" / name, folder / "build" / "release" / "lib" / name]
            break
    return places


def _load() -> _abi.Library:
    tried = [str(path) for path in candidates()]
    found = next((path for path in tried if os.path.isfile(path)), None)
    if found is None and not os.environ.get(PATH_VARIABLE):
        found = ctypes.util.find_library("whispertrt")
        tried.append("the system's library path")
    if found is None:
        raise NotFoundError(
            _abi.ERROR_NOT_FOUND,
            f"{file_name()} was not found. Build it (./build.sh build) or name it in {PATH_VARIABLE}. Tried:\n  " + "\n  ".join(tried),
        )
    try:
        return _abi.Library(found)
    except OSError as error:
        raise UnsupportedError(_abi.ERROR_UNSUPPORTED, f"{found} exists but cannot be loaded: {error}") from error
