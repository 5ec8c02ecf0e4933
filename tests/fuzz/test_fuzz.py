"""Runs each fuzzer for a minute (WTRT_FUZZ_SECONDS), two at a time. What makes one fail is kept in build/fuzz-findings."""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "build" / "fuzz" / "bin"
FINDINGS = ROOT / "build" / "fuzz-findings"
MODEL = ROOT / "models" / "whisper-tiny.en-int8"
READERS = ("safetensors", "config", "tokenizer", "wav")
SECONDS = os.environ.get("WTRT_FUZZ_SECONDS", "60")


def fuzz(reader, work):
    found = work / reader
    found.mkdir()
    FINDINGS.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, ASAN_OPTIONS="allocator_may_return_null=1")
    if MODEL.exists():
        environment["WTRT_FUZZ_MODEL"] = str(MODEL)
    command = [PROGRAMS / f"fuzz_{reader}", f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=1024",
               "-malloc_limit_mb=512", f"-artifact_prefix={FINDINGS}/{reader}-", found,
               ROOT / "tests" / "fuzz" / "corpus" / reader]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=int(SECONDS) + 300)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    work = tmp_path_factory.mktemp("fuzz")
    with ThreadPoolExecutor(2) as pool:
        started = {reader: pool.submit(fuzz, reader, work) for reader in READERS}
        return {reader: run.result() for reader, run in started.items()}


@pytest.mark.parametrize("reader", READERS)
def test_reader_survives(runs, reader):
    run = runs[reader]
    assert run.returncode == 0, run.stderr[-6000:]
    assert "Done " in run.stderr, run.stderr[-2000:]
