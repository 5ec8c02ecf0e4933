"""Beam search, option variants, translation and temperature fallback in float32 against openai/whisper's, token by token."""

import os

import pytest
from conftest import golden_lines, pcm
from test_greedy import tokens_of

EVERYTHING = os.environ.get("WTRT_GOLDEN") == "all"
FILES = [("tiny.en", "beam5", 20), ("base", "beam5", 20), ("tiny.en", "misc", 4), ("base", "translate", 15)]


def some(lines, each):
    """Every `each`-th of each case, unless everything is asked for; what needs words is not for here."""
    cases = {}
    for line in lines:
        if not line["options"].get("word_timestamps"):
            cases.setdefault(line["case"], []).append(line)
    return [line for case in cases.values() for line in (case if EVERYTHING else case[::each])]


def run(engine, lines, **fixed):
    sounds = {line["file"]: pcm(line["file"]) for line in lines}
    for line in lines:
        assert len(sounds[line["file"]]) == line["samples"], f"{line['file']}: another ffmpeg than the goldens'"
    jobs = [engine.submit(sounds[line["file"]], **line["options"], **fixed, max_pending_segments=1_000_000) for line in lines]
    return [job.result() for job in jobs]


def difference(line, result):
    """How a result differs from its golden; None if it does not."""
    if result.language != line["language"]:
        return f"language {result.language}"
    if tokens_of(result.segments) != tokens_of(line["segments"]):
        return f"tokens: {result.text!r} for {line['text']!r}"
    assert result.text == line["text"]
    for ours, theirs in zip(result.segments, line["segments"]):
        assert (ours.seek, ours.text) == (theirs["seek"], theirs["text"])
        assert ours.start == pytest.approx(theirs["start"], abs=1e-6)
        assert ours.end == pytest.approx(theirs["end"], abs=1e-6)
        assert ours.avg_logprob == pytest.approx(theirs["avg_logprob"], abs=2e-3)
        assert ours.no_speech_prob == pytest.approx(theirs["no_speech_prob"], abs=2e-3)
    return None


@pytest.mark.parametrize("name, file, each", FILES)
def test_every_clip_is_the_reference_token_by_token(load, name, file, each):
    lines = some(golden_lines(f"{name}.{file}.jsonl"), each)
    with load(name).engine(max_batch=20) as engine:
        results = run(engine, lines)
    found = [(line, difference(line, result)) for line, result in zip(lines, results)]
    wrong = [f"{line['file']} {line['case']}: {what}" for line, what in found if what]
    print(f"\n{name}.{file}: {len(lines)} clips, {len(wrong)} differ", *wrong, sep="\n  ")
    assert not wrong
