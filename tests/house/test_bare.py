"""With oneDNN and the audio libraries switched off, a C++ compiler alone builds the core. It takes samples, and says what it lacks."""
import json
import os
import subprocess

import pytest

from conftest import MODEL, RECORDING, ROOT, SAID, clean_environment, needs, run, words

FOLDER = ROOT / "build" / "bare"
LIBRARY = FOLDER / "lib" / "libwhispertrt.so"


@pytest.fixture(scope="module")
def library():
    run("cmake", "--preset", "bare", cwd=ROOT)
    run("ninja", "-C", FOLDER, "-j", os.environ.get("WTRT_JOBS", str(os.cpu_count())), "whispertrt", timeout=1200)
    return LIBRARY


def python(library, script, *arguments):
    environment = clean_environment(PYTHONPATH=str(ROOT / "bindings/python"), WHISPERTRT_LIBRARY=str(library))
    return run("/usr/bin/python3", "-c", script, *arguments, env=environment)


def test_needs_nothing_but_the_compilers_libraries(library):
    needed = run("readelf", "-d", library).stdout
    names = {line.split("[")[1].rstrip("]") for line in needed.splitlines() if "(NEEDED)" in line}
    assert names <= {"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6", "ld-linux-x86-64.so.2"}, names


def test_transcribes_samples(library):
    needs("ffmpeg", "it turns the recording into samples")
    pcm = subprocess.run(["ffmpeg", "-v", "error", "-i", RECORDING, "-f", "s16le", "-ac", "1", "-ar", "16000", "-"],
                         stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    script = ("import array, sys, whispertrt\n"
              "samples = array.array('h', sys.stdin.buffer.read())\n"
              "print(whispertrt.transcribe(samples, model=sys.argv[1]).text)\n")
    done = subprocess.run(["/usr/bin/python3", "-c", script, MODEL], input=pcm, capture_output=True, check=False, timeout=600,
                          env=clean_environment(PYTHONPATH=str(ROOT / "bindings/python"), WHISPERTRT_LIBRARY=str(library)))
    assert done.returncode == 0, done.stderr.decode()
    assert words(done.stdout.decode()) == SAID


def test_says_what_a_file_would_need(library):
    script = ("import sys, whispertrt\n"
              "try:\n"
              "    whispertrt.transcribe(sys.argv[2], model=sys.argv[1])\n"
              "except whispertrt.UnsupportedError as error:\n"
              "    print(error)\n")
    message = python(library, script, MODEL, RECORDING).stdout
    assert "FLAC" in message and "libsndfile" in message, message


def test_doctor_says_what_is_missing(library):
    report = python(library, "import json, whispertrt; print(json.dumps(whispertrt.doctor()))").stdout
    text = json.dumps(json.loads(report)).lower()
    for name in ("onednn", "sndfile", "soxr"):
        assert name in text, text
