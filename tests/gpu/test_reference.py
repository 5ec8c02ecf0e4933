"""Random weights at the largest shapes against Hugging Face on the same GPU, and that large shapes too give a job the same bits in any company.

The bar: the error against float32 is at most twice that of Hugging Face's own float16.
"""

import random

import pytest
from conftest import np, shown, slices

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")

#: Decoder layers, mels, vocabulary, and a folder with a tokenizer of that vocabulary.
SHAPES = {
    "large-v2": (32, 80, 51865, "models/whisper-base"),
    "large-v3": (32, 128, 51866, "models/fixtures/whisper-nano-v3"),
    "turbo": (4, 128, 51866, "models/fixtures/whisper-nano-v3"),
}
WIDTH, HEADS, LAYERS, TOKENS, PROMPT = 1280, 20, 32, 24, 4
FACTOR = 2


def hugging_face(decoder_layers, mels, vocabulary):
    """A model in float32 whose weights are float16's; every bias and gain counts, and attention is not flat."""
    config = transformers.WhisperConfig(
        vocab_size=vocabulary, num_mel_bins=mels, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=decoder_layers,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=4 * WIDTH, decoder_ffn_dim=4 * WIDTH,
        pad_token_id=50257, bos_token_id=50257, eos_token_id=50257, decoder_start_token_id=50258, suppress_tokens=[], begin_suppress_tokens=[])
    config._attn_implementation = "sdpa"
    torch.manual_seed(1)
    with torch.device("cuda"):
        model = transformers.WhisperForConditionalGeneration(config).eval()
    for name, weight in model.named_parameters():
        weight.requires_grad_(False)
        if name.endswith("layer_norm.weight"):
            weight.normal_(1, 0.1)
        elif weight.dim() == 1:
            weight.normal_(0, 0.1)
        elif name.endswith(("q_proj.weight", "k_proj.weight")):
            weight.mul_(2)
        weight.copy_(weight.half().float())
    return model


def save(model, folder, tokenizer):
    state = {name: weight.half().contiguous() for name, weight in model.state_dict().items() if name != "proj_out.weight"}
    safetensors.save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(model.config.to_json_string(use_diff=False))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "preprocessor_config.json"):
        (folder / name).write_bytes((tokenizer / name).read_bytes())


class Problem:
    """One shape: our model, what to ask of both, and Hugging Face's answers in float32 and float16."""

    def __init__(self, whispertrt, folder, tokenizer, sound, sizes):
        torch.set_grad_enabled(False)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        theirs = hugging_face(*sizes)
        save(theirs, folder, tokenizer)
        self.ours = whispertrt.Model(folder, device="cuda", compute_type="float16")
        self.mel = np.array(self.ours.log_mel(sound), np.float32)
        self.tokens = [50258] + np.random.default_rng(3).integers(0, 50000, TOKENS - 1).tolist()
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            self.exact = self._answers(theirs)
        self.half = self._answers(theirs.half())
        del theirs
        torch.cuda.empty_cache()

    def _answers(self, model):
        mel = torch.tensor(self.mel, device="cuda", dtype=model.dtype)[None]
        out = model(input_features=mel, decoder_input_ids=torch.tensor([self.tokens], device="cuda"))
        return out.encoder_last_hidden_state[0].float().cpu().numpy(), out.logits[0].float().cpu().numpy()

    def acts(self, prompt):
        """Our encoder's output and logits: a prompt, then token by token."""
        with self.ours.session() as session:
            encoded = np.array(session.encode(self.mel))
            session.project_cross_kv()
            logits = [np.array(session.prefill(self.tokens[:prompt]))]
            logits += [np.array(session.step(token))[None] for token in self.tokens[prompt:]]
        return encoded, np.concatenate(logits)


@pytest.fixture(scope="module", params=SHAPES)
def problem(request, whispertrt, shared, tmp_path_factory, reader):
    *sizes, tokenizer = SHAPES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    made = Problem(whispertrt, folder, shared(tokenizer), reader, sizes)
    (folder / "model.safetensors").unlink()  # gigabytes, and loaded
    made.name = request.param
    yield made
    made.ours.close()


def errors(values, exact):
    difference = values.astype(np.float64) - exact
    return np.abs(difference).max(), np.sqrt(np.mean(difference**2))


def compare(name, ours, theirs, exact):
    assert ours.shape == exact.shape and np.isfinite(ours).all()
    found, allowed = errors(ours, exact), errors(theirs, exact)
    print(f"\n{name}: max {found[0]:.4g} (Hugging Face's float16 {allowed[0]:.4g}, ratio {found[0] / allowed[0]:.2f}), "
          f"rms {found[1]:.4g} ({allowed[1]:.4g}, ratio {found[1] / allowed[1]:.2f}); values up to {np.abs(exact).max():.3g}")
    assert found[0] <= FACTOR * allowed[0]
    assert found[1] <= FACTOR * allowed[1]


@pytest.mark.parametrize("prompt", [PROMPT, TOKENS])
def test_encoder_and_logits(problem, prompt):
    encoded, logits = problem.acts(prompt)
    compare(f"{problem.name} encoder", encoded, problem.half[0], problem.exact[0])
    compare(f"{problem.name} logits, prompt of {prompt}", logits, problem.half[1], problem.exact[1])


def test_a_job_is_the_same_in_any_company(problem, reader):
    kinds = [{"temperature": 0}, {"temperature": 0, "beam_size": 3}, {"temperature": 1.0, "best_of": 2, "seed": 5}]
    fixed = {"language": "en", "max_new_tokens": 12, "without_timestamps": True, "no_speech_threshold": None, "logprob_threshold": None, "compression_ratio_threshold": None}
    jobs = [(sound, kinds[i % 3] | fixed) for i, sound in enumerate(slices(reader, 9))]
    with problem.ours.engine(max_batch=3) as engine:
        alone = [shown(engine.transcribe(sound, **kind)) for sound, kind in jobs]
    assert sum(bool(segments) for segments, _ in alone) > len(alone) // 2
    with problem.ours.engine(max_batch=64) as engine:
        for size in (2, 3, 8, 32):
            order = [i % len(jobs) for i in range(size)]
            random.Random(size).shuffle(order)
            running = [(i, engine.submit(jobs[i][0], **jobs[i][1])) for i in order]
            assert not [f"job {i} of {size}" for i, job in running if shown(job.result()) != alone[i]]
