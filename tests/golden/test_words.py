"""Word times against openai/whisper's, and that a job's words do not depend on what else runs."""

import numpy as np
import pytest
from conftest import chosen, golden_lines, needs, pcm
from test_greedy import MOST_TIES, assert_near_tie, tokens_of, transcribe_all

STEP = 0.02  # seconds: one position of the encoder's output


@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_word_times_are_the_references(load, name):
    lines = [line for line in chosen(golden_lines(f"{name}.words.jsonl")) if "error" not in line]
    compare(load(name), lines)


def test_punctuation_is_joined_as_asked(load):
    compare(load("tiny.en"), chosen([line for line in golden_lines("tiny.en.misc.jsonl") if line["case"] == "words_prompt_append"]))


def compare(model, lines):
    sounds = {line["file"]: pcm(line["file"]) for line in lines}
    with model.engine(max_batch=8) as engine:
        jobs = [engine.submit(sounds[line["file"]], **line["options"]) for line in lines]
        results = [job.result() for job in jobs]
    ties, off = [], []
    for line, result in zip(lines, results):
        if tokens_of(result.segments) != tokens_of(line["segments"]):
            ties.append(assert_near_tie(model, line, sounds[line["file"]], result))
        else:
            off += differences(line["segments"], result.segments)
    off = np.array(off)
    within = [np.mean(off <= limit + 1e-6) for limit in (STEP, 5 * STEP)]
    print(f"\n{len(off)} words of {len(lines)} clips, {within[0]:.2%} within 0.02 s, {within[1]:.2%} within 0.1 s; ties: {ties}")
    assert len(ties) <= MOST_TIES, ties
    assert within[0] >= 0.99 and within[1] == 1


def differences(golden, ours):
    """How far each word's times lie apart; everything else must be the same."""
    assert len(golden) == len(ours)
    off = []
    for theirs, segment in zip(golden, ours):
        assert [word["word"] for word in theirs["words"]] == [word.text for word in segment.words]
        for a, b in zip(theirs["words"], segment.words):
            assert b.probability == pytest.approx(a["p"], abs=2e-3)
            off.append(max(abs(a["start"] - b.start), abs(a["end"] - b.end)))
        assert segment.start == pytest.approx(theirs["start"], abs=5 * STEP)
        assert segment.end == pytest.approx(theirs["end"], abs=5 * STEP)
    return off


def shown(result):
    return [(s.seek, s.start, s.end, s.text, [(w.text, w.start, w.end, w.probability) for w in s.words]) for s in result.segments]


@pytest.mark.parametrize("compute_type", ["float32", "int8"])
def test_words_are_the_same_alone_and_among_sixteen_jobs(load, compute_type):
    files = [line["file"] for line in golden_lines("tiny.en.words.jsonl") if line.get("samples", 1 << 30) < 16000 * 7][:2]
    sounds = [pcm(file) for file in files]
    options = [dict(word_timestamps=True, temperature=0.0), dict(word_timestamps=True, temperature=0.0, beam_size=5)]
    assert len(sounds) == 2
    kinds = [(sound, option) for sound in sounds for option in options]
    model = load("tiny.en", compute_type)
    with model.engine(max_batch=5) as engine:
        alone = [shown(engine.submit(sound, **option).result()) for sound, option in kinds]
    assert all(words for result in alone for *_, words in result)
    with model.engine(max_batch=16) as engine:
        jobs = [engine.submit(sound, **option) for _ in range(4) for sound, option in kinds]
        together = [shown(job.result()) for job in jobs]
    for i, result in enumerate(together):
        assert result == alone[i % len(kinds)], f"job {i} of {compute_type}"


def test_a_model_without_listed_heads_has_words_too(whispertrt):
    """Random weights: what is said is nonsense, but its words are complete and their times in order."""
    fixture = needs("models/fixtures/whisper-nano-v3")
    model = whispertrt.Model(fixture / "hf" if (fixture / "hf").exists() else fixture, compute_type="float32")
    layers = model.info.decoder_layers
    assert model.info.alignment_heads == (layers - layers // 2) * model.info.heads
    with model.engine() as engine:
        result = engine.submit(np.zeros(16000 * 5, np.float32), language="en", word_timestamps=True, temperature=0.0,
                               no_speech_threshold=None, max_new_tokens=20).result()
    assert any(segment.words for segment in result.segments)
    for segment in result.segments:
        assert "".join(word.text for word in segment.words) == segment.text
        assert all(word.start <= word.end for word in segment.words)
