"""Greedy float32 transcripts against openai/whisper's, token by token, on every clip."""


import numpy as np
import pytest
from conftest import chosen, edit_distance, golden_lines, needs, pcm
from near_tie import TIE, Decoder

MOST_TIES = 3  # clips per model that may leave their golden at a proven near tie


def tokens_of(segments):
    return [t for s in segments for t in (s["tokens"] if isinstance(s, dict) else s.tokens)]


def transcribe_all(engine, lines, source):
    """Results by line; clips that were refused give their error."""
    results = []
    jobs = [engine.submit(source(line["file"]), temperature=0) for line in lines]
    for job in jobs:
        try:
            results.append(job.result())
        except Exception as error:  # noqa: BLE001 - compared with the golden by the caller
            results.append(error)
    return results


def assert_near_tie(model, line, samples, result):
    """The first token that differs was a near tie, and with the golden's token forced the window is the golden's again."""
    windows = {}
    for segment in line["segments"]:
        windows.setdefault(segment["seek"], []).extend(segment["tokens"])
    ours = {}
    for segment in result.segments:
        ours.setdefault(segment.seek, []).extend(segment.tokens)
    previous = []
    for seek, golden in windows.items():
        mine = ours.get(seek, [])
        if mine == golden:
            previous += golden
            continue
        same = next((i for i, (a, b) in enumerate(zip(golden, mine)) if a != b), min(len(golden), len(mine)))
        decoder = Decoder(model, line["language"])
        decoder.encode(window_mel(model, samples, seek))
        again, gap = decoder.greedy(previous, golden[:same])
        assert gap is not None and gap <= TIE, f"{line['file']}: at {seek}+{same} the best two lie {gap} apart"
        forced, _ = decoder.greedy(previous, golden[: same + 1])
        assert forced[: len(golden)] == golden, f"{line['file']}: not the golden again after its token at {seek}+{same} is forced"
        return f"{line['file']}: seek {seek}, token {same}, gap {gap:.1e}"
    raise AssertionError(f"{line['file']}: same tokens, other segments")


def window_mel(model, samples, seek):
    """Frames of one window as `transcribe` cuts them: clamped by the whole file's maximum, zeros behind."""
    from reference_mel import log_mel

    mel = log_mel(samples, model.info.mels)
    content = len(samples) // 160
    window = np.zeros((model.info.mels, 3000), np.float32)
    size = min(3000, content - seek)
    window[:, :size] = mel[:, seek : seek + size]
    return window


@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_every_clip_is_the_reference_token_by_token(load, name):
    lines = chosen(golden_lines(f"{name}.greedy.jsonl"), each=32)
    readable = [line for line in lines if "error" not in line]
    sounds = {line["file"]: pcm(line["file"]) for line in readable}
    for line in readable:
        assert len(sounds[line["file"]]) == line["samples"], f"{line['file']}: another ffmpeg than the goldens'"
    model = load(name)
    with model.engine(max_batch=8) as engine:
        results = transcribe_all(engine, readable, lambda file: sounds[file])
    ties, wrong = [], []
    for line, result in zip(readable, results):
        try:
            tie = assert_is_golden(model, line, sounds[line["file"]], result)
        except AssertionError as error:
            wrong.append(f"{line['file']}: {error}")
        else:
            ties += [tie] if tie else []
    print(f"\n{name}: {len(readable)} clips, {len(wrong)} wrong, {len(ties)} near ties", *wrong, *ties, sep="\n  ")
    assert not wrong
    assert len(ties) <= MOST_TIES, ties


def assert_is_golden(model, line, samples, result):
    """The golden's language, tokens, times and figures; or a near tie, which is returned."""
    assert not isinstance(result, Exception), result
    assert result.language == line["language"]
    if tokens_of(result.segments) != tokens_of(line["segments"]):
        return assert_near_tie(model, line, samples, result)
    assert result.text == line["text"]
    assert len(result.segments) == len(line["segments"])
    for ours, theirs in zip(result.segments, line["segments"]):
        assert (ours.seek, ours.text) == (theirs["seek"], theirs["text"])
        assert ours.start == pytest.approx(theirs["start"], abs=1e-6)
        assert ours.end == pytest.approx(theirs["end"], abs=1e-6)
        assert ours.avg_logprob == pytest.approx(theirs["avg_logprob"], abs=2e-3)
        assert ours.compression_ratio == pytest.approx(theirs["compression_ratio"], abs=1e-4)
        assert ours.no_speech_prob == pytest.approx(theirs["no_speech_prob"], abs=2e-3)
    return None


@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_every_clip_through_our_own_decoders(load, whispertrt, name):
    golden, exact = golden_lines(f"{name}.greedy.jsonl"), exact_files()
    lines = chosen([line for line in golden if line["file"] in exact], each=32)
    lines += chosen([line for line in golden if line["file"] not in exact], each=4)  # a word in a hundred takes hundreds of words to tell
    with load(name).engine(max_batch=8) as engine:
        results = transcribe_all(engine, lines, lambda file: str(needs(f"speech/{file}")))
    errors = words = 0
    differing = []
    for line, result in zip(lines, results):
        if "error" in line:
            assert isinstance(result, whispertrt.WhisperTrtError), f"{line['file']} was accepted"
            assert isinstance(result, (whispertrt.InvalidAudioError, whispertrt.UnsupportedError)), f"{line['file']}: {result!r}"
            continue
        assert not isinstance(result, Exception), f"{line['file']}: {result}"
        if line["file"] in exact:
            if tokens_of(result.segments) != tokens_of(line["segments"]):
                differing.append((line, result))
        else:
            kind = "english" if line["language"] == "en" else "basic"
            ours = whispertrt.normalize(result.text, kind).split()
            theirs = whispertrt.normalize(line["text"], kind).split()
            errors += edit_distance(ours, theirs)
            words += len(theirs)
    ties = [assert_near_tie(load(name), line, pcm(line["file"]), result) for line, result in differing]
    print(f"\n{name}: {errors} word errors in {words} words of resampled or transcoded clips; near ties: {ties}")
    assert len(ties) <= MOST_TIES, ties
    assert errors <= 0.01 * words


def exact_files():
    """16 kHz mono FLAC and 16-bit PCM: the samples are the reference's, so the tokens must be."""
    rows = [row.split("\t") for row in needs("speech/manifest.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    names = {row[0] for row in rows if row[2] == "16000" and row[3] == "1" and row[4] in ("flac", "pcm_s16le")}
    return names - {"odd/gen_corrupt_bytes.flac"}
