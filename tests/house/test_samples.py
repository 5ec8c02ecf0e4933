"""Each sample is built as its README says, and must write down what is said in the recording."""
import pytest

from conftest import ARTIFACTS, MODEL, RECORDING, ROOT, SAID, clean_environment, needs, run, words


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_native_sample(language, tmp_path):
    """Also shows that find_package(whispertrt) works on artifacts/."""
    build = tmp_path / "build"
    run("cmake", "-S", ROOT / "samples" / language, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={ARTIFACTS}")
    run("cmake", "--build", build)
    done = run(build / "transcribe", MODEL, RECORDING, env=clean_environment())
    assert words(done.stdout) == SAID


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_native_sample_reports_what_fails(language, tmp_path):
    build = tmp_path / "build"
    run("cmake", "-S", ROOT / "samples" / language, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={ARTIFACTS}")
    run("cmake", "--build", build)
    no_file = run(build / "transcribe", MODEL, tmp_path / "missing.flac", check=False, env=clean_environment())
    assert no_file.returncode == 1 and "missing.flac" in no_file.stderr
    no_model = run(build / "transcribe", tmp_path / "missing-model", RECORDING, check=False, env=clean_environment())
    assert no_model.returncode == 1 and "missing-model" in no_model.stderr


@pytest.mark.parametrize("project", ["Transcribe", "Host"])
def test_csharp_sample(dotnet, project):
    done = run(dotnet, "run", "--project", ROOT / "samples/csharp" / project, "-c", "Release", "--", MODEL, RECORDING,
               env=clean_environment(DOTNET_NOLOGO="1"))
    assert words(done.stdout) == SAID


def test_python_sample():
    python = needs("/usr/bin/python3", "the Python package is tested with the system's Python")
    done = run(python, ROOT / "samples/python/transcribe.py", MODEL, RECORDING,
               env=clean_environment(PYTHONPATH=str(ARTIFACTS / "python")))
    assert words(done.stdout) == SAID


def test_recordings_stay_small():
    recordings = [path for path in (ROOT / "samples").iterdir() if path.suffix in (".flac", ".m4a")]
    assert len(recordings) == 2
    assert sum(path.stat().st_size for path in recordings) <= 500_000
