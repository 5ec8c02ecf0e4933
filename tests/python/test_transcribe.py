"""Transcribing through the package, with the model of the repository."""

import io
import json
import os
import re
import signal
import threading
from array import array

import pytest
import whispertrt

SAID = (
    "if the reader will excuse me i will say nothing of my antecedents nor of the circumstances which led me to leave my"
    " native country the narrative would be tedious to him and painful to myself"
)


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def differences(left, right):
    """Words by which two texts differ: the edit distance."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def same(left, right):
    return left.text == right.text and [s.tokens for s in left.segments] == [s.tokens for s in right.segments]


def test_what_was_said(expected):
    assert differences(words(expected.text), words(SAID)) <= 2
    assert expected.language == "en"
    assert expected.duration == pytest.approx(11.7, abs=0.2)
    assert not expected.cancelled


def test_segments_are_in_order_and_make_the_text(expected):
    assert expected.segments
    assert "".join(segment.text for segment in expected.segments) == expected.text
    for number, segment in enumerate(expected.segments):
        assert segment.id == number
        assert 0 <= segment.start <= segment.end <= expected.duration + 30
        assert segment.tokens and all(isinstance(token, int) for token in segment.tokens)
        assert segment.temperature == 0.0
        assert -5 < segment.avg_logprob <= 0
        assert 0.1 < segment.compression_ratio < 2.4
        assert 0 <= segment.no_speech_prob <= 1


def test_one_line(model_path, clip, expected):
    assert same(whispertrt.transcribe(clip, model=model_path), expected)


def test_loaded_model_in_one_line(model, clip, expected):
    assert same(whispertrt.transcribe(str(clip), model=model, max_batch=1), expected)
    with pytest.raises(TypeError, match="device came too late"):
        whispertrt.transcribe(clip, model=model, device="cpu")


def test_bytes_and_files(engine, clip, expected):
    data = clip.read_bytes()
    assert same(engine.transcribe(data), expected)
    assert same(engine.transcribe(io.BytesIO(data)), expected)
    with open(clip, "rb") as file:
        assert differences(words(engine.transcribe(file).text), words(expected.text)) <= 1


def test_samples(engine, samples, expected):
    whole = engine.transcribe(samples)
    assert same(whole, expected)
    assert same(engine.transcribe(memoryview(samples)), whole)
    numpy = pytest.importorskip("numpy")
    assert same(engine.transcribe(numpy.array(samples)), whole)


def test_raw_pipe(engine, samples, expected):
    reader, writer = os.pipe()
    pcm = array("h", [max(-32768, min(32767, round(value * 32768))) for value in samples]).tobytes()

    def write():
        with os.fdopen(writer, "wb") as file:
            file.write(pcm)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reader, "rb") as file:
        result = engine.transcribe(whispertrt.RawPipe(file))
    thread.join()
    assert differences(words(result.text), words(expected.text)) <= 1


def test_stream_yields_the_segments_of_the_result(engine, clip, expected):
    assert list(engine.stream(clip)) == expected.segments


def test_stream_given_up_leaves_the_engine_usable(engine, clip, expected):
    stream = engine.stream(clip)
    next(stream)
    stream.close()
    assert same(engine.transcribe(clip), expected)


def test_live(engine, samples, expected):
    with engine.live() as job:
        for begin in range(0, len(samples), 16000):
            job.push(samples[begin : begin + 16000])
        job.end()
        assert differences(words(job.result().text), words(expected.text)) <= 1
        # Its audio has ended, and so has the job itself: either is the reason.
        with pytest.raises((whispertrt.InvalidArgumentError, whispertrt.ClosedError)):
            job.push(samples[:100])


def test_only_live_jobs_take_samples(engine, clip, samples):
    with engine.submit(clip) as job:
        with pytest.raises(whispertrt.InvalidArgumentError):
            job.push(samples[:100])
        with pytest.raises(whispertrt.InvalidArgumentError):
            job.end()


def test_reader_who_stops_reading_holds_up_nobody_else(engine, samples, expected):
    """Four times the clip makes more segments than the one that may wait: the job pauses until it is read."""
    with engine.submit(samples * 4, max_pending_segments=1) as slow:
        assert same(engine.transcribe(samples), expected)
        with pytest.raises(whispertrt.BusyError):
            engine._library.job_get_result(slow._handle)
        segments = list(slow)
    assert len(segments) > 4
    assert segments == slow.result().segments


def test_several_together_give_what_each_gives_alone(engine, clip, expected):
    results = engine.transcribe_all([clip, clip, clip.read_bytes()])
    assert len(results) == 3
    assert all(differences(words(result.text), words(expected.text)) <= 1 for result in results)


def test_many_threads_share_an_engine(engine, clip, expected):
    texts = []
    threads = [threading.Thread(target=lambda: texts.append(engine.transcribe(clip).text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 4
    assert all(differences(words(text), words(expected.text)) <= 1 for text in texts)


def test_progress(engine, clip, expected):
    seen = []
    engine.transcribe(clip, on_progress=seen.append)
    assert seen
    done = [progress.done for progress in seen]
    assert done == sorted(done) and done[-1] <= expected.duration + 0.1


def test_cancel_from_another_thread(model, clip):
    with model.engine() as engine, engine.submit(clip) as job:
        threading.Timer(0.01, job.cancel).start()
        try:
            job.result(timeout=30)  # it may have been faster
        except whispertrt.CancelledError as error:
            assert error.code == 10
            assert error.result.cancelled
        assert job.done
        job.cancel()


def test_cancelled_at_once(engine, samples):
    """Samples that never end: only a cancel can end the job."""
    with engine.live() as job:
        job.push(samples)
        job.cancel()
        with pytest.raises(whispertrt.CancelledError) as raised:
            job.result(timeout=30)
        assert raised.value.result.cancelled


def test_result_in_time_or_busy(engine):
    with engine.live() as job:
        with pytest.raises(whispertrt.BusyError, match="not ended"):
            job.result(timeout=0.05)


def test_engine_closed_under_a_waiting_job(model):
    engine = model.engine()
    job = engine.live()
    threading.Timer(0.1, engine.close).start()
    with pytest.raises((whispertrt.ClosedError, whispertrt.CancelledError)):
        job.result(timeout=30)
    engine.close()
    job.close()
    with pytest.raises(whispertrt.ClosedError):
        engine.transcribe(array("f", [0.0] * 16000))


@pytest.mark.parametrize("order", ["engine", "job", "result"])
def test_closed_in_any_order(model_path, clip, order):
    model = whispertrt.Model(model_path)
    engine = model.engine()
    job = engine.submit(clip)
    model.close()
    if order == "job":
        job.close()
    elif order == "result":
        result = job.result()
        engine.close()
        job.close()
        assert differences(words(result.text), words(SAID)) <= 2
        assert result.write("txt").strip()
    engine.close()
    job.close()


def test_a_closed_job_says_so(engine, clip):
    job = engine.submit(clip)
    job.close()
    for call in (job.result, lambda: next(iter(job))):
        with pytest.raises(whispertrt.ClosedError, match="this job was closed"):
            call()
    job.cancel()


def test_a_job_keeps_its_engine(model, clip, samples, expected):
    assert model.engine().submit(clip).result().text == expected.text
    stream = model.engine().open_stream()
    stream.push(samples[:16000])
    stream.end()
    assert stream.result().duration == 1


def test_a_forked_process_needs_an_engine_of_its_own(model, engine, clip, expected):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        wrong = 1
        try:
            with pytest.raises(whispertrt.UnsupportedError, match="fork"):
                engine.submit(clip)
            wrong = int(model.engine().submit(clip).result().text != expected.text)
        finally:
            os._exit(wrong)
    assert os.waitpid(child, 0)[1] == 0
    assert engine.transcribe(clip).text == expected.text


def test_engine_full_is_busy(model, samples):
    with model.engine(max_queued_jobs=1) as engine, engine.live():
        with pytest.raises(whispertrt.BusyError):
            engine.submit(samples)


def test_more_recordings_than_the_queue_holds(model, clip, expected):
    with model.engine(max_queued_jobs=1) as engine:
        results = engine.transcribe_all([clip, io.BytesIO(clip.read_bytes()), clip])
        assert [result.text for result in results] == [expected.text] * 3


def test_wrong_audio(engine, tmp_path):
    with pytest.raises(whispertrt.InvalidAudioError):
        engine.transcribe(b"this is no audio at all, but it is long enough to be looked at")
    with pytest.raises(whispertrt.NotFoundError, match="absent.wav"):
        engine.transcribe(tmp_path / "absent.wav")


@pytest.mark.parametrize(
    "options, name",
    [
        ({"max_initial_timestamp": 31.0}, "max_initial_timestamp"),
        ({"language": "klingon"}, "language"),
        ({"max_pending_segments": 0}, "max_pending_segments"),
        ({"suppress_tokens": "1,x"}, "suppress_tokens"),
        ({"beam_size": 33}, "beam_size: 33 is outside 1..32"),
        ({"beam_size": 17}, "takes 17 rows and max_batch is 16"),
        ({"best_of": 0}, "best_of: 0 is outside 1..256"),
        ({"max_new_tokens": 0}, "max_new_tokens: 0 is outside 1..224"),
        ({"beam_size": 1, "patience": 0.5}, "patience"),
        ({"patience": 0.0}, "patience"),
        ({"length_penalty": -0.5}, "length_penalty"),
        ({"temperature": ()}, "temperature_count"),
        ({"temperature": 11.0}, "temperatures"),
        ({"compression_ratio_threshold": -1}, "compression_ratio_threshold"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"no_repeat_ngram_size": 449}, "no_repeat_ngram_size"),
        ({"seed": -1}, "seed"),
        ({"prefix": "far too long " * 200}, "prefix"),
        ({"prompt_reset_on_temperature": 11}, "prompt_reset_on_temperature"),
        ({"audio_context": 1501}, "audio_context"),
        ({"audio_context": -1}, "audio_context"),
        ({"audio_context": "auto", "audio_context_tail": 1501}, "audio_context_tail"),
        ({"language_detection_threshold": 1.1}, "language_detection_threshold"),
        ({"language_detection_segments": 0}, "language_detection_segments"),
        ({"language_detection_segments": 2**32 + 1}, "language_detection_segments"),
    ],
)
def test_wrong_options_are_named(engine, samples, options, name):
    with pytest.raises(whispertrt.InvalidArgumentError, match=name):
        engine.transcribe(samples, **options)


def test_every_attempt_at_a_window_is_in_the_result(engine, clip):
    options = {"beam_size": 3, "best_of": 2, "temperature": (0, 0.4), "logprob_threshold": -0.01, "seed": 5}
    result = engine.transcribe(clip, **options)
    first, second = result.attempts
    assert (first.temperature, first.beam_size, first.candidates) == (0, 3, 1)
    assert (second.temperature, second.beam_size, second.candidates) == (0.4, 1, 2)
    for attempt in result.attempts:
        assert (attempt.too_repetitive, attempt.too_unlikely, attempt.silence) == (False, True, False)
    assert [token for segment in result.segments for token in segment.tokens] == second.tokens
    assert (result.segments[0].avg_logprob, result.segments[0].temperature) == (second.avg_logprob, 0.4)
    assert same(engine.transcribe(clip, **options), result)
    assert [attempt.too_unlikely for attempt in engine.transcribe(clip).attempts] == [False]


def test_short_windows_and_their_redoing_are_in_the_result(engine, clip, expected):
    short = engine.transcribe(clip, audio_context="auto", audio_context_tail=128)
    assert short.text == expected.text
    (attempt,) = short.attempts
    assert attempt.audio_context % 64 == 0 and attempt.audio_context < 1500 and not attempt.too_short
    assert [attempt.audio_context for attempt in engine.transcribe(clip, audio_context=None).attempts] == [1500]

    doubtful = {"temperature": 0, "logprob_threshold": -0.01}
    redone = engine.transcribe(clip, audio_context="auto", **doubtful)
    assert [(one.too_short, one.too_unlikely) for one in redone.attempts] == [(True, True), (False, True)]
    assert same(redone, engine.transcribe(clip, **doubtful))
    walked = engine.transcribe(clip, audio_context=600)
    assert walked.attempts[0].audio_context == 640


def test_path_with_other_letters(engine, clip, tmp_path, expected):
    path = tmp_path / "grüße 世界 \U0001f600.flac"
    path.write_bytes(clip.read_bytes())
    assert same(engine.transcribe(path), expected)


def test_empty_samples_are_an_empty_result(engine):
    result = engine.transcribe(array("f"))
    assert (result.text.strip(), result.segments, result.duration) == ("", [], 0.0)


def test_writers(expected, tmp_path):
    lines = [segment.text.strip() for segment in expected.segments]
    assert expected.write("txt").splitlines() == lines
    srt = expected.write("srt")
    assert srt.startswith("1\n00:00:0") and " --> " in srt
    assert expected.write("vtt").startswith("WEBVTT\n")
    assert expected.write("tsv").splitlines()[0] == "start\tend\ttext"
    parsed = json.loads(expected.write("json"))
    assert [segment["text"] for segment in parsed["segments"]] == [segment.text for segment in expected.segments]
    path = tmp_path / "out.srt"
    expected.write("srt", path)
    assert path.read_bytes() == srt.encode("utf-8")
    with pytest.raises(whispertrt.InvalidArgumentError, match="txt, srt, vtt, tsv, json"):
        expected.write("docx")


def test_writers_take_options(expected):
    for format in ("txt", "srt", "vtt", "tsv", "json", "lrc"):
        # There are no word times to lay out.
        laid_out = expected.write(format, max_line_width=20, max_line_count=2, max_words_per_line=None, highlight_words=True)
        assert laid_out == expected.write(format)
    assert re.match(r"\[by:whispertrt\]\n\[00:00\.00\]If the reader", expected.write("lrc"))
    assert "trace" not in json.loads(expected.write("json"))
    assert isinstance(json.loads(expected.write("json", trace=True))["trace"], list)
    for option in ("max_line_width", "max_line_count", "max_words_per_line"):
        with pytest.raises(whispertrt.InvalidArgumentError, match=option):
            expected.write("srt", **{option: 0})
    with pytest.raises(TypeError, match="width"):
        expected.write("srt", width=3)


def test_memory_and_counters(model, clip):
    plan = model.estimate(max_batch=2)
    with model.engine(max_batch=2) as engine:
        taken = engine.memory
        for memory in (plan, taken):
            assert memory.max_batch == 2
            assert memory.total == memory.weights + memory.self_kv + memory.cross_kv + memory.workspace
        # The plan is made before anything is allocated; what is then taken may differ by alignment, not by a buffer.
        assert taken.total == pytest.approx(plan.total, rel=0.01)
        engine.transcribe(clip)
        stats = engine.stats
        assert stats.windows >= 1 and stats.encoder_batches >= 1
        assert stats.step_rows >= stats.steps > 0
        assert stats.encode_seconds > 0 and stats.step_seconds > 0


def test_words_make_the_text_and_lie_in_order(engine, clip, expected):
    result = engine.transcribe(clip, word_timestamps=True)
    spoken = [word for segment in result.segments for word in segment.words]
    assert result.text == expected.text
    assert "".join(word.text for word in spoken) == result.text
    for before, after in zip(spoken, spoken[1:]):
        assert before.start <= before.end <= after.start
    assert all(0 < word.probability <= 1 for word in spoken)
    reader = next(word for word in spoken if word.text == " reader")
    assert 0.7 < reader.start < reader.end < 1.4
    assert not any(segment.words for segment in expected.segments)  # unless asked for


def test_punctuation_stands_alone_where_nothing_joins_it(engine, clip):
    result = engine.transcribe(clip, word_timestamps=True, prepend_punctuations=None, append_punctuations=None)
    spoken = [word.text for segment in result.segments for word in segment.words]
    assert "," in spoken and "".join(spoken) == result.text


def test_options_of_words_outside_their_range_are_refused_by_name(engine, clip):
    with pytest.raises(whispertrt.InvalidArgumentError, match="hallucination_silence_threshold"):
        engine.submit(clip, word_timestamps=True, hallucination_silence_threshold=-1.0)


def test_silence_before_made_up_words_changes_nothing_in_clear_speech(engine, clip):
    plain = engine.transcribe(clip, word_timestamps=True)
    careful = engine.transcribe(clip, word_timestamps=True, hallucination_silence_threshold=2.0)
    assert same(plain, careful)
