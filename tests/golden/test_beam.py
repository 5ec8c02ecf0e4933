"""Beam search, option variants, translation and temperature fallback in float32 against openai/whisper's, token by token."""

import os

import pytest
from conftest import golden_lines, pcm
from test_greedy import tokens_of

EVERYTHING = os.environ.get("WTRT_GOLDEN") == "all"
FILES = [("tiny.en", "beam5", 20), ("base", "beam5", 20), ("tiny.en", "misc", 8), ("base", "translate", 15)]


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


# ---- fallback ----


def by_window(attempts):
    windows = {}
    for attempt in attempts:
        windows.setdefault(attempt.seek, []).append(attempt)
    return list(windows.values())


def attempt_difference(ours, theirs):
    """How an attempt that was not sampled differs from its golden; None if it does not."""
    for name in ("too_repetitive", "too_unlikely", "silence"):
        if getattr(ours, name) != theirs[name]:
            return f"{name} is {getattr(ours, name)}"
    if ours.tokens != theirs["tokens"]:
        return f"tokens {ours.tokens} for {theirs['tokens']}"
    for name in ("avg_logprob", "compression_ratio", "no_speech_prob"):
        if abs(getattr(ours, name) - theirs[name]) > 1e-3:
            return f"{name} {getattr(ours, name)} for {theirs[name]}"
    assert (ours.beam_size, ours.temperature) == (theirs["beam_size"] or 1, theirs["temperature"])
    return None


def fallback_difference(line, result):
    """Windows are compared until one was sampled: from there on both go their own ways."""
    windows = by_window(result.attempts)
    for number, golden in enumerate(line["windows"]):
        if number >= len(windows):
            return f"{len(windows)} windows for {len(line['windows'])}"
        ours, theirs = windows[number], golden["attempts"]
        what = attempt_difference(ours[0], theirs[0])
        if what:
            return f"window {number}: {what}"
        if (len(ours) > 1) != (len(theirs) > 1):
            return f"window {number}: {len(ours)} attempts for {len(theirs)}"
        if len(ours) > 1:
            assert [attempt.temperature for attempt in ours] == pytest.approx([0.2 * i for i in range(len(ours))])
            assert {attempt.candidates for attempt in ours[1:]} == {line["options"].get("best_of", 1)}
            return None
    return None if len(windows) == len(line["windows"]) else f"{len(windows)} windows for {len(line['windows'])}"


@pytest.mark.parametrize("name, each", [("tiny.en", 5), ("base", 6)])
def test_windows_fall_back_as_the_reference(load, name, each):
    lines = some(golden_lines(f"{name}.fallback.jsonl"), each)
    with load(name).engine(max_batch=20) as engine:
        results = run(engine, lines)
    wrong, again = [], 0
    for line, result in zip(lines, results):
        what = fallback_difference(line, result)
        if what:
            wrong.append(f"{line['file']} {line['case']}: {what}")
        for window in by_window(result.attempts):
            again += len(window) > 1
            ratios = [attempt.compression_ratio for attempt in window]
            if ratios[-1] > 2.4 and min(ratios) <= 2.4:
                wrong.append(f"{line['file']} {line['case']}: at {window[0].seek} kept {ratios[-1]} of {ratios}")
    print(f"\n{name}.fallback: {len(lines)} runs, {len(wrong)} differ, {again} windows tried again", *wrong, sep="\n  ")
    assert not wrong
