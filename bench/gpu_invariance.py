#!/usr/bin/env python3
"""What does it cost on a GPU that a row's sums have one order, whatever else is in the batch?

Operation by operation at large-v2's shape: as the library cuts it up, the fastest way found that keeps the order, and the fastest of any order,
which may divide a sum as the number of rows suggests. The difference of the last two is the price of the same bits in any company; without it
steps and encoder would be faster by no more than that. Needs the programs of tests/gpu (target gpu_tests), which time the kernels.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import _bench
import _gpu

PROGRAMS = ("test_gpu_token_linear", "test_gpu_decoder", "test_gpu_gemm")
MARK = "[ COST ] "


def costs(program):
    """What a program prints of its operations."""
    done = subprocess.run([program, "--gtest_filter=*CostOfOneOrder"], env=os.environ | {"WTRT_BENCH": "1"}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program.name} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return [json.loads(line.removeprefix(MARK)) for line in done.stdout.splitlines() if line.startswith(MARK)]


def sums(found):
    """By phase and batch: the operations together, in ms."""
    for phase, batch in dict.fromkeys((cost["phase"], cost["batch"]) for cost in found):
        same, free = (sum(cost["times"] * cost[key] for cost in found if (cost["phase"], cost["batch"]) == (phase, batch)) / 1e3
                      for key in ("same_order", "any_order"))
        yield [phase, batch, same, free, 100 * (same - free) / free]


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--programs", type=Path, default=_bench.ROOT / "build/cuda/bin", help="folder of the test programs (default build/cuda/bin)")
    parser.add_argument("--commit", help="of the programs, where this is no git checkout")
    options = parser.parse_args()
    if not _gpu.state():
        print("nothing to measure: no NVIDIA GPU here", file=sys.stderr)
        return
    missing = [name for name in PROGRAMS if not (options.programs / name).is_file()]
    if missing:
        sys.exit(f"{options.programs} has no {', '.join(missing)}; build the target gpu_tests, or name their folder with --programs")
    report = _bench.Report("gpu_invariance", __doc__, options)
    if options.commit:
        report.detail("commit", options.commit)
    report.detail("gpu", _gpu.state())
    found = [cost for name in PROGRAMS for cost in costs(options.programs / name)]
    report.table("The operations of a phase together", ["phase", "batch", "one order ms", "any order ms", "cost %"], list(sums(found)))
    report.table("Each operation, µs", ["phase", "operation", "batch", "times", "as it is", "fastest of its order", "fastest of any", "which"],
                 [[cost[key] for key in ("phase", "op", "batch", "times", "chosen", "same_order", "any_order", "fastest")] for cost in found])
    report.note("The encoder's attention divides nothing by the number of windows. What would join the parts of a split self-attention or window product "
                "is not counted.")
    report.finish()


if __name__ == "__main__":
    main()
