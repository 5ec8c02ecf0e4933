"""Goldens of openai/whisper on real speech: where they are, the PCM they were made from, and the models they belong to."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "python"))
SHARED = Path(os.environ.get("WTRT_SHARED") or ROOT.parent / "shared")


def needs(relative):
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"needs {relative} in the shared folder (WTRT_SHARED, default ../shared): {SHARED}")
    return path


def golden_lines(name):
    path = needs(f"golden/whisper/{name}")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def chosen(lines, each=16):
    """Every clip with WTRT_GOLDEN=all (a quarter of an hour on two cores). Else all that must be refused, and of each corpus
    (the folder) every `each`-th clip of at most a minute, the first included."""
    if os.environ.get("WTRT_GOLDEN") == "all":
        return lines
    corpora = {}
    for line in lines:
        if line.get("samples", 0) <= 60 * 16000 and "error" not in line:
            corpora.setdefault(line["file"].split("/")[0], []).append(line)
    files = {line["file"] for corpus in corpora.values() for line in corpus[::each]}
    return [line for line in lines if line["file"] in files or "error" in line]


@functools.lru_cache(maxsize=300)
def pcm(file):
    """16 kHz mono samples of a clip, made as those of the goldens were."""
    command = ["ffmpeg", "-nostdin", "-v", "quiet", "-i", str(needs(f"speech/{file}"))]
    command += ["-f", "s16le", "-ac", "1", "-ar", "16000", "-"]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, np.int16).astype(np.float32) / 32768


def edit_distance(a, b):
    """Levenshtein's, over the items of two sequences."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


@pytest.fixture(scope="session")
def whispertrt():
    try:
        import whispertrt as module
    except ImportError as error:  # says where the library was looked for
        pytest.skip(str(error))
    return module


@pytest.fixture(scope="session")
def load(whispertrt):
    """Models by name, compute type and device, each loaded once."""
    loaded = {}

    def by_name(name, compute_type="float32", device="cpu"):
        key = (name, compute_type, device)
        if key not in loaded:
            path = needs(f"models/whisper-{name}")
            loaded[key] = whispertrt.Model(path, compute_type=compute_type, device=device)
        return loaded[key]

    return by_name
