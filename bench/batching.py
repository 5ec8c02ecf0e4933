#!/usr/bin/env python3
"""How much faster are eight clips together than one by one, and are they the same clips?

The eight longest LibriSpeech clips of up to 30 s: of like length, so that rows end at about the same time, and with much to say.
The ratio is bounded by what the encoder takes, which a batch does not speed up where one window already fills the
cores: the parts are printed beside it. Rounds alternate; their medians count. Then the same in float32, where every clip must
give the tokens that it gives alone.
"""

import _bench

BAR = 1.5
COLUMNS = ["model", "compute type", "how", "seconds", "× real time", "encode s", "prefill s", "step s", "other s", "windows",
           "encoder batches", "steps", "rows per step", "ms per step", "ms per window"]
RATIOS = ["model", "compute type", "throughput ratio", "bar", "encode", "prefill", "step", "tokens equal alone and together"]


def longest(options):
    clips = sorted((row for row in _bench.librispeech(options) if row["duration_s"] <= 30), key=lambda row: -row["duration_s"])
    return clips[: options.clips]


def tokens_of(result):
    return [token for segment in result.segments for token in segment.tokens]


def row_of(name, compute_type, how, run, audio):
    seconds, stats, _ = run
    spent = [stats["encode_seconds"], stats["prefill_seconds"], stats["step_seconds"]]
    return [name, compute_type, how, seconds, audio / seconds, *spent, seconds - sum(spent), stats["windows"], stats["encoder_batches"], stats["steps"],
            stats["step_rows"] / max(1, stats["steps"]), 1e3 * spent[2] / max(1, stats["steps"]), 1e3 * spent[0] / max(1, stats["windows"])]


def measure(options, name, compute_type, clips, rows, ratios):
    """Both ways in turn, after one pass of each to warm up."""
    audio = sum(clip["duration_s"] for clip in clips)
    files = [str(clip["path"]) for clip in clips]
    _bench.note(f"{name} {compute_type}")
    with _bench.load(options, name, compute_type) as model, model.engine(max_batch=len(clips)) as engine:

        def alone():
            return [engine.transcribe(file, language="en", temperature=0) for file in files]

        def together():
            return engine.transcribe_all(files, language="en", temperature=0)

        same = [tokens_of(one) == tokens_of(other) for one, other in zip(alone(), together())]
        runs = [(_bench.counted(engine, alone), _bench.counted(engine, together)) for _ in range(options.rounds)]
    one, many = (_bench.middle(runs) for runs in zip(*runs))
    rows += [row_of(name, compute_type, "one by one", one, audio), row_of(name, compute_type, "together", many, audio)]
    parts = [one[1][part] / max(1e-9, many[1][part]) for part in ("encode_seconds", "prefill_seconds", "step_seconds")]
    bar = BAR if (name, compute_type) == ("base", "int8") else None
    ratios.append([name, compute_type, one[0] / many[0], bar, *parts, f"{sum(same)} of {len(same)}"])


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--models", type=_bench.names, default=["base"])
    parser.add_argument("--compute-types", type=_bench.names, default=["int8", "float32"])
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5, help="passes whose median counts (default 5)")
    options = parser.parse_args()
    report = _bench.Report("batching", __doc__, options)
    clips = longest(options)
    rows, ratios = [], []
    for name in options.models:
        for compute_type in options.compute_types:
            measure(options, name, compute_type, clips, rows, ratios)
    report.table(f"{len(clips)} clips", COLUMNS, rows)
    report.table("Together against one by one: the whole, and each part", RATIOS, ratios)
    report.note("Clips: " + ", ".join(f"{clip['file']} ({clip['duration_s']:.1f} s)" for clip in clips))
    report.finish()


if __name__ == "__main__":
    main()
