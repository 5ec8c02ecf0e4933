"""What the GPU tests in Python share: the package, a GPU or the reason why they are skipped, and sounds without an audio library."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "python"))
SHARED = Path(os.environ.get("WTRT_SHARED") or ROOT.parent / "shared")
#: 16 kHz mono 16-bit samples of samples/reader.flac, for a machine that has neither ffmpeg nor a library that reads FLAC.
RAW_VARIABLE = "WTRT_READER_S16"


@pytest.fixture(scope="session")
def whispertrt():
    try:
        import whispertrt as module

        found = module.doctor()["cuda"]
    except ImportError as error:  # says where the library was looked for
        pytest.skip(str(error))
    if not found["found"]:
        pytest.skip(f"no GPU: {found['reason']}")
    return module


@pytest.fixture(scope="session")
def shared():
    """A path in the shared folder, or a skip."""

    def path_of(relative):
        path = SHARED / relative
        if not path.exists():
            pytest.skip(f"needs {relative} in the shared folder (WTRT_SHARED, default ../shared): {SHARED}")
        return path

    return path_of


@pytest.fixture(scope="session")
def reader():
    """The clip of samples/ as float32."""
    raw = os.environ.get(RAW_VARIABLE)
    if raw:
        samples = np.fromfile(raw, np.int16)
    elif shutil.which("ffmpeg"):
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(ROOT / "samples" / "reader.flac"), "-f", "s16le", "-ac", "1", "-ar", "16000", "-"]
        samples = np.frombuffer(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, np.int16)
    else:
        pytest.skip(f"needs ffmpeg, or samples/reader.flac as 16 kHz mono 16-bit samples in the file that {RAW_VARIABLE} names")
    return samples.astype(np.float32) / 32768


def shown(result):
    """All of a result that could tell whether a bit of its logits was another one."""
    segments = [(s.seek, s.start, s.end, tuple(s.tokens), s.avg_logprob, s.no_speech_prob, s.compression_ratio) for s in result.segments]
    return segments, [(w.text, w.start, w.end, w.probability) for s in result.segments for w in s.words]


def slices(samples, count, shortest=1.5):
    """Clips of several lengths, cut from all over the samples."""
    draw = np.random.default_rng(count)
    clips = []
    for i in range(count):
        length = int(16000 * shortest + (len(samples) - 16000 * shortest) * i / count)
        begin = int(draw.integers(0, len(samples) - length + 1))
        clips.append(samples[begin : begin + length])
    return clips
