#!/usr/bin/env python3
"""What do windows as long as their sound cost in words, and what do they save?

Every recording under 30 s with a transcript in a known language, that language fixed, decoded greedily in batches: at full length,
and with --audio_context auto and each tail of silence. Word error rate with the signed difference to full length and its bootstrap
error (paired over clips); the share of windows that were redone at full length, and why; engine seconds per window, redone ones
included; positions and bytes of cross-attention KV that a step reads per row.
"""

import _bench
import _wer
from quality import clips_for, transcribe

#: Points of word error rate that short windows may cost, beside two standard errors.
BAR = 0.2
COLUMNS = ["model", "tail", "clips", "words", "WER %", "ΔWER", "standard error", "bar + 2 errors", "within", "equal texts %", "windows",
           "redone %", "no end, or times", "repetitive", "unlikely", "silence", "ms per window", "encode ms", "step ms", "of full", "positions",
           "KV KiB per step and row"]


def short_clips(options, languages):
    """Those of clips_for() that fit one window."""
    return [clip for clip in clips_for(options, languages) if clip["duration_s"] < 30]


class Run:
    """All clips with one tail; None: at full length."""

    def __init__(self, engine, clips, tail):
        asked = {} if tail is None else {"audio_context": "auto", "audio_context_tail": tail}
        self.seconds, self.stats, results = _bench.counted(engine, lambda: transcribe(engine, clips, **asked))
        self.heard = [i for i, result in enumerate(results) if result]
        self.texts = [result.text if result else "" for result in results]
        self.counts = [_wer.errors(clip["transcript"], text, clip["language"]) for clip, text in zip(clips, self.texts)]
        self.attempts = [attempt for result in results if result for attempt in result.attempts]
        self.redone = [attempt for attempt in self.attempts if attempt.too_short]
        self.windows = len(self.attempts) - len(self.redone)

    def why(self):
        """How many windows were redone for want of an end token or for times behind the end, for repetition, improbability and silence."""
        plain = sum(not (a.too_repetitive or a.too_unlikely or a.silence) for a in self.redone)
        return [plain] + [sum(getattr(a, name) for a in self.redone) for name in ("too_repetitive", "too_unlikely", "silence")]

    def ms_per_window(self, *parts):
        return 1e3 * sum(self.stats[f"{part}_seconds"] for part in parts) / self.windows

    def positions_per_step(self):
        steps = [(attempt.audio_context, len(attempt.tokens) + 1) for attempt in self.attempts]
        return sum(positions * count for positions, count in steps) / sum(count for _, count in steps)


def row_of(name, tail, run, full, bytes_per_position):
    heard = sorted(set(run.heard) & set(full.heard))
    base, counts = [full.counts[i] for i in heard], [run.counts[i] for i in heard]
    delta, error = _wer.paired_difference(base, counts)
    allowed = BAR + 2 * error
    against_full = [None] * 5 if run is full else [
        delta, error, allowed, delta <= allowed, 100 * sum(run.texts[i] == full.texts[i] for i in heard) / len(heard)]
    every = ("encode", "prefill", "step")
    positions = run.positions_per_step()
    return [name, "full" if tail is None else tail, len(heard), sum(count for _, count in base), _wer.rate(counts), *against_full,
            run.windows, 100 * len(run.redone) / run.windows, *run.why(), run.ms_per_window(*every), run.ms_per_window("encode"),
            run.ms_per_window("step"), run.ms_per_window(*every) / full.ms_per_window(*every), positions,
            positions * bytes_per_position / 1024]


def measure(options, name, rows, details):
    with _bench.load(options, name, options.compute_type) as model, model.engine(max_batch=options.max_batch) as engine:
        clips = short_clips(options, set(model.languages) if model.info.multilingual else {"en"})
        bytes_per_position = engine.memory.cross_kv / engine.memory.max_batch / model.info.audio_context
        transcribe(engine, clips[: options.max_batch])  # warms up
        full, details[name] = None, {}
        for tail in [None, *options.tails]:
            _bench.note(f"{name}: {len(clips)} clips, tail {tail}")
            run = Run(engine, clips, tail)
            full = full or run
            rows.append(row_of(name, tail, run, full, bytes_per_position))
            worse = [{"file": clips[i]["file"], "words": run.counts[i][1], "errors": run.counts[i][0], "errors_full": full.counts[i][0]}
                     for i in run.heard if run.counts[i][0] != full.counts[i][0]]
            details[name][str(tail)] = sorted(worse, key=lambda one: one["errors_full"] - one["errors"])


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--models", type=_bench.names, default=["tiny.en", "base"])
    parser.add_argument("--tails", type=lambda text: [int(n) for n in _bench.names(text)], default=[0, 50, 64, 128])
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--limit", type=int, default=0, help="so many clips, evenly spaced (default all)")
    parser.add_argument("--max-batch", type=int, default=16)
    options = parser.parse_args()
    report = _bench.Report("short_windows", __doc__, options)
    rows, details = [], {}
    for name in options.models:
        measure(options, name, rows, details)
    report.table("Short windows against full length (bar: 0.2 points plus two standard errors)", COLUMNS, rows)
    report.detail("differ", details)
    report.finish()


if __name__ == "__main__":
    main()
