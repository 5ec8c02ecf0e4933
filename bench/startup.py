#!/usr/bin/env python3
"""How long from the start of a process to its first segment, with the bundled model and a warm page cache?

Native: the C sample, compiled here against the library. .NET: the command line of artifacts/. A run ends at the first byte on standard
output, where both print a segment as soon as it is final. Median of several runs after one that warms the page cache.
"""

import os
import subprocess
import time

import _bench

RECORDING = _bench.ROOT / "samples" / "reader.flac"
BARS = {"native": 0.5, ".NET": 0.8}
COLUMNS = ["door", "first segment s", "least s", "most s", "whole process s", "bar s", "within"]


def first_output(command):
    """Seconds to the first byte on standard output, and to the end."""
    start = time.perf_counter()
    with subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        first = os.read(process.stdout.fileno(), 1)
        seconds = time.perf_counter() - start
        process.stdout.read()
    if process.returncode != 0 or not first:
        raise SystemExit(f"{command[0]} ended with {process.returncode} and printed {'something' if first else 'nothing'}")
    return seconds, time.perf_counter() - start


def doors(folder, options):
    """Both with their own defaults, as a person starts them; --threads is the number of cores either way."""
    yield "native", [_bench.native_sample(folder), _bench.BUNDLED_MODEL, RECORDING]
    if _bench.COMMAND_LINE.exists():
        yield ".NET", [_bench.COMMAND_LINE, "transcribe", RECORDING, "--language", "en", "--threads", options.threads]


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="runs whose median counts (default 15)")
    options = parser.parse_args()
    report = _bench.Report("startup", __doc__, options)
    rows = []
    with _bench.scratch() as folder:
        for door, command in doors(folder, options):
            first_output(command)
            firsts, wholes = zip(*(first_output(command) for _ in range(options.rounds)))
            seconds = _bench.median(firsts)
            rows.append([door, seconds, min(firsts), max(firsts), _bench.median(wholes), BARS[door], seconds <= BARS[door]])
    if len(rows) == 1:
        report.note("artifacts/whispertrt is not built: .NET was not measured")
    report.note(f"The native sample takes one thread per core ({report.document['machine']['cores']} here).")
    report.table("Process start to first segment, bundled tiny.en int8, 11.7 s of speech", COLUMNS, rows)
    report.finish()


if __name__ == "__main__":
    main()
