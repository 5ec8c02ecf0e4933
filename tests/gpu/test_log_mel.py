"""The log-mel that a GPU makes is the CPU's, and so are the words in float32."""

import threading

import pytest
from conftest import ROOT, np, slices

BAR = 2e-5
MODEL = ROOT / "models" / "whisper-tiny.en-int8"


@pytest.fixture(scope="module")
def models(whispertrt):
    if not (MODEL / "model.safetensors").is_file():
        pytest.skip("models/whisper-tiny.en-int8 is not in this checkout")
    cpu, gpu = (whispertrt.Model(MODEL, device=device, compute_type="float32") for device in ("cpu", "cuda"))
    with cpu, gpu:
        yield cpu, gpu


@pytest.fixture(scope="module")
def sounds(reader):
    """Real sound of many lengths, long, loud, quiet and none."""
    long = np.concatenate([reader] * 4)
    return {
        "30 s": long[: 30 * 16000],
        "a minute": long[: 60 * 16000],
        "quiet": long[: 20 * 16000] * np.float32(1e-3),
        "clipped": np.clip(reader * 20, -1, 1),
        "nothing": reader[:0],
        "silence": np.zeros(16000, np.float32),
        **{f"{n} samples": reader[20000 : 20000 + n] for n in (1, 159, 201, 2559, 2561, 2560 * 63, 2560 * 63 + 41)},
    }


def mel_of(model, sound):
    return np.array(model.log_mel(sound))


def test_frames_are_those_of_the_cpu(models, sounds):
    cpu, gpu = models
    worst = {name: float(np.abs(mel_of(cpu, sound) - mel_of(gpu, sound)).max()) for name, sound in sounds.items()}
    print(worst)
    assert max(worst.values()) <= BAR


def test_frames_of_128_bands(whispertrt, shared, sounds):
    path = shared("models/fixtures/whisper-nano-v3")
    with whispertrt.Model(path, device="cpu") as cpu, whispertrt.Model(path, device="cuda") as gpu:
        worst = max(float(np.abs(mel_of(cpu, sound) - mel_of(gpu, sound)).max()) for sound in sounds.values())
    assert worst <= BAR


def test_frames_of_many_threads_at_once(models, sounds):
    gpu = models[1]
    alone = {name: mel_of(gpu, sound) for name, sound in sounds.items()}
    other = []

    def run():
        for _ in range(20):
            other.extend(name for name, sound in sounds.items() if not np.array_equal(mel_of(gpu, sound), alone[name]))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not other


def said(result):
    return [(s.seek, s.start, s.end, tuple(s.tokens)) for s in result.segments]


def test_words_are_those_of_the_cpu(models, reader):
    """Of short and long recordings, of pushed ones, and of many together."""
    recordings = [*slices(reader, 8), np.concatenate([reader] * 10)]
    found = []
    for model in models:
        with model.engine(max_batch=8) as engine:
            jobs = [engine.submit(sound, temperature=0) for sound in recordings]
            results = [job.result() for job in jobs]
            with engine.live(temperature=0) as pushed:
                for begin in range(0, len(recordings[-1]), 16000):
                    pushed.push(recordings[-1][begin : begin + 16000])
                pushed.end()
                results.append(pushed.result())
            found.append([said(result) for result in results])
    assert sum(bool(segments) for segments in found[0]) > 8
    assert found[0] == found[1]


def test_live_words_are_the_result(models, reader):
    with models[1].engine() as engine, engine.open_stream() as stream:
        for begin in range(0, len(reader), 16000):
            stream.push(reader[begin : begin + 16000])
        stream.end()
        stable = "".join(text.text for text in stream if text.stable)
        assert stable == stream.result().text != ""
