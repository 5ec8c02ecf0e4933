"""Options, audio and errors on their way to the library. Needs no library."""

import ctypes
import gzip
import io
import math
import os
import pickle
import tracemalloc
from array import array
from pathlib import Path

import pytest
import whispertrt
from whispertrt import _abi, _audio, _errors, _library, _memory, _options

try:
    import numpy
except ImportError:
    numpy = None

needs_numpy = pytest.mark.skipif(numpy is None, reason="numpy is not installed")


def set_option(structure, setters, **options):
    return _options._filled(structure(), setters, options)


def transcribe_option(**options):
    return set_option(_abi.TranscribeOptions, _options._TRANSCRIBE, **options)


def engine_option(**options):
    return set_option(_abi.EngineOptions, _options._ENGINE, **options)


def test_every_field_of_the_option_structures_has_an_option():
    for structure, setters in [
        (_abi.ModelOptions, _options._MODEL),
        (_abi.EngineOptions, _options._ENGINE),
        (_abi.TranscribeOptions, _options._TRANSCRIBE),
        (_abi.VadOptions, _options._VAD),
    ]:
        names = {name for name, *_ in structure._fields_}
        sizes = {name for name in names if name.endswith("_size") and name[: -len("_size")] in names}  # of texts
        fields = names - sizes - {"struct_size", "tag", "reserved", "temperature_count", "clip_timestamp_count"}
        renamed = {"temperatures": "temperature", "vad": "vad_filter"}
        assert {renamed.get(name, name) for name in fields} == set(setters) - {"vad_parameters"}


def test_decoding_options():
    native = transcribe_option(temperature=(0.0, 0.5), beam_size=None, best_of=3, length_penalty=None, patience=None, seed=2**64 - 1)
    assert list(native.temperatures[: native.temperature_count]) == [0.0, 0.5]
    assert (native.beam_size, native.best_of, native.patience, native.seed) == (1, 3, 1.0, 2**64 - 1)
    assert math.isnan(native.length_penalty)
    native = transcribe_option(temperature=0.25, hotwords="Rollo")
    assert list(native.temperatures[: native.temperature_count]) == [0.25]
    assert ctypes.string_at(native.hotwords, native.hotwords_size) == b"Rollo"


@needs_numpy
def test_numbers_of_numpy():
    native = transcribe_option(temperature=numpy.float32(0.25), clip_timestamps=numpy.array([1, 2.5]), beam_size=numpy.int64(2))
    assert list(native.temperatures[: native.temperature_count]) == [0.25]
    assert list(native.clip_timestamps[: native.clip_timestamp_count]) == [1, 2.5]
    assert native.beam_size == 2


def test_text_options():
    native = transcribe_option(language="de", initial_prompt="Grüße", suppress_tokens=[1, 22, 333])
    assert ctypes.string_at(native.language, native.language_size) == b"de"
    assert ctypes.string_at(native.initial_prompt, native.initial_prompt_size) == "Grüße".encode()
    assert ctypes.string_at(native.suppress_tokens, native.suppress_tokens_size) == b"1,22,333"
    native = transcribe_option(language=None)
    assert not native.language and native.language_size == 0


def test_no_suppressed_tokens_is_an_empty_text_not_a_null():
    native = transcribe_option(suppress_tokens=None)
    assert native.suppress_tokens and native.suppress_tokens_size == 0


def test_absent_values():
    native = transcribe_option(max_new_tokens=None, no_speech_threshold=None, logprob_threshold=-0.5)
    assert native.max_new_tokens == _abi.AUTO
    assert math.isnan(native.no_speech_threshold)
    assert native.logprob_threshold == -0.5
    assert engine_option(memory_limit=None).memory_limit == _abi.NONE
    assert engine_option(memory_limit=5 * 2**30).memory_limit == 5 * 2**30


def test_fractions_of_gpu_memory():
    native = engine_option(kv_cache_free_gpu_memory_fraction=0.5, cross_kv_cache_fraction=0.25)
    assert (native.kv_cache_free_gpu_memory_fraction, native.cross_kv_cache_fraction) == (0.5, 0.25)
    assert engine_option(kv_cache_free_gpu_memory_fraction=1).kv_cache_free_gpu_memory_fraction == 1.0
    assert math.isnan(engine_option(cross_kv_cache_fraction=None).cross_kv_cache_fraction)
    assert engine_option(kv_cache_free_gpu_memory_fraction=None).kv_cache_free_gpu_memory_fraction == 0.9


@pytest.mark.parametrize(
    "options, device, index",
    [
        ({"device": "auto"}, _abi.AUTO, 7),
        ({"device": "cuda"}, _abi.DEVICE_CUDA, 7),
        ({"device": "cuda", "device_index": 2}, _abi.DEVICE_CUDA, 2),
        ({"device": "cuda:1"}, _abi.DEVICE_CUDA, 1),
        ({"device": "cuda:1", "device_index": 1}, _abi.DEVICE_CUDA, 1),
    ],
)
def test_devices(options, device, index):
    before = dict(options)
    native = set_option(lambda: _abi.ModelOptions(device_index=7), _options._MODEL, **_options._with_device_index(options))
    assert (native.device, native.device_index) == (device, index)
    assert options == before


@pytest.mark.parametrize(
    "options, message",
    [
        ({"device": "cuda:"}, "'cuda:'.*its index"),
        ({"device": "cuda:-1"}, "'cuda:-1'.*its index"),
        ({"device": "cuda:one"}, "'cuda:one'.*its index"),
        ({"device": "cuda:0,1"}, "'cuda:0,1'.*its index"),
        ({"device": "cuda:1", "device_index": 0}, "'cuda:1' and device_index 0; leave one"),
        ({"device": "cuda:4294967296"}, "device_index is 4294967296"),
        ({"device": "gpu"}, "auto, cpu, cuda"),
        ({"device": 1}, "auto, cpu, cuda"),
    ],
)
def test_devices_that_are_none(options, message):
    with pytest.raises(whispertrt.InvalidArgumentError, match=message):
        set_option(_abi.ModelOptions, _options._MODEL, **_options._with_device_index(options))


def test_unknown_option_is_named_with_the_known_ones():
    with pytest.raises(TypeError, match="beam_sise.*initial_prompt.*vad_parameters.*vad_filter"):
        transcribe_option(beam_sise=5)
    with pytest.raises(TypeError, match="no option 'vad'"):
        transcribe_option(vad=True)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"task": "sing"}, whispertrt.InvalidArgumentError, "transcribe, translate"),
        ({"max_new_tokens": 2**32 + 5}, whispertrt.InvalidArgumentError, "max_new_tokens is 4294967301"),
        ({"max_new_tokens": 1.5}, TypeError, "max_new_tokens must be an integer"),
        ({"language": b"en"}, TypeError, "language must be a str"),
        ({"temperature": None}, TypeError, "temperature must be numbers, not None"),
        ({"temperature": ["hot"]}, TypeError, "temperature must be a number, not 'hot'"),
        ({"clip_timestamps": "0,x"}, TypeError, "clip_timestamps must be a number, not 'x'"),
        ({"no_speech_threshold": "x"}, TypeError, "no_speech_threshold must be a number, not 'x'"),
        ({"patience": [1]}, TypeError, "patience must be a number"),
        ({"seed": None}, TypeError, "seed must be an integer, not NoneType"),
    ],
)
def test_wrong_values(options, error, message):
    with pytest.raises(error, match=message):
        transcribe_option(**options)


def described(source):
    audio, keep = _audio.audio_of(source)
    assert audio.struct_size == ctypes.sizeof(_abi.Audio)
    return audio.kind, ctypes.string_at(audio.data, audio.size) if audio.data else audio.size, keep


@pytest.mark.parametrize("path", ["clip.wav", Path("clip.wav"), Path("grüße 世界.flac")])
def test_paths(path):
    kind, data, _ = described(path)
    assert (kind, data) == (_abi.AUDIO_PATH, str(path).encode("utf-8"))


def test_path_that_is_no_utf8():
    name = os.fsdecode(b"caf\xe9.wav")
    assert described(name)[1] == b"caf\xe9.wav"


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, io.BytesIO])
def test_file_bytes(make):
    kind, data, _ = described(make(b"RIFF\0\0"))
    assert (kind, data) == (_abi.AUDIO_BYTES, b"RIFF\0\0")


VALUES = [0.0, 0.5, -0.5, 1.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: array("f", VALUES),
        lambda: array("d", VALUES),
        lambda: memoryview(array("f", VALUES)),
        lambda: memoryview(array("f", VALUES).tobytes()).cast("f"),
        lambda: list(VALUES),
        lambda: array("f", [value for value in VALUES for _ in range(2)])[::2],
        pytest.param(lambda: numpy.array(VALUES, dtype=numpy.float32), marks=needs_numpy),
        pytest.param(lambda: numpy.array(VALUES, dtype=numpy.float64), marks=needs_numpy),
        pytest.param(lambda: numpy.repeat(numpy.array(VALUES, dtype=numpy.float32), 3)[::3], marks=needs_numpy),
    ],
)
def test_samples(make):
    kind, data, _ = described(make())
    assert kind == _abi.AUDIO_SAMPLES
    assert list(array("f", data)) == VALUES


def test_integer_samples_are_scaled():
    _, data, _ = described(array("h", [0, 16384, -32768]))
    assert list(array("f", data)) == [0.0, 0.5, -1.0]


@pytest.mark.parametrize("kind", ["d", "h"])
def test_converting_samples_takes_little_more_than_they(kind, monkeypatch):
    monkeypatch.setattr(_memory, "numpy", None)  # whose memory is not traced alike
    source = array(kind, [0]) * 160_000
    tracemalloc.start()
    described(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 4 * len(source)


def test_samples_are_copied_before_the_caller_changes_them():
    source = array("f", VALUES)
    audio, keep = _audio.audio_of(source)
    source[1] = 99.0
    assert keep[1] == 0.5 and audio.size == 16


@needs_numpy
def test_stereo_is_refused_with_its_shape():
    with pytest.raises(whispertrt.InvalidArgumentError, match=r"2 dimensions \(2, 100\)"):
        _audio.audio_of(numpy.zeros((2, 100), dtype=numpy.float32))


def test_other_numbers_are_refused():
    with pytest.raises(TypeError, match="not of buffer format 'q'"):
        _audio.audio_of(array("q", [1, 2]))


def test_pipes():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as file, os.fdopen(writer, "wb"):
        assert described(file)[:2] == (_abi.AUDIO_DESCRIPTOR, reader)
        assert described(whispertrt.RawPipe(file))[:2] == (_abi.AUDIO_DESCRIPTOR_RAW, reader)
        assert described(whispertrt.RawPipe(reader))[:2] == (_abi.AUDIO_DESCRIPTOR_RAW, reader)


def test_a_file_is_read_from_where_it_stands(tmp_path):
    path = tmp_path / "clip.wav"
    path.write_bytes(b"RIFF" + bytes(10000))
    with open(path, "rb") as file:
        for make in (whispertrt.RawPipe, lambda same: same):
            file.read(4)  # the object reads ahead
            assert described(make(file))[1] == file.fileno()
            assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 4
            os.lseek(file.fileno(), 0, os.SEEK_END)  # a job has read it
            file.seek(0)


def test_a_descriptor_that_gives_other_bytes_is_not_read(tmp_path):
    with gzip.open(tmp_path / "clip.wav.gz", "wb") as file:
        file.write(b"RIFF")
    with gzip.open(tmp_path / "clip.wav.gz") as file:
        assert described(file)[:2] == (_abi.AUDIO_BYTES, b"RIFF")


def test_matrices_with_and_without_numpy(monkeypatch):
    memory, result = _memory.matrix((2, 3))
    memory[4] = 5.0
    assert result[1, 1] == 5.0
    monkeypatch.setattr(_memory, "numpy", None)
    memory, result = _memory.matrix((2, 3))
    memory[4] = 5.0
    assert result[1, 1] == 5.0 and result.shape == (2, 3)
    assert list(_memory.flat_floats(result, (2, 3), "mel")) == [0, 0, 0, 0, 5, 0]


def test_matrix_of_another_shape_is_refused():
    with pytest.raises(whispertrt.InvalidArgumentError, match=r"mel has shape \(5,\); it must be \(2, 3\)"):
        _memory.flat_floats(array("f", [0] * 5), (2, 3), "mel")


def test_arrays_step_by_the_size_of_the_librarys_elements():
    """A newer library's words are longer than this package knows."""
    step = ctypes.sizeof(_abi.Word) + 16
    memory = ctypes.create_string_buffer(3 * step)
    for index in range(3):
        word = _abi.Word.from_buffer(memory, index * step)
        word.struct_size = step
        word.start = index + 0.5
    first = ctypes.cast(memory, ctypes.POINTER(_abi.Word))
    assert [word.start for word in _memory.elements(first, 3)] == [0.5, 1.5, 2.5]
    assert list(_memory.elements(ctypes.POINTER(_abi.Word)(), 0)) == []


def test_errors_are_typed_and_keep_their_text():
    for code, kind in _errors.ERROR_CLASSES.items():
        error = _errors.error_of(code, "what and why")
        assert type(error) is kind and isinstance(error, whispertrt.WhisperTrtError)
        assert (error.code, error.message, str(error)) == (code, "what and why", "what and why")
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.code, str(again)) == (kind, code, "what and why")
    assert type(_errors.error_of(4711, "new")) is whispertrt.WhisperTrtError


def test_library_that_is_not_there_lists_where_it_was_looked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(_library, "candidates", lambda: [tmp_path / "one.so", tmp_path / "two.so"])
    monkeypatch.setattr(_library.ctypes.util, "find_library", lambda name: None)
    monkeypatch.delenv(_library.PATH_VARIABLE, raising=False)
    with pytest.raises(whispertrt.NotFoundError) as raised:
        _library._load()
    for place in [str(tmp_path / "one.so"), str(tmp_path / "two.so"), "the system's library path", "WHISPERTRT_LIBRARY"]:
        assert place in str(raised.value)


def test_named_library_is_the_only_candidate(monkeypatch, tmp_path):
    monkeypatch.setenv(_library.PATH_VARIABLE, str(tmp_path / "mine.so"))
    assert _library.candidates() == [tmp_path / "mine.so"]
    monkeypatch.setenv(_library.PATH_VARIABLE, str(tmp_path))
    assert _library.candidates() == [tmp_path / _library.file_name()]
    with pytest.raises(whispertrt.NotFoundError, match=str(tmp_path)):
        _library._load()


def test_file_that_is_no_library_says_so(monkeypatch, tmp_path):
    path = tmp_path / "mine.so"
    path.write_text("no library")
    monkeypatch.setenv(_library.PATH_VARIABLE, str(path))
    with pytest.raises(whispertrt.UnsupportedError, match="cannot be loaded"):
        _library._load()
