"""Long recordings: clips, candidate languages, chunks that decode together, channels by themselves."""

import json
import shutil
import struct
import subprocess

import pytest
import whispertrt

RATE = 16000
GREEDY = {"temperature": 0.0}


def stereo(left, right):
    """A WAV file of two channels of 16-bit samples."""
    frames = max(len(left), len(right))
    pair = [[round(32767 * max(-1.0, min(1.0, x))) for x in side] + [0] * (frames - len(side)) for side in (left, right)]
    data = struct.pack(f"<{2 * frames}h", *(x for both in zip(*pair) for x in both))
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 2, RATE, 4 * RATE, 4, 16, b"data", len(data))
    return header + data


def tokens(segments, channel=None):
    return [token for segment in segments if segment.channel == channel for token in segment.tokens]


def test_clips_limit_where_windows_begin_and_end(engine, samples):
    result = engine.transcribe(samples, clip_timestamps=[1, 4, 6.5, 9], **GREEDY)
    assert {segment.seek for segment in result.segments} <= set(range(100, 400)) | set(range(650, 900))
    assert min(segment.start for segment in result.segments) >= 1
    assert result.segments[-1].seek >= 650
    as_text = engine.transcribe(samples, clip_timestamps="1,4,6.5,9", **GREEDY)
    assert tokens(as_text.segments) == tokens(result.segments)


def test_the_clip_0_is_the_whole_recording(engine, samples):
    whole = engine.transcribe(samples, **GREEDY)
    for clips in ("0", [0], "", None, []):
        assert tokens(engine.transcribe(samples, clip_timestamps=clips, **GREEDY).segments) == tokens(whole.segments)


def test_an_english_model_detects_nothing(engine, samples):
    result = engine.transcribe(samples, multilingual=True, languages=["en"], **GREEDY)
    assert result.language == "en" and result.language_probability is None and result.language_probabilities == []
    assert {segment.language for segment in result.segments} == {"en"}
    with pytest.raises(whispertrt.InvalidArgumentError, match="languages: 'de'"):
        engine.submit(samples, languages="en,de")


def test_chunks_decode_together_and_are_given_in_order(engine, samples):
    pause = type(samples)("f", bytes(4 * RATE * 3 // 2))
    recording = pause + samples + pause + samples + pause + samples + pause + samples
    options = {"vad_filter": True, "vad_parameters": {"min_silence_duration_ms": 500}, **GREEDY}
    one_by_one = engine.transcribe(recording, **options)
    together = engine.transcribe(recording, batched=True, **options)
    starts = [segment.start for segment in together.segments]
    assert starts == sorted(starts) and [segment.id for segment in together.segments] == list(range(len(starts)))
    assert together.duration == one_by_one.duration
    assert together.text == "".join(segment.text for segment in together.segments)
    spans = whispertrt.detect_speech(recording, min_silence_duration_ms=500, max_speech_duration_s=30).spans
    for time in [segment.start for segment in together.segments] + [segment.end for segment in together.segments]:
        assert any(span.start_seconds - 0.02 <= time <= span.end_seconds + 0.02 for span in spans)
    words = [whispertrt.normalize(result.text).split() for result in (one_by_one, together)]
    assert abs(len(words[0]) - len(words[1])) <= len(words[0]) // 10


def test_channels_apart(engine, samples):
    delayed = type(samples)("f", bytes(4 * RATE * 2)) + samples
    result = engine.transcribe(stereo(samples, delayed), channels="split", **GREEDY)
    assert {segment.channel for segment in result.segments} == {0, 1}
    assert {attempt.channel for attempt in result.attempts} == {0, 1}
    starts = [segment.start for segment in result.segments]
    assert starts == sorted(starts)
    written = json.loads(result.write("json", trace=True))
    assert [segment["channel"] for segment in written["segments"]] == [segment.channel for segment in result.segments]
    assert {window["channel"] for window in written["trace"]} == {0, 1}
    mixed = engine.transcribe(stereo(samples, delayed), **GREEDY)
    assert "channel" not in mixed.write("json") and {segment.channel for segment in mixed.segments} == {None}


def test_channels_apart_by_ffmpeg(engine, samples, tmp_path):
    """A container that only FFmpeg's libraries read, without loss."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("the program ffmpeg is not installed")
    if not whispertrt.doctor()["audio"]["ffmpeg"]["found"]:
        pytest.skip("FFmpeg's libraries or their module are not there")
    wave, other = tmp_path / "both.wav", tmp_path / "both.m4a"
    wave.write_bytes(stereo(samples, type(samples)("f", bytes(4 * RATE * 2)) + samples))
    subprocess.run([program, "-nostdin", "-v", "error", "-i", wave, "-c:a", "alac", other], check=True)
    here, there = (engine.transcribe(path, channels="split", **GREEDY) for path in (wave, other))
    for channel in (0, 1):
        assert tokens(there.segments, channel) == tokens(here.segments, channel) != []


@pytest.mark.parametrize(
    "options, name",
    [
        ({"clip_timestamps": [-1]}, "clip_timestamps"),
        ({"clip_timestamps": [0, 1], "vad_filter": True}, "clip_timestamps and vad"),
        ({"batched": True}, "batched"),
        ({"channels": "left"}, "channels"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(engine, samples, options, name):
    with pytest.raises(whispertrt.InvalidArgumentError, match=name):
        engine.submit(samples, **options)


def test_a_pipe_has_no_channels_apart(engine, clip):
    with open(clip, "rb") as file, pytest.raises(whispertrt.InvalidArgumentError, match="channels"):
        engine.submit(file, channels="split")
