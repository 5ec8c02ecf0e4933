#!/usr/bin/env python3
"""What do two engines at once cost over one engine with the same jobs?

All jobs are handed in before the first is waited for; two engines over one model get every other job. One thread pool serves both. Rounds alternate;
their medians count.
"""

import _bench

BAR = 1.1
COLUMNS = ["model", "compute type", "jobs", "one engine s", "two engines s", "ratio", "bar", "rows per step, one", "rows per step, two"]


def run(engines, files):
    """Jobs dealt to the engines in turn; waits for all."""
    jobs = [engines[i % len(engines)].submit(file, language="en", temperature=0, max_pending_segments=1_000_000) for i, file in enumerate(files)]
    for job in jobs:
        with job:
            job.result()


def mean_rows(engines):
    steps = sum(engine.stats.steps for engine in engines)
    return sum(engine.stats.step_rows for engine in engines) / max(1, steps)


def measure(options, name, compute_type, files):
    _bench.note(f"{name} {compute_type}")
    with _bench.load(options, name, compute_type) as model, model.engine() as alone, model.engine() as left, model.engine() as right:
        groups = [alone], [left, right]
        for group in groups:
            run(group, files)
        times = [[_bench.timed(lambda group=group: run(group, files))[0] for group in groups] for _ in range(options.rounds)]
        one, two = (_bench.median(column) for column in zip(*times))
        return [name, compute_type, len(files), one, two, two / one, BAR, mean_rows(groups[0]), mean_rows(groups[1])]


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--models", type=_bench.names, default=["base"])
    parser.add_argument("--compute-types", type=_bench.names, default=["int8", "float32"])
    parser.add_argument("--jobs", type=int, default=16, help="LibriSpeech clips, evenly spaced (default 16)")
    parser.add_argument("--rounds", type=int, default=5, help="passes whose median counts (default 5)")
    options = parser.parse_args()
    report = _bench.Report("two_engines", __doc__, options)
    clips = _bench.spread(_bench.librispeech(options), options.jobs)
    files = [str(clip["path"]) for clip in clips]
    rows = [measure(options, name, kind, files) for name in options.models for kind in options.compute_types]
    report.table("Two engines against one with the same jobs", COLUMNS, rows)
    report.finish()


if __name__ == "__main__":
    main()
