"""The measuring programs: their arithmetic against known figures, and that each of them runs."""
import json
import sys
from types import SimpleNamespace

import pytest

from conftest import ARTIFACTS, MODEL, ROOT, run

BENCH = ROOT / "bench"
PROGRAMS = sorted(path.stem for path in BENCH.glob("*.py") if not path.name.startswith("_"))
sys.path.insert(0, str(BENCH))

import _bench  # noqa: E402
import _floors  # noqa: E402
import _wer  # noqa: E402


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_says_what_it_answers(name):
    """The first line of its help is a question."""
    shown = run(sys.executable, BENCH / f"{name}.py", "--help").stdout
    assert "?" in shown and "--out" in shown


@pytest.mark.parametrize("reference, found, errors", [
    ("a b c", "a b c", 0), ("a b c", "a c", 1), ("a b c", "a x c d", 2), ("", "a b", 2), ("a b", "", 2), ("a b c d", "b c d a", 2),
])
def test_word_errors(reference, found, errors):
    assert _wer.distance(reference.split(), found.split()) == errors


def test_paired_difference_has_the_error_of_its_clips():
    """Ten clips of ten words, one error more in half of them: 5 points, and sqrt(0.25 / 10) · 10 points of error."""
    base = [(1, 10)] * 10
    delta, error = _wer.paired_difference(base, [(1 + i % 2, 10) for i in range(10)], rounds=4000)
    assert delta == pytest.approx(5.0)
    assert error == pytest.approx(10 * (0.25 / 10) ** 0.5, rel=0.1)
    assert _wer.paired_difference(base, base) == (0.0, 0.0)


def shape(width, layers, vocabulary):
    return SimpleNamespace(audio_context=1500, width=width, encoder_layers=layers, decoder_layers=layers, mels=80, vocabulary=vocabulary)


def test_floors_are_those_of_the_arithmetic():
    """large-v2 needs 2,587 GFLOP for a window and reads 800 MB of int8 weights for a step; base 57 for the products of its layers, 28 for
    attention, 3 for convolutions and 9 for the cross-KV, and 48.6 MB."""
    unit = dict.fromkeys(("float32", "bfloat16", "int8", "bytes from memory", "bytes from cache"), 1.0)
    large = _floors.Floor(shape(1280, 32, 51865), "int8", unit, 0)
    assert large.window_seconds == pytest.approx(2587e9, rel=2e-3)
    assert large.weight_bytes == pytest.approx(800e6, rel=2e-3)
    base = _floors.Floor(shape(512, 6, 51865), "int8", unit, 0)
    assert base.window_seconds == pytest.approx((57 + 28 + 3 + 9) * 1e9, rel=1e-2)
    assert base.weight_bytes == pytest.approx(48.6e6, rel=1e-2)
    assert base.row_bytes == pytest.approx(9e6, rel=0.1)
    assert base.step_seconds(rows=8) == base.weight_bytes + 8 * base.row_bytes


def test_start_is_measured(tmp_path):
    """One round of the shortest program, end to end, with its document."""
    if not (ARTIFACTS / "lib" / "libwhispertrt.so").is_file() or not MODEL.is_dir():
        pytest.skip("needs ./build.sh build")
    out = tmp_path / "startup.json"
    run(sys.executable, BENCH / "startup.py", "--rounds", "1", "--out", out)
    document = json.loads(out.read_text())
    table = document["tables"][0]
    assert all(0 < row[table["columns"].index("first segment s")] < 60 for row in table["rows"])
    for key in ("question", "date", "commit", "machine", "versions", "threads", "load_average_at_start"):
        assert document[key], key


def test_samples_are_spread():
    assert _bench.spread(list(range(10)), 3) == [0, 3, 6] and _bench.spread([1], 5) == [1]
