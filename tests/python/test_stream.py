"""Live transcription."""

import threading
import time

import pytest

import whispertrt


def push_slowly(stream, samples, seconds=0.2):
    for begin in range(0, len(samples), 16000):
        stream.push(samples[begin : begin + 16000])
        time.sleep(seconds)
    stream.end()


def push_as_heard(stream, samples, heard):
    """A second at a time, each after something was said of the one before, or in vain: however slow the machine is."""
    for begin in range(0, len(samples), 16000):
        heard.clear()
        stream.push(samples[begin : begin + 16000])
        heard.wait(3)
    stream.end()


def word_errors(found, expected):
    a, b = (whispertrt.normalize(text).split() for text in (found, expected))
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1], len(b)


def test_sound_that_comes_at_once_is_all_heard(engine, samples):
    """More than a window of it, as from a file through a pipe."""
    whole = engine.transcribe(samples, temperature=0).text
    with engine.open_stream() as stream:
        stream.push(samples * 4)
        stream.end()
        for _ in stream:
            pass
        errors, words = word_errors(stream.result().text, whole * 4)
    assert errors <= 0.1 * words


def test_stable_text_is_the_result(engine, samples):
    heard, texts = threading.Event(), []
    with engine.open_stream(word_timestamps=True) as stream:
        pusher = threading.Thread(target=push_as_heard, args=(stream, samples, heard))
        pusher.start()
        for said in stream:
            texts.append(said)
            heard.set()
        pusher.join()
        result = stream.result()
    stable = [said for said in texts if said.stable]
    tentative = [said for said in texts if not said.stable]
    assert len(stable) > 1 and len(tentative) > 1
    assert "".join(said.text for said in stable) == result.text
    assert [said.segment for said in stable] == result.segments
    assert tentative[-1].text == ""
    for said in stable:
        assert "".join(word.text for word in said.segment.words) == said.text
        assert said.segment.start <= said.segment.words[0].start <= said.segment.words[-1].end <= said.segment.end
    ends = [said.segment.end for said in stable]
    assert ends == sorted(ends) and ends[-1] <= result.duration + 0.1


def test_segments_alone_are_the_stable_text(engine, samples):
    with engine.live(live=True) as job:
        push_slowly(job, samples, 0.05)
        assert "".join(segment.text for segment in job) == job.result().text


def test_leaving_the_loop_cancels(engine, samples):
    with engine.open_stream() as stream:
        stream.push(samples)
        for _ in stream:
            break
        with pytest.raises(whispertrt.CancelledError):
            stream.result()


def test_what_a_stream_cannot_do(engine, clip):
    with pytest.raises(whispertrt.InvalidArgumentError, match="live_interval"):
        engine.open_stream(interval=0)
    with pytest.raises(whispertrt.UnsupportedError, match="vad"):
        engine.open_stream(vad_filter=True)
    with pytest.raises(whispertrt.InvalidArgumentError, match="prefix"):
        engine.open_stream(prefix="So")
    with pytest.raises(whispertrt.InvalidArgumentError, match="live"):
        engine.submit(clip, live=True)
