"""What the head of the header promises of every function, asked of the built library."""

import ctypes
import json

import pytest
from whispertrt import _abi, _errors


def test_version_is_the_headers(library):
    assert library.abi_version() == _abi.ABI_MAJOR * 65536 + _abi.ABI_MINOR


def test_build_info_is_json(library):
    assert "version" in json.loads(library.build_info())


@pytest.mark.parametrize("suffix", ["_release", "_retain"])
def test_release_and_retain_accept_null(library, suffix):
    names = [name for name in _abi.SIGNATURES if name.endswith(suffix)]
    assert names
    for name in names:
        getattr(library.functions, name)(None)


OPTIONS = [
    (_abi.ModelOptions, "model_options_init"),
    (_abi.EngineOptions, "engine_options_init"),
    (_abi.TranscribeOptions, "transcribe_options_init"),
    (_abi.WriteOptions, "write_options_init"),
]


@pytest.mark.parametrize("structure, init", OPTIONS, ids=[init for _, init in OPTIONS])
def test_init_writes_no_further_than_the_size_it_is_given(library, structure, init):
    whole = ctypes.sizeof(structure)
    memory = (ctypes.c_uint8 * (whole + 64))()
    for size in [4, 8, whole - 4, whole, whole + 32]:
        ctypes.memset(memory, 0xA5, len(memory))
        options = ctypes.cast(memory, ctypes.POINTER(structure))
        getattr(library, init)(options, size)
        assert options.contents.struct_size == size
        assert bytes(memory[size:]) == b"\xa5" * (len(memory) - size), size


@pytest.mark.parametrize("structure, init", OPTIONS, ids=[init for _, init in OPTIONS])
def test_init_zeroes_the_fields_it_does_not_know(library, structure, init):
    """Left as they were, a newer caller's own fields would be refused as unknown and not zero."""
    whole = ctypes.sizeof(structure)
    memory = (ctypes.c_uint8 * (whole + 32))()
    ctypes.memset(memory, 0xA5, len(memory))
    getattr(library, init)(ctypes.cast(memory, ctypes.POINTER(structure)), len(memory))
    assert bytes(memory[whole:]) == bytes(32)


def test_prefix_of_defaults_does_not_depend_on_the_size(library):
    for structure, init in OPTIONS:
        whole, prefix = structure(), structure()
        getattr(library, init)(ctypes.byref(whole), ctypes.sizeof(structure))
        getattr(library, init)(ctypes.byref(prefix), 12)
        assert bytes(whole)[4:12] == bytes(prefix)[4:12]


def test_defaults_are_those_of_the_header(library):
    options = _abi.TranscribeOptions()
    library.transcribe_options_init(ctypes.byref(options), ctypes.sizeof(options))
    assert options.task == _abi.TASK_TRANSCRIBE
    assert not options.language and options.language_size == 0
    assert (options.condition_on_previous_text, options.suppress_blank, options.without_timestamps) == (1, 1, 0)
    assert options.max_new_tokens == _abi.AUTO
    assert (options.max_initial_timestamp, options.no_speech_threshold, options.logprob_threshold) == (1.0, 0.6, -1.0)
    assert (options.beam_size, options.best_of, options.patience, options.no_repeat_ngram_size) == (1, 1, 1.0, 0)
    assert list(options.temperatures[: options.temperature_count]) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert (options.compression_ratio_threshold, options.repetition_penalty, options.seed) == (2.4, 1.0, 0)
    assert options.length_penalty != options.length_penalty  # NaN: by length
    assert not options.prefix and not options.hotwords
    assert not options.clip_timestamps and options.clip_timestamp_count == 0 and not options.languages
    assert (options.multilingual, options.batched, options.channels) == (0, 0, _abi.CHANNELS_MIX)
    assert (options.carry_initial_prompt, options.prompt_reset_on_temperature) == (0, 0.5)
    assert (options.tag, options.max_pending_segments, options.report_progress) == (0, 64, 0)
    engine = _abi.EngineOptions()
    library.engine_options_init(ctypes.byref(engine), ctypes.sizeof(engine))
    assert (engine.max_batch, engine.max_queued_jobs, engine.memory_limit) == (16, 1024, _abi.NONE)
    model = _abi.ModelOptions()
    library.model_options_init(ctypes.byref(model), ctypes.sizeof(model))
    assert (model.device, model.device_index, model.compute_type) == (_abi.AUTO, 0, _abi.AUTO)
    assert (model.cpu_isa, model.cpu_threads) == (_abi.AUTO, _abi.AUTO)


def test_out_parameters_are_untouched_on_failure(library):
    out = ctypes.c_void_p(0x5A5A)
    name = b"/there/is/no/such/model"
    error = library.functions.wtrt_model_load(name, len(name), None, ctypes.byref(out))
    assert error
    assert library.functions.wtrt_error_code(error) == _abi.ERROR_NOT_FOUND
    assert b"/there/is/no/such/model" in library.functions.wtrt_error_message(error)
    library.functions.wtrt_error_release(error)
    assert out.value == 0x5A5A


def test_unknown_trailing_bytes_of_options_are_refused_unless_zero(library):
    """A newer caller's fields: their defaults may be zero, anything else would be ignored."""
    name = b"/there/is/no/such/model"
    whole = ctypes.sizeof(_abi.ModelOptions)
    memory = (ctypes.c_uint8 * (whole + 8))()
    options = ctypes.cast(memory, ctypes.POINTER(_abi.ModelOptions))
    library.model_options_init(options, whole + 8)
    with pytest.raises(_errors.NotFoundError):
        library.model_load(name, len(name), options)
    memory[whole + 3] = 1
    with pytest.raises(_errors.InvalidArgumentError):
        library.model_load(name, len(name), options)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_struct_without_room_for_its_size_is_refused(library, size):
    options = _abi.ModelOptions()
    library.model_options_init(ctypes.byref(options), ctypes.sizeof(options))
    options.struct_size = size
    with pytest.raises(_errors.InvalidArgumentError, match="struct_size"):
        library.model_load(b"x", 1, ctypes.byref(options))


def test_null_where_something_is_needed_is_an_error_not_a_crash(library):
    functions = library.functions
    calls = [
        functions.wtrt_model_load(None, 0, None, ctypes.byref(ctypes.c_void_p())),
        functions.wtrt_model_load(b"x", 1, None, None),
        functions.wtrt_model_load(b"x", -1, None, ctypes.byref(ctypes.c_void_p())),
        functions.wtrt_model_get_info(None, None),
        functions.wtrt_engine_create(None, None, ctypes.byref(ctypes.c_void_p())),
        functions.wtrt_engine_close(None),
        functions.wtrt_engine_submit(None, None, None, None, None),
        functions.wtrt_queue_create(None),
        functions.wtrt_queue_next(None, 0, None),
        functions.wtrt_job_push(None, None, 1),
        functions.wtrt_job_get_result(None, None),
        functions.wtrt_result_get_segments(None, None, None),
        functions.wtrt_result_get_attempts(None, None, None),
        functions.wtrt_result_write(None, 0, None),
        functions.wtrt_result_write_with_options(None, 0, None, None),
        functions.wtrt_doctor(None),
        functions.wtrt_normalize(0, None, 1, ctypes.byref(ctypes.c_void_p())),
        functions.wtrt_session_create(None, ctypes.byref(ctypes.c_void_p())),
        functions.wtrt_encode(None, None, None),
        functions.wtrt_prefill(None, None, 1, None),
        functions.wtrt_step(None, 0, None),
    ]
    for index, error in enumerate(calls):
        assert error, f"call {index} succeeded"
        assert functions.wtrt_error_code(error) == _abi.ERROR_INVALID_ARGUMENT, index
        functions.wtrt_error_release(error)


def test_queue_wakes_its_waiters_with_closed(library):
    queue = library.queue_create()
    assert library.queue_next(queue, 0) is None
    library.queue_close(queue)
    library.queue_close(queue)
    with pytest.raises(_errors.ClosedError):
        library.queue_next(queue, _abi.NONE)


@pytest.mark.parametrize("timeout", [-1, -3, -(2**31)])
def test_unknown_timeout_is_refused(library, timeout):
    queue = library.queue_create()
    with pytest.raises(_errors.InvalidArgumentError, match="timeout"):
        library.queue_next(queue, timeout)


def test_text_of_every_size_comes_back_whole(library):
    for text in [b"", b"a", "Grüße, 世界".encode(), b"Mr. " * 10000]:
        handle = library.normalize(_abi.NORMALIZER_BASIC, text, len(text))
        data = ctypes.string_at(library.text_data(handle), library.text_size(handle) + 1)
        assert data.endswith(b"\0")
        data[:-1].decode("utf-8")
