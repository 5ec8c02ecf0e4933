"""Long recordings with real models: the language of every window, and chunks that decode together against one window after the other."""

import pytest
from conftest import edit_distance, np, pcm

RATE = 16000
GREEDY = {"temperature": 0.0}
SPEAKERS = [("english/fleurs-en-001.ogg", "en"), ("multilingual/fleurs-fr-001.ogg", "fr"), ("multilingual/fleurs-de-001.ogg", "de")]


def window(file):
    """A clip in a window of its own."""
    sound = np.zeros(30 * RATE, np.float32)
    clip = pcm(file)[: 29 * RATE]
    sound[: len(clip)] = clip
    return sound


def test_languages_are_detected_for_every_window_or_once(load):
    recording = np.concatenate([window(file) for file, _ in SPEAKERS])
    clips = [second for i in range(len(SPEAKERS)) for second in (30 * i, 30 * i + 30)]  # so that each window begins with its speaker
    with load("base", "int8").engine() as engine:
        each = engine.transcribe(recording, multilingual=True, clip_timestamps=clips, **GREEDY)
        once = engine.transcribe(recording, clip_timestamps=clips, **GREEDY)
        chosen = engine.transcribe(recording, languages="german,fr", clip_timestamps=clips, **GREEDY)
    spoken = [language for _, language in SPEAKERS]
    assert [each_language for each_language in dict.fromkeys(segment.language for segment in each.segments)] == spoken
    assert {segment.language for segment in each.segments if segment.seek >= 6000} == {"de"}
    assert each.language == once.language == "en" and {segment.language for segment in once.segments} == {"en"}
    assert once.language_probability > 0.5 and sum(once.language_probabilities) == pytest.approx(1, abs=1e-5)
    assert chosen.language in ("de", "fr") and sum(p > 0 for p in chosen.language_probabilities) == 2
    assert '"language": "fr"' in each.write("json") and '"language": "fr"' not in once.write("json")


def test_several_windows_are_heard_until_one_is_sure_of_its_language(load):
    english, french = (window(file) for file, _ in SPEAKERS[:2])
    recording = np.concatenate([english, french, french])
    first_second = {"clip_timestamps": [0, 1], **GREEDY}

    def detected(engine, segments, threshold):
        result = engine.transcribe(recording, language_detection_segments=segments, language_detection_threshold=threshold, **first_second)
        return result.language, result.language_probability

    with load("base", "int8").engine() as engine:
        assert detected(engine, 1, 1)[0] == "en"  # it alone is most of them
        assert detected(engine, 3, 0.5)[0] == "en"  # sure enough
        language, probability = detected(engine, 3, 1)  # none is
        assert language == "fr" and probability > 0.5
        assert detected(engine, 9, 1)[0] == "fr"  # there are no more than three
        assert detected(engine, 2, 1)[0] == "en"  # one each: the first
        with engine.live(language_detection_segments=3, language_detection_threshold=1, **first_second) as job:
            job.push(recording)
            job.end()
            assert job.result().language == "en"  # of what comes only once no more than two are heard


def test_a_stream_tells_the_language_and_how_likely_it_is(load):
    with load("base", "int8").engine() as engine, engine.open_stream(temperature=0) as stream:
        assert stream.language is None and stream.language_probability is None
        stream.push(pcm(SPEAKERS[1][0])[: 5 * RATE])
        stream.end()
        result = stream.result()
        assert stream.language == "fr" and 0.5 < stream.language_probability <= 1
        assert result.language_probability == pytest.approx(stream.language_probability, abs=1e-6)


def test_chunks_together_say_what_windows_in_turn_say(whispertrt, load):
    recording = pcm("longform/mobydick_ch12_wills.mp4")[: 150 * RATE]
    options = {"vad_filter": True, "vad_parameters": {"min_silence_duration_ms": 160, "max_speech_duration_s": 30}, **GREEDY}
    with load("tiny.en", "int8").engine(max_batch=8) as engine:
        in_turn = engine.transcribe(recording, **options)
        together = engine.transcribe(recording, batched=True, **options)
    spans = whispertrt.detect_speech(recording, min_silence_duration_ms=160, max_speech_duration_s=30).spans
    one, other = (whispertrt.normalize(result.text).split() for result in (in_turn, together))
    rate = edit_distance(one, other) / len(one)
    print(f"\n{len(one)} words, {100 * rate:.1f}% differ between chunks together and windows in turn")
    assert len(one) > 300 and rate < 0.1
    times = [segment.start for segment in together.segments]
    assert times == sorted(times)
    for segment in together.segments:
        for seconds in (segment.start, segment.end):
            assert any(span.start_seconds - 0.02 <= seconds <= span.end_seconds + 0.02 for span in spans), segment
