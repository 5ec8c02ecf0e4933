"""Why there is no GPU: what may be wrong with the module beside the library, and that doctor and a failed load say the same of it."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from whispertrt import _library

ASK = """
import json, sys, whispertrt
found = whispertrt.doctor()["cuda"]
try:
    whispertrt.Model(sys.argv[1], device="cuda").close()
    refused = None
except whispertrt.UnsupportedError as error:
    refused = str(error)
with whispertrt.Model(sys.argv[1], device="auto") as model:
    print(json.dumps({"found": found["found"], "reason": found.get("reason"), "refused": refused, "auto": model.info.device}))
"""
MODULE = "libwhispertrt_cuda.so"


def compiled(source, path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler (cc) to make a module of")
    subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)], input=source, text=True, check=True)


def nothing(path):
    pass


def no_library(path):
    path.write_bytes(b"not a library")


def somebody_elses(path):
    compiled("int other(void) { return 1; }", path)


def of_another_build(path):
    compiled("const void* wtrt_backend_entry(const char* stamp) { (void)stamp; return 0; }", path)


@pytest.mark.parametrize(
    "make, reason",
    [
        (nothing, "is not there: this build has no CUDA backend"),
        (no_library, MODULE),  # and what the system's loader says of it
        (somebody_elses, "is not a module of this library"),
        (of_another_build, "is of another build than this library"),
    ],
)
def test_a_module_that_is_none_is_the_reason(model_path, tmp_path, make, reason):
    library = next(path for path in _library.candidates() if path.is_file())
    for other in library.resolve().parent.iterdir():
        if other.is_file() and other.name not in (library.name, MODULE):
            (tmp_path / other.name).symlink_to(other)
    own = tmp_path / library.name
    shutil.copy(library, own)
    make(tmp_path / MODULE)
    environment = os.environ | {_library.PATH_VARIABLE: str(own), "PYTHONPATH": str(ROOT / "bindings" / "python")}
    done = subprocess.run([sys.executable, "-c", ASK, str(model_path)], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["found"] is False and told["auto"] == "cpu"
    assert reason in told["reason"] and str(tmp_path) in told["reason"]
    assert told["reason"] in told["refused"]
