"""The least time that the arithmetic allows, from what this machine's cores and memory are measured to do.

N = audio_context, d = width, L and L_dec = layers, V = vocabulary, t = tokens so far, w and k = bytes per weight and per KV element:

    encoder operations     12 N d mels + 6 N d² + L (24 N d² + 4 N² d)
    cross-KV operations    4 N d² L_dec
    bytes of a step        w (14 d² L_dec + V d) + rows · k (2 N d + 2 t d) L_dec

Matrix products run at the rate of the compute type, attention at that of bfloat16 or float32. Log-mel, norms and token policy are
taken as free, every byte as read once, every operation at the peak: nothing can be faster, and nothing real is as fast.
"""

import json
import subprocess
from pathlib import Path

import _bench

#: Bytes per weight; of a cross-KV and of a self-KV element; which ceiling matrix products and attention have.
FORMS = {
    "float32": (4, 4, 4, "float32", "float32"),
    "bfloat16": (2, 2, 2, "bfloat16", "bfloat16"),
    "int8": (1, 1, 2, "int8", "bfloat16"),
}
#: Mean length of a row over a window's decoding, where the counters do not say.
MEAN_LENGTH = 50


def ceilings(threads, folder):
    """Measured: operations per second by type, bytes per second from memory and from cache."""
    built = _bench.ROOT / "build" / "release" / "bin" / "ceilings_bench"
    program = built if built.exists() else _bench.compiled(Path(__file__).with_name("ceilings_bench.cpp"), folder, "-std=c++20", "-pthread")
    lines = subprocess.run([str(program), str(threads)], check=True, capture_output=True, text=True).stdout.splitlines()
    return {row["what"]: row["per_second"] for row in map(json.loads, lines)}


class Floor:
    """Floors of one model in one compute type."""

    def __init__(self, info, compute_type, peaks, cache_bytes):
        n, d, layers, decoder = info.audio_context, info.width, info.encoder_layers, info.decoder_layers
        weight, cross, own, products, attention = FORMS[compute_type]
        self._rate = peaks[products]
        dense = 12 * n * d * info.mels + 6 * n * d * d + layers * 24 * n * d * d + 4 * n * d * d * decoder
        self.window_seconds = dense / self._rate + layers * 4 * n * n * d / peaks[attention]
        weights = 14 * d * d * decoder + info.vocabulary * d
        self.weight_bytes = weight * weights
        self.row_bytes = (cross * 2 * n * d + own * 2 * MEAN_LENGTH * d) * decoder
        self._per_token = 2 * weights / self._rate
        # Weights that fit in the last-level cache need not come from memory again.
        fits = self.weight_bytes + self.row_bytes < cache_bytes
        self._bytes = peaks["bytes from cache"] if fits else peaks["bytes from memory"]

    def step_seconds(self, rows=1.0):
        return (self.weight_bytes + rows * self.row_bytes) / self._bytes

    def run_seconds(self, stats):
        """Encoder, prefill and steps of a run with these counters."""
        encode = stats["windows"] * self.window_seconds
        prefill = max(stats["prefill_tokens"] * self._per_token, stats["windows"] * self.weight_bytes / self._bytes / 16)
        steps = (stats["steps"] * self.weight_bytes + stats["step_rows"] * self.row_bytes) / self._bytes
        return {"encode": encode, "prefill": prefill, "step": steps}
