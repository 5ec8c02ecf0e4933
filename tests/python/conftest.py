"""What the Python tests share: the package, the built library, the model and clips of the repository."""

import os
import sys
from array import array
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "python"))

import whispertrt  # noqa: E402
from whispertrt import _library  # noqa: E402


@pytest.fixture(scope="session")
def library():
    if not any(path.is_file() for path in _library.candidates()):
        if os.environ.get(_library.PATH_VARIABLE):
            pytest.fail(f"{_library.PATH_VARIABLE} names no file: {os.environ[_library.PATH_VARIABLE]}")
        pytest.skip("the native library is not built")
    return _library.library()


@pytest.fixture(scope="session")
def model_path(library):
    path = ROOT / "models" / "whisper-tiny.en-int8"
    if not (path / "model.safetensors").is_file():
        pytest.skip("models/whisper-tiny.en-int8 is not in this checkout")
    return path


@pytest.fixture(scope="session")
def model(model_path):
    with whispertrt.Model(model_path) as model:
        yield model


@pytest.fixture(scope="session")
def engine(model):
    with model.engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def clip():
    path = ROOT / "samples" / "reader.flac"
    if not path.is_file():
        pytest.skip("samples/reader.flac is not in this checkout")
    return path


@pytest.fixture(scope="session")
def samples(library, clip):
    """The clip as 16 kHz mono float32, decoded by somebody else."""
    import shutil
    import subprocess

    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("ffmpeg is not installed")
    raw = subprocess.run(
        [ffmpeg, "-v", "error", "-i", str(clip), "-f", "f32le", "-ac", "1", "-ar", "16000", "-"], capture_output=True, check=True
    )
    result = array("f")
    result.frombytes(raw.stdout)
    return result


@pytest.fixture(scope="session")
def expected(engine, clip):
    """What the clip gives, to compare other roads with."""
    return engine.transcribe(clip)
