"""Several engines as one."""

import array
import threading

import pytest
import whispertrt
from whispertrt import _abi

SILENCE = array.array("f", [0.0] * 1600)


@pytest.fixture
def group(model):
    with whispertrt.EngineGroup([model.engine(), model.engine()]) as group:
        yield group


def windows(group):
    return [engine.stats.windows for engine in group.engines]


def lose_device(job):
    """As its events would report it."""
    job._fail(whispertrt.DeviceError(_abi.ERROR_DEVICE, "the GPU fell off"))


def test_a_group_has_an_engine():
    with pytest.raises(whispertrt.InvalidArgumentError, match="engines is empty"):
        whispertrt.EngineGroup([])


def test_recordings_are_shared_out(group, clip, expected):
    results = group.transcribe_all([clip, clip, clip])
    assert [result.text for result in results] == [expected.text] * 3
    first, second = windows(group)
    assert first == 2 * second > 0


def test_jobs_go_to_whoever_has_the_fewest(group, clip, expected):
    with group.live(), group.live() as second:
        second.close()
        assert "".join(segment.text for segment in group.stream(clip)) == expected.text
        assert windows(group)[0] == 0
        assert group.transcribe(clip).text == expected.text
        assert windows(group)[0] == 0
        with group.live():  # one each: the first of equals is next
            with group.open_stream() as stream:
                stream.push(SILENCE)
                stream.end()
                stream.result()
            assert windows(group)[0] > 0


def test_what_cannot_be_started_is_not_under_way(group):
    for options in ({"beam_size": 0}, {"max_new_tokens": 0}):
        with pytest.raises(whispertrt.InvalidArgumentError):
            group.submit(SILENCE, **options)
    with pytest.raises(TypeError):
        group.submit(SILENCE, beam_sise=5)
    with pytest.raises(TypeError):
        group.submit(object())
    assert group._under_way == [0, 0]


def test_forgotten_jobs_are_not_under_way(group):
    jobs = [group.submit(SILENCE) for _ in range(4)]
    assert group._under_way == [2, 2]
    jobs[0].result()
    jobs[0].close()
    assert group._under_way == [1, 2]
    del jobs
    assert group._under_way == [0, 0]


def test_a_lost_device_fails_what_it_had_and_nothing_else(group, clip, expected):
    with group.live() as had, group.live() as other:
        lose_device(had)
        with pytest.raises(whispertrt.DeviceError, match="fell off"):
            had.result()
        assert [result.text for result in group.transcribe_all([clip, clip])] == [expected.text] * 2
        assert windows(group)[0] == 0

        # Where none lives, work still goes somewhere, and fails or not by itself.
        lose_device(other)
        assert group.transcribe(clip).text == expected.text
        assert windows(group)[0] > 0


def test_an_engine_that_fails_at_once_is_lost(group, clip, expected):
    class LostEngine:
        def _submit(self, *_):
            raise whispertrt.DeviceError(_abi.ERROR_DEVICE, "the GPU fell off")

        def close(self):
            pass

    with whispertrt.EngineGroup([LostEngine(), group.engines[0]]) as mixed:
        with pytest.raises(whispertrt.DeviceError):
            mixed.transcribe(clip)
        assert mixed.transcribe(clip).text == expected.text


def test_threads_share_a_group(group):
    threads = [threading.Thread(target=lambda: [group.transcribe(SILENCE, temperature=0.0, max_new_tokens=4) for _ in range(2)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert group._under_way == [0, 0]
    assert sum(windows(group)) == 6


def test_closing_ends_every_engine(model):
    group = whispertrt.EngineGroup([model.engine(), model.engine()])
    jobs = [group.live(), group.live()]
    group.close()
    group.close()
    for job in jobs:
        with pytest.raises((whispertrt.ClosedError, whispertrt.CancelledError)):
            job.result()
    with pytest.raises(whispertrt.ClosedError):
        group.submit(SILENCE)
