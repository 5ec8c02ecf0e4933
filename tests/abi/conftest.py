"""What the ABI tests share: the header, its manifest, the built library."""

import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "python"))

from whispertrt import _abi, _library  # noqa: E402


@pytest.fixture(scope="session")
def header():
    return ROOT / "native" / "include" / "whispertrt" / "whispertrt.h"


@pytest.fixture(scope="session")
def manifest():
    return json.loads((ROOT / "bindings" / "abi-manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def library_path():
    path = next((path for path in _library.candidates() if path.is_file()), None)
    if path is None:
        if os.environ.get(_library.PATH_VARIABLE):
            pytest.fail(f"{_library.PATH_VARIABLE} names no file: {os.environ[_library.PATH_VARIABLE]}")
        pytest.skip("the native library is not built")
    return path


@pytest.fixture(scope="session")
def library(library_path):
    return _abi.Library(library_path)
