"""Voice activity: spans alone, and transcriptions of the speech only."""

from array import array

import pytest
import whispertrt

RATE = 16000


@pytest.fixture(scope="module")
def between_silences(samples):
    """Ten seconds of silence, the clip, eight of silence, the clip again, five of silence."""
    clip = array("f", samples)
    silence = array("f", bytes(4 * RATE))
    return silence * 10 + clip + silence * 8 + clip + silence * 5


@pytest.fixture(scope="module")
def spans(library, between_silences):
    return whispertrt.detect_speech(between_silences).spans


def test_speech_is_found_between_silences(library, samples, between_silences, spans):
    speech = whispertrt.detect_speech(between_silences)
    length = len(samples)
    assert speech.duration == len(between_silences) / RATE
    assert len(speech.probabilities) == -(-len(between_silences) // 512)
    assert 0 <= min(speech.probabilities) and max(speech.probabilities) > 0.99
    assert speech.spans == spans and len(spans) == 2
    assert spans[0].start_seconds == pytest.approx(10, abs=1) and spans[0].end_seconds == pytest.approx(10 + length / RATE, abs=1)
    assert spans[1].start_seconds == pytest.approx(18 + length / RATE, abs=1)


def test_a_file_has_the_spans_of_its_samples(library, clip, samples):
    assert whispertrt.detect_speech(clip).spans == whispertrt.detect_speech(samples).spans
    assert whispertrt.detect_speech(clip.read_bytes()).spans == whispertrt.detect_speech(samples).spans
    with open(clip, "rb") as file:
        assert whispertrt.detect_speech(file).spans == whispertrt.detect_speech(samples).spans


def test_options_of_detection(library, samples):
    short = whispertrt.detect_speech(samples, max_speech_duration_s=2, min_silence_duration_ms=100, speech_pad_ms=0, threshold=0.6, neg_threshold=0.3)
    assert len(short.spans) > 1 and all(span.end - span.start <= 2 * RATE for span in short.spans)
    assert whispertrt.detect_speech(samples, min_speech_duration_ms=3_600_000).spans == []


@pytest.mark.parametrize("options, name", [
    ({"threshold": 1.5}, "vad_threshold"),
    ({"neg_threshold": -1}, "vad_neg_threshold"),
    ({"min_speech_duration_ms": -1}, "vad_min_speech_duration_ms"),
    ({"min_silence_duration_ms": 3_600_001}, "vad_min_silence_duration_ms"),
    ({"speech_pad_ms": -5}, "vad_speech_pad_ms"),
    ({"max_speech_duration_s": 0}, "vad_max_speech_duration_s"),
])
def test_wrong_options_are_named(engine, samples, options, name):
    with pytest.raises(whispertrt.InvalidArgumentError, match=name):
        whispertrt.detect_speech(samples, **options)
    with pytest.raises(whispertrt.InvalidArgumentError, match=name):
        engine.submit(samples, vad_filter=True, vad_parameters=options)


def test_unknown_parameter(engine, samples):
    with pytest.raises(TypeError, match="treshold.*speech_pad_ms"):
        engine.submit(samples, vad_filter=True, vad_parameters={"treshold": 0.5})


def test_what_cannot_be_read(library, tmp_path):
    with pytest.raises(whispertrt.NotFoundError):
        whispertrt.detect_speech(tmp_path / "nothing.wav")
    assert whispertrt.detect_speech([]).spans == []


def push_all(job, samples, step=4001):
    for at in range(0, len(samples), step):
        job.push(samples[at:at + step])
    job.end()


def test_only_speech_is_transcribed_and_times_are_the_recordings(engine, between_silences, spans, tmp_path):
    """Samples in memory, pushed ones and a pipe: the same text at the same times."""
    result = engine.transcribe(between_silences, vad_filter=True)
    assert result.text.count("native country") == 2
    kept = sum(span.end - span.start for span in spans) / RATE
    assert result.speech_duration == pytest.approx(kept)
    assert result.duration == pytest.approx(len(between_silences) / RATE, abs=0.01)
    for time in [time for segment in result.segments for time in (segment.start, segment.end)]:
        assert any(span.start_seconds - 0.02 <= time <= span.end_seconds + 0.02 for span in spans), time
    with engine.live(vad_filter=True) as job:
        push_all(job, between_silences)
        pushed = job.result()
    raw = tmp_path / "raw"
    raw.write_bytes(array("h", [round(32767 * max(-1, min(1, value))) for value in between_silences]).tobytes())
    with open(raw, "rb") as file:
        piped = engine.transcribe(whispertrt.RawPipe(file), vad_filter=True)
    for other in (pushed, piped):
        assert (other.duration, other.speech_duration) == (result.duration, result.speech_duration)
        assert other.text.count("native country") == 2
    assert [(s.start, s.end) for s in pushed.segments] == [(s.start, s.end) for s in result.segments]


def test_streamed_segments_are_those_of_the_result(engine, between_silences):
    with engine.submit(between_silences, vad_filter=True) as job:
        streamed = list(job.segments())
        assert streamed == job.result().segments


def test_without_the_filter_all_is_transcribed(engine, samples):
    result = engine.transcribe(samples)
    assert result.speech_duration == result.duration
    assert engine.transcribe(samples, vad_filter=False, vad_parameters={"threshold": 0.9}).text == result.text


def test_silence_has_no_text(engine):
    result = engine.transcribe(array("f", bytes(4 * 45 * RATE)), vad_filter=True)
    assert (result.text, result.segments, result.language, result.speech_duration, result.duration) == ("", [], "en", 0, 45)
    with engine.live(vad_filter=True) as job:
        push_all(job, array("f", bytes(4 * 45 * RATE)))
        assert job.result().segments == []


def test_progress_is_the_recordings(engine, between_silences):
    seen = []
    engine.transcribe(between_silences, vad_filter=True, on_progress=seen.append)
    assert seen and seen[-1].total == pytest.approx(len(between_silences) / RATE, abs=0.01)
    assert all(progress.done <= progress.total + 0.5 for progress in seen)


def test_cancelled_while_it_waits_for_speech(engine):
    with engine.live(vad_filter=True) as job:
        job.push(array("f", bytes(4 * 60 * RATE)))
        job.cancel()
        with pytest.raises(whispertrt.CancelledError):
            job.result()
