"""Every instruction set gives the same float32 tokens. Each in a process of its own: oneDNN's choice is made once per process."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, golden_lines, needs

CLIPS = 20 if os.environ.get("WTRT_GOLDEN") == "all" else 6

CHILD = """
import json, sys
import whispertrt
name, isa, files = sys.argv[1], sys.argv[2], sys.argv[3:]
try:
    model = whispertrt.Model(name, compute_type="float32", cpu_isa=isa)
except whispertrt.UnsupportedError as error:
    print(json.dumps({"unsupported": str(error)}))
    sys.exit()
with model.engine() as engine:
    results = engine.transcribe_all(files, language="en", temperature=0)
print(json.dumps([[token for segment in result.segments for token in segment.tokens] for result in results]))
"""


def tokens(isa, files):
    command = [sys.executable, "-c", CHILD, str(needs("models/whisper-tiny.en")), isa, *files]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


@pytest.fixture(scope="module")
def clips(whispertrt):
    lines = [line for line in golden_lines("tiny.en.greedy.jsonl") if line["file"].startswith("librispeech/")]
    return [line for line in lines if line["samples"] < 10 * 16000][:CLIPS]


@pytest.mark.parametrize("isa", ["portable", "avx2", "avx512", "amx"])
def test_tokens_are_the_references(isa, clips):
    ours = tokens(isa, [str(needs(f"speech/{line['file']}")) for line in clips])
    if isinstance(ours, dict):
        pytest.skip(ours["unsupported"])
    golden = [[token for segment in line["segments"] for token in segment["tokens"]] for line in clips]
    assert ours == golden
