"""The align act by itself: word times made from its scores by a plain reference, against openai/whisper's on the same tokens."""

import numpy as np
import pytest
from conftest import golden_lines, pcm
from near_tie import Decoder
from test_greedy import window_mel

CLIPS = 3  # per model; whole transcripts are in test_words.py


def warp(cost):
    """First column of each row on the cheapest way; a tie of steps goes right."""
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf, np.float32)
    step = np.zeros((rows + 1, columns + 1), np.int8)
    total[0, 0] = 0
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            diagonal, down, right = total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]
            best, way = (diagonal, 0) if diagonal < min(down, right) else (down, 1) if down < min(diagonal, right) else (right, 2)
            total[i, j] = cost[i - 1, j - 1] + best
            step[i, j] = way
    entered, i, j = [0] * rows, rows, columns
    while i and j:
        entered[i - 1] = j - 1
        i, j = i - (step[i, j] != 2), j - (step[i, j] != 1)
    return entered


def token_times(scores, first, end, positions):
    """Seconds at which tokens [first, end) begin; the attention of the token before says so."""
    weights = np.exp(scores[:, :, :positions] - scores[:, :, :positions].max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    weights = (weights - weights.mean(1, keepdims=True)) / weights.std(1, keepdims=True)
    padded = np.pad(weights, ((0, 0), (0, 0), (3, 3)), mode="reflect")
    weights = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7, axis=-1), axis=-1)
    return np.array(warp(-weights.mean(0)[first - 1 : end - 1])) / 50


@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_scores_and_probabilities_give_the_reference_words(load, name):
    model = load(name)
    starts, probabilities = [], []
    for line in golden_lines(f"{name}.words.jsonl")[:CLIPS]:
        decoder = Decoder(model, line["language"])
        seek = line["segments"][0]["seek"]
        segments = [segment for segment in line["segments"] if segment["seek"] == seek]
        text = [t for segment in segments for t in segment["tokens"] if t < decoder.eot]
        decoder.encode(window_mel(model, pcm(line["file"]), seek))
        prompt = decoder.start + [decoder.no_timestamps]
        scores, chances = decoder.session.align(prompt + text + [decoder.eot])
        assert scores.shape == (model.info.alignment_heads, len(prompt) + len(text) + 1, model.info.audio_context)
        assert not chances[: len(prompt)].any() and chances[-1] == 0
        positions = min(3000, line["samples"] // 160 - seek) // 2
        times = token_times(scores, len(prompt), len(prompt) + len(text), positions)
        words = [word for segment in segments for word in segment["words"]]
        at = 0
        for word in words:
            count = len(model.tokenize(word["word"]))
            if model.detokenize(text[at : at + count]) == word["word"]:
                starts.append(times[at] + seek / 100 - word["start"])
                if word["word"][-1].isalnum():  # a word's probability is without the punctuation joined to it
                    probabilities.append(chances[len(prompt) :][at : at + count].mean() - word["p"])
            at += count
    assert len(starts) > 40 and len(probabilities) > 30
    assert np.abs(probabilities).max() < 2e-3
    # Some words are moved by the rules about pauses and sentences, which are not applied here.
    assert np.mean(np.abs(starts) <= 0.0201) > 0.9, np.round(starts, 2)
