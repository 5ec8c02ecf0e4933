"""The model, the device acts and the tools."""

import array
import os
import subprocess
import sys
from pathlib import Path

import pytest
import whispertrt
from conftest import ROOT


def test_info(model):
    info = model.info
    assert (info.device, info.multilingual, info.languages) == ("cpu", False, 1)
    assert (info.mels, info.audio_context, info.text_context) == (80, 1500, 448)
    assert (info.width, info.heads, info.encoder_layers, info.decoder_layers) == (384, 6, 4, 4)
    assert info.vocabulary == 51864
    assert info.parameters > 30_000_000
    assert model.languages == {"en": "english"}


@pytest.mark.parametrize("text", ["", " Hello, world", " Grüße 世界 \U0001f600", "a\0b"])
def test_tokens_round_trip(model, text):
    tokens = model.tokenize(text)
    assert model.detokenize(tokens) == text
    assert all(0 <= token < 50257 for token in tokens)


def test_special_tokens(model):
    assert model.detokenize([50257]) == ""
    assert model.detokenize([50257], with_special=True) == "<|startoftranscript|>"


def test_unknown_token_is_refused(model):
    with pytest.raises(whispertrt.InvalidArgumentError):
        model.detokenize([99_999_999])


def test_missing_model_says_where_it_was_looked_for(library, tmp_path):
    with pytest.raises(whispertrt.NotFoundError, match="absent"):
        whispertrt.Model(tmp_path / "absent")


def test_folder_without_checkpoint(library, tmp_path):
    with pytest.raises(whispertrt.WhisperTrtError):
        whispertrt.Model(tmp_path)


@pytest.mark.parametrize(
    "options, name",
    [
        ({"device": "abacus"}, "device"),
        ({"device": "cuda:x"}, "device"),
        ({"device": "cpu", "device_index": 1}, "device_index"),
        ({"cpu_threads": 0}, "cpu_threads"),
    ],
)
def test_wrong_model_options(model_path, options, name):
    with pytest.raises(whispertrt.InvalidArgumentError, match=name):
        whispertrt.Model(model_path, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"max_batch": 0},
        {"max_batch": 257},
        {"max_queued_jobs": 0},
        {"kv_cache_free_gpu_memory_fraction": 0},
        {"kv_cache_free_gpu_memory_fraction": 1.5},
        {"kv_cache_free_gpu_memory_fraction": float("nan")},
        {"cross_kv_cache_fraction": 0},
        {"cross_kv_cache_fraction": 1},
    ],
)
def test_wrong_engine_options(model, options):
    with pytest.raises(whispertrt.InvalidArgumentError, match=next(iter(options))):
        model.engine(**options)


def test_cap_too_small_for_one_row(model):
    with pytest.raises(whispertrt.OutOfMemoryError):
        model.engine(memory_limit=1)


def test_closed_model(model_path):
    model = whispertrt.Model(model_path)
    model.close()
    model.close()
    with pytest.raises(whispertrt.ClosedError):
        model.engine()


def argmax(row):
    return max(range(len(row)), key=row.__getitem__)


def test_device_acts_one_by_one(model, samples, expected):
    """Greedy decoding by hand gives the beginning of what the engine gives without timestamps."""
    mel = model.log_mel(samples)
    assert tuple(mel.shape) == (80, 3000)
    with model.session() as session:
        hidden = session.encode(mel)
        assert tuple(hidden.shape) == (1500, 384)
        session.project_cross_kv()
        prompt = [50257, 50362]  # <|startoftranscript|><|notimestamps|> of the English models
        logits = session.prefill(prompt)
        assert tuple(logits.shape) == (2, 51864)
        tokens = [argmax(logits[1].tolist() if hasattr(logits, "tolist") else logits[1])]
        while len(tokens) < 8:
            tokens.append(argmax(session.step(tokens[-1]).tolist()))
        assert model.detokenize(tokens).split()[:4] == expected.text.split()[:4]

        # The same tokens prefilled at once: a row of logits does not depend on how its past came in.
        together = session.prefill(prompt + tokens[:-1])
        assert [argmax(row) for row in together.tolist()][1:] == tokens


def test_aligning_gives_scores_and_probabilities(model, samples):
    with model.session() as session:
        session.encode(model.log_mel(samples), output=False)
        with pytest.raises(whispertrt.InvalidArgumentError):
            session.align([50257])
        session.project_cross_kv()
        text = model.tokenize(" If the reader will excuse me,")
        scores, probabilities = session.align([50257, 50362] + text + [50256])
        assert tuple(scores.shape) == (model.info.alignment_heads, len(text) + 3, 1500)
        chances = probabilities.tolist()
        assert chances[:2] == [0, 0] and chances[-1] == 0
        assert min(chances[2:-1]) > 0.1  # it is what is said
        with pytest.raises(whispertrt.InvalidArgumentError):
            session.step(50257)  # the row has ended
        with pytest.raises(whispertrt.InvalidArgumentError):
            session.align([])


def test_acts_out_of_order_are_refused(model):
    with model.session() as session:
        with pytest.raises(whispertrt.InvalidArgumentError):
            session.project_cross_kv()
        with pytest.raises(whispertrt.InvalidArgumentError):
            session.prefill([50257])
        with pytest.raises(whispertrt.InvalidArgumentError):
            session.step(50257)


def test_empty_prefill_and_unknown_tokens_are_refused(model):
    with model.session() as session:
        session.encode(model.log_mel(array.array("f", [0.0] * 16000)), output=False)
        session.project_cross_kv()
        for tokens in ([], [99_999_999], [-1]):
            with pytest.raises(whispertrt.InvalidArgumentError):
                session.prefill(tokens)


def test_normalize(library):
    assert whispertrt.normalize("Mr. Smith can't COLOUR it.") == "mister smith can not color it"
    assert whispertrt.normalize("Grüße, Welt", "basic") == "grüße welt"
    with pytest.raises(whispertrt.InvalidArgumentError, match="english, basic"):
        whispertrt.normalize("x", "klingon")


def test_doctor_and_build_info(library):
    assert isinstance(whispertrt.doctor(), dict)
    assert "version" in whispertrt.build_info()


PHASES = ["log-mel", "encode and cross-KV", "decode step", "decode step, 3 beams of one window", "whole windows"]


@pytest.fixture(scope="module")
def random_model(library):
    with whispertrt.Model("random:tiny", device="cpu") as model:
        yield model


def test_bench_times_each_act_at_each_batch(random_model):
    report = random_model.bench(
        batches=(1, 2), beams=3, cached_tokens=20, window_tokens=5, repetitions=1, tera_flops=1.0, tera_bytes=0.1
    )
    assert report["device"] == "the CPU" and report["weight_bytes"] == random_model.info.weight_bytes
    found = [(phase["name"], phase["batch"]) for phase in report["phases"]]
    assert found == [(name, batch) for name in PHASES for batch in ((1,) if name == "log-mel" or "beams" in name else (1, 2))]
    assert all(phase["milliseconds"] > 0 and phase["floor_milliseconds"] > 0 for phase in report["phases"])
    floors = {key: phase["floor_milliseconds"] for key, phase in zip(found, report["phases"])}
    assert floors["encode and cross-KV", 2] == pytest.approx(2 * floors["encode and cross-KV", 1])
    assert floors["decode step", 1] < floors["decode step", 2] < 2 * floors["decode step", 1]  # weights are read once


@pytest.mark.parametrize(
    "options, name",
    [
        ({"batches": (0,)}, "batches"),
        ({"beams": 33}, "beams"),
        ({"cached_tokens": 19}, "cached_tokens"),
        ({"window_tokens": 401}, "window_tokens"),
        ({"repetitions": 0}, "repetitions"),
        ({"tera_flops": -1.0}, "tera_flops"),
    ],
)
def test_wrong_bench_options(random_model, options, name):
    with pytest.raises(whispertrt.InvalidArgumentError, match=name):
        random_model.bench(**options)


def test_random_weights_have_a_size_and_no_words(random_model):
    info = random_model.info
    assert (info.languages, info.width, info.encoder_layers, info.vocabulary) == (0, 384, 4, 51865)
    with pytest.raises(whispertrt.UnsupportedError, match="no tokenizer"):
        random_model.tokenize("words")
    with pytest.raises(whispertrt.NotFoundError, match="'huge'.*large-v2"):
        whispertrt.Model("random:huge")


def test_quantize_refuses_a_missing_model(library, tmp_path):
    with pytest.raises(whispertrt.NotFoundError):
        whispertrt.quantize(tmp_path / "absent", tmp_path / "out")
    assert not os.path.exists(tmp_path / "out")


QUANTIZE_FIRST = """
import sys, whispertrt
whispertrt.quantize(sys.argv[1], sys.argv[2])
whispertrt.Model(sys.argv[2], device="cpu", cpu_threads=3).close()
"""


def test_quantizing_decides_nothing_about_threads(library, tmp_path):
    shared = Path(os.environ.get("WTRT_SHARED") or ROOT.parent / "shared")
    model = shared / "models" / "whisper-tiny.en"
    if not model.exists():
        pytest.skip(f"needs models/whisper-tiny.en in the shared folder (WTRT_SHARED, default ../shared): {shared}")
    done = subprocess.run([sys.executable, "-c", QUANTIZE_FIRST, str(model), str(tmp_path / "out")], capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT / "bindings" / "python")}, timeout=120)
    assert done.returncode == 0, done.stderr


def test_log(model_path, clip):
    lines = []
    whispertrt.set_log(lambda level, text: lines.append((level, text)), "debug")
    try:
        whispertrt.transcribe(clip, model=model_path)
    finally:
        whispertrt.set_log(None)
    assert all(level in ("debug", "info", "warning", "error") and text for level, text in lines)
    count = len(lines)
    whispertrt.transcribe(clip, model=model_path)
    assert len(lines) == count
