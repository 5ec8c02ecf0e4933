"""Hugging Face's Whisper for gpu.py, one process for one way and act: it prepares (compiles), says so, waits for a line, measures.

usage: _hf.py CHECKPOINT eager|compiled encode,step BATCH[,BATCH...] CACHED_TOKENS
"""

import json
import sys
import time

import torch
import transformers
from transformers.cache_utils import DynamicCache, EncoderDecoderCache, StaticCache

DEVICE = "cuda"
WARM, STEPS = 3, 20  # steps before the time is taken, and while


def tell(**what):
    print(json.dumps(what), flush=True)


def median_ms(repetitions, act, reset=lambda: None):
    times = []
    for _ in range(repetitions):
        reset()
        torch.cuda.synchronize()
        begin = time.perf_counter()
        act()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - begin))
    return sorted(times)[len(times) // 2]


class Way:
    """One way of running a model: as it is, with caches that grow, or compiled, with static ones."""

    def __init__(self, model, compiled, cached):
        self.model, self.compiled, self.cached = model, compiled, cached
        self.first = cached - STEPS // 2  # so that the steps have `cached` tokens before them on average

    def compile(self, act):
        return torch.compile(act, mode="reduce-overhead", dynamic=False) if self.compiled else act

    def caches(self):
        config = self.model.config
        if not self.compiled:
            return EncoderDecoderCache(DynamicCache(), DynamicCache())
        return EncoderDecoderCache(StaticCache(config=config, max_cache_len=self.cached + STEPS + 8),
                                   StaticCache(config=config, max_cache_len=config.max_source_positions))

    def encode(self, batch):
        """The encoder, and every decoder layer's keys and values of its output."""
        config = self.model.config
        mel = torch.randn(batch, config.num_mel_bins, 2 * config.max_source_positions, device=DEVICE, dtype=torch.float16)
        encoder, layers = self.model.model.encoder, self.model.model.decoder.layers

        def act(mel):
            states = encoder(mel).last_hidden_state
            return states, [(layer.encoder_attn.k_proj(states), layer.encoder_attn.v_proj(states)) for layer in layers]

        run = self.compile(act)
        for _ in range(WARM):
            run(mel)
        torch.cuda.synchronize()
        return lambda: median_ms(9 if batch < 16 else 5, lambda: run(mel))

    def step(self, batch):
        """One token more for each row, the likeliest."""
        config = self.model.config
        states = torch.randn(batch, config.max_source_positions, config.d_model, device=DEVICE, dtype=torch.float16)
        decoder, head, cache = self.model.model.decoder, self.model.proj_out, self.caches()

        def act(ids, states):
            out = decoder(input_ids=ids, encoder_hidden_states=states, past_key_values=cache, use_cache=True)
            return head(out.last_hidden_state[:, -1:]).argmax(-1)

        run = self.compile(act)
        ids = torch.randint(0, 50000, (batch, self.first), device=DEVICE)
        ids = act(ids, states)

        def steps(count):
            for _ in range(count):
                if self.compiled:
                    torch.compiler.cudagraph_mark_step_begin()
                ids.copy_(run(ids, states))

        steps(WARM)
        torch.cuda.synchronize()
        return lambda: median_ms(5, lambda: steps(STEPS), lambda: self.rewind(cache)) / STEPS

    def rewind(self, cache):
        if not self.compiled:
            cache.crop(self.first)
            return
        for layer in cache.self_attention_cache.layers:
            layer.cumulative_length.fill_(self.first)


def main():
    checkpoint, way, acts, batches, cached = sys.argv[1:]
    begin = time.perf_counter()
    torch.set_grad_enabled(False)
    model = transformers.WhisperForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float16, attn_implementation="sdpa")
    way = Way(model.to(DEVICE).eval(), way == "compiled", int(cached))
    todo = [(act, int(batch)) for act in acts.split(",") for batch in batches.split(",")]
    loaded = time.perf_counter() - begin
    begin = time.perf_counter()
    prepared = {each: getattr(way, each[0])(each[1]) for each in todo} if way.compiled else {}
    tell(ready=time.perf_counter() - begin, load_seconds=loaded, torch=torch.__version__, transformers=transformers.__version__,
         cuda=torch.version.cuda)
    sys.stdin.readline()
    for act, batch in todo:
        measure = prepared.get((act, batch)) or getattr(way, act)(batch)
        tell(act=act, batch=batch, milliseconds=measure())
        if not way.compiled:
            del measure
            torch.cuda.empty_cache()
    tell(done=True, peak_bytes=torch.cuda.max_memory_allocated())


if __name__ == "__main__":
    main()
