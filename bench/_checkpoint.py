"""Writes a Whisper of random weights in Hugging Face's layout, for measuring what begins with files. Needs numpy."""

import json
import math
import shutil
import struct
from pathlib import Path

import numpy as np

#: Width, heads, encoder and decoder layers, mels, vocabulary.
SHAPES = {
    "tiny": (384, 6, 4, 4, 80, 51865),
    "large-v2": (1280, 20, 32, 32, 80, 51865),
    "large-v3": (1280, 20, 32, 32, 128, 51866),
    "turbo": (1280, 20, 32, 4, 128, 51866),
}
#: Random numbers that all tensors are cut out of: no multiple of a width, so that no two rows of a table are equal.
_RUN = (1 << 24) - 3


def config_of(shape, template):
    """The config of a shape, all else as in `template`, a Whisper's config of the same vocabulary."""
    width, heads, encoder, decoder, mels, vocabulary = SHAPES[shape]
    sizes = {"d_model": width, "encoder_layers": encoder, "decoder_layers": decoder, "num_hidden_layers": encoder, "num_mel_bins": mels}
    sizes |= {f"{side}_attention_heads": heads for side in ("encoder", "decoder")}
    sizes |= {f"{side}_ffn_dim": 4 * width for side in ("encoder", "decoder")}
    return template | sizes | {"vocab_size": vocabulary, "torch_dtype": "float16"}


def _tensors(config):
    """Names and shapes."""
    d, inner = config["d_model"], config["encoder_ffn_dim"]

    def linear(name, outputs, inputs, bias=True):
        yield name + ".weight", (outputs, inputs)
        if bias:
            yield name + ".bias", (outputs,)

    def norm(name):
        yield name + ".weight", (d,)
        yield name + ".bias", (d,)

    def attention(name):
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from linear(f"{name}.{part}", d, d, part != "k_proj")
        yield from norm(name + "_layer_norm")

    for side, attentions in (("encoder", ["self_attn"]), ("decoder", ["self_attn", "encoder_attn"])):
        for index in range(config[side + "_layers"]):
            layer = f"model.{side}.layers.{index}."
            for name in attentions:
                yield from attention(layer + name)
            yield from linear(layer + "fc1", inner, d)
            yield from linear(layer + "fc2", d, inner)
            yield from norm(layer + "final_layer_norm")
        yield from norm(f"model.{side}.layer_norm")
    for name, inputs in (("conv1", config["num_mel_bins"]), ("conv2", d)):
        yield f"model.encoder.{name}.weight", (d, inputs, 3)
        yield f"model.encoder.{name}.bias", (d,)
    yield "model.encoder.embed_positions.weight", (config["max_source_positions"], d)
    yield "model.decoder.embed_positions.weight", (config["max_target_positions"], d)
    yield "model.decoder.embed_tokens.weight", (config["vocab_size"], d)


def _write_weights(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    run = (0.03 * np.random.default_rng(1).standard_normal(_RUN, np.float32)).astype(np.float16)
    place = 0
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors:
            left = math.prod(shape)
            if name.endswith("layer_norm.weight"):
                file.write((1 + run[:left]).tobytes())
                left = 0
            while left > 0:
                count = min(left, _RUN - place)
                file.write(memoryview(run[place : place + count]).cast("B"))
                place = (place + count) % _RUN
                left -= count


def write(folder, shape, tokenizer):
    """The checkpoint into `folder`, with the tokenizer of the folder `tokenizer`, whose vocabulary must be the shape's."""
    folder, tokenizer = Path(folder), Path(tokenizer)
    config = config_of(shape, json.loads((tokenizer / "config.json").read_text()))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    for name in ("generation_config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"):
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, folder / name)
    _write_weights(folder / "model.safetensors", list(_tensors(config)))
    return folder
