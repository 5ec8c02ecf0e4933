"""A job gives the same bits in any company: tokens, log-probabilities and word times, which carry the last bits of the logits."""

import random

import pytest
from conftest import ROOT, shown, slices

KINDS = [
    {"temperature": 0},
    {"temperature": 0, "beam_size": 5},
    {"temperature": 0, "word_timestamps": True},
    {"temperature": 0.6, "best_of": 3, "seed": 7},
    {"temperature": 0, "beam_size": 2, "word_timestamps": True, "repetition_penalty": 1.2},
]
SIZES = [1, 2, 3, 7, 8, 32, 64]
TOGETHER = 256  # rows of an engine that need not wait: 64 jobs of up to 5


@pytest.fixture(scope="module", params=["float16", "bfloat16"])
def model(whispertrt, request):
    path = ROOT / "models" / "whisper-tiny.en-int8"
    if not (path / "model.safetensors").is_file():
        pytest.skip("models/whisper-tiny.en-int8 is not in this checkout")
    with whispertrt.Model(path, device="cuda", compute_type=request.param) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def jobs(reader):
    """Sounds of several lengths, each with every second one of the kinds."""
    sounds = slices(reader, 12)
    return [(sound, KINDS[(i + 2 * k) % len(KINDS)]) for i, sound in enumerate(sounds) for k in range(2)]


@pytest.fixture(scope="module")
def alone(model, jobs):
    with model.engine(max_batch=5) as engine:
        return [shown(engine.transcribe(sound, **kind)) for sound, kind in jobs]


def differing(engine, jobs, alone, order):
    running = [(i, engine.submit(jobs[i][0], **jobs[i][1])) for i in order]
    return [f"job {i} ({jobs[i][1]})" for i, job in running if shown(job.result()) != alone[i]]


def test_jobs_say_something(alone):
    assert sum(bool(segments) for segments, _ in alone) > len(alone) // 2
    assert any(words for _, words in alone)


@pytest.mark.parametrize("size", SIZES)
def test_so_many_jobs_at_once(model, jobs, alone, size):
    order = [i % len(jobs) for i in range(max(size, len(jobs)))]
    random.Random(size).shuffle(order)
    with model.engine(max_batch=TOGETHER) as engine:
        for first in range(0, len(order), size):
            assert not differing(engine, jobs, alone, order[first : first + size])


@pytest.mark.parametrize("size", [size for size in SIZES if size >= 5])
def test_engines_of_so_many_rows(model, jobs, alone, size):
    """Jobs that wait for rows join others at every step."""
    order = list(range(len(jobs))) * 2
    random.Random(100 + size).shuffle(order)
    with model.engine(max_batch=size) as engine:
        assert not differing(engine, jobs, alone, order)
