#!/usr/bin/env python3
"""How long after a cancel does a job end?

A job on a recording of minutes is cancelled at a random moment, so that it meets every act: reading, encoding, prefill, steps. Measured is the
time from the call to the job's `finished(cancelled)` event.
"""

import random
import time

import _bench

BAR_MS = 200.0
COLUMNS = ["model", "compute type", "moments", "p50 ms", "p90 ms", "p99 ms", "most ms", "bar ms (p99)", "within", "worst cancelled at s"]


def percentile(values, share):
    """The value that this share of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 100) - 1))]


def cancel_at(engine, recording, moment):
    """Milliseconds until the job was over; None if it had ended before."""
    import whispertrt

    with engine.submit(recording, language="en", temperature=0, max_pending_segments=1_000_000) as job:
        time.sleep(moment)
        start = time.perf_counter()
        job.cancel()
        try:
            job.result()
        except whispertrt.CancelledError:
            return (time.perf_counter() - start) * 1e3
    return None


def measure(options, name, compute_type, recording):
    _bench.note(f"{name} {compute_type}")
    source = random.Random(options.seed)
    times = []
    with _bench.load(options, name, compute_type) as model, model.engine() as engine:
        cancel_at(engine, recording, options.within)
        for _ in range(options.moments):
            moment = source.uniform(0, options.within)
            took = cancel_at(engine, recording, moment)
            if took is not None:
                times.append((took, moment))
    taken = [took for took, _ in times]
    p99 = percentile(taken, 99)
    worst, at = max(times)
    return [name, compute_type, len(taken), percentile(taken, 50), percentile(taken, 90), p99, worst, BAR_MS, p99 <= BAR_MS, at]


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--models", type=_bench.names, default=["base"])
    parser.add_argument("--compute-types", type=_bench.names, default=["int8", "float32"])
    parser.add_argument("--moments", type=int, default=300)
    parser.add_argument("--within", type=float, default=1.5, help="seconds after the start that moments are drawn from (default 1.5)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report = _bench.Report("cancel", __doc__, options)
    with _bench.scratch() as folder:
        recording = max((row for row in _bench.manifest(options) if row["language"] == "en"), key=lambda row: row["duration_s"])
        file = str(_bench.as_wav(recording["path"], folder))
        rows = [measure(options, name, kind, file) for name in options.models for kind in options.compute_types]
    report.note(f"{recording['file']}, {recording['duration_s']:.0f} s; seed {options.seed}")
    report.table("From cancel to the end of the job", COLUMNS, rows)
    report.finish()


if __name__ == "__main__":
    main()
