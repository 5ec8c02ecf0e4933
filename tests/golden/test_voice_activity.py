"""Voice activity against Silero's published model and faster-whisper's span logic, and what it keeps from being transcribed."""

import json

import pytest
from conftest import SHARED, needs, pcm

#: No speech is in these: music, noise and silence, on which Whisper alone invents some.
WITHOUT_SPEECH = ("gen_chord_10s.flac", "gen_music_cut_20s.flac", "gen_pinknoise_10s.flac", "gen_silence_5s.wav", "speechbrain_noise2.wav")
PATH = SHARED / "golden" / "vad.jsonl"
LINES = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()] if PATH.exists() else [None]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["file"].rpartition("/")[2] if line else "none")
def test_probabilities_and_spans(whispertrt, line):
    needs("golden/vad.jsonl")
    samples = pcm(line["file"])[: line["samples"]]
    assert len(samples) == line["samples"]
    found = whispertrt.detect_speech(samples)
    assert len(found.probabilities) == len(line["probabilities"])
    assert max(abs(a - b) for a, b in zip(found.probabilities, line["probabilities"])) < 1e-4
    settings = [value for name, value in line.items() if name.startswith("spans_")]
    assert len(settings) == 4
    for setting in settings:
        options = {name: value for name, value in setting["options"].items() if value is not None}
        spans = whispertrt.detect_speech(samples, **options).spans
        assert [{"start": span.start, "end": span.end} for span in spans] == setting["spans"], options


@pytest.mark.parametrize("name, language", [("tiny.en", None), ("base", "de")])
def test_what_holds_no_speech_gives_no_text(load, name, language):
    with load(name, "int8").engine() as engine:
        for file in WITHOUT_SPEECH:
            samples = pcm(f"odd/{file}")
            result = engine.transcribe(samples, vad_filter=True, language=language)
            assert (result.text, result.segments, result.speech_duration) == ("", [], 0), file
            assert (result.duration, result.language) == (len(samples) // 160 / 100, language or "en"), file


def test_without_speech_the_language_is_that_of_silence(load):
    """As faster-whisper, which detects it from what the filter left, padded with silence; and as both do for an empty file."""
    with load("base", "int8").engine() as engine:
        nothing = engine.transcribe(pcm("odd/gen_pinknoise_10s.flac"), vad_filter=True)
        assert nothing.language == engine.transcribe([]).language
