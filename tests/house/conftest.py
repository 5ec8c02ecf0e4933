"""What the tests of the repository's own machinery share."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
MODEL = ROOT / "models" / "whisper-tiny.en-int8"
RECORDING = ROOT / "samples" / "reader.flac"
SAID = ("if the reader will excuse me i will say nothing of my antecedents nor of the circumstances which led me to leave my "
        "native country the narrative would be tedious to him and painful to myself")


def words(text):
    """The words of a transcript, without its times, punctuation and case."""
    text = re.sub(r"\[[0-9:.\s>-]*\]", " ", text)
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def run(*command, timeout=600, check=True, **options):
    """Runs a command without input; its output is in the failure's message."""
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, **options)
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


def needs(program, why):
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not on this machine: {why}")
    return found


@pytest.fixture
def dotnet():
    return needs("dotnet", "the .NET SDK 10 builds the command line and the C# library")


@pytest.fixture
def cli(dotnet):
    program = ARTIFACTS / "whispertrt"
    assert program.exists(), "./build.sh build leaves artifacts/whispertrt"
    return program


def clean_environment(**more):
    """Without what would lead a program to another library or model than the one under test."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("WHISPERTRT_") and name not in ("LD_LIBRARY_PATH", "PYTHONPATH")}
    return dict(kept, **more)
