#!/usr/bin/env python3
"""How many times faster than real time is a recording written down, warm and as a whole process?

Ten LibriSpeech clips and one recording of five minutes, greedy, language fixed, beside the floor by arithmetic and, with
--whisper-cpp DIR (whisper-cli in DIR, DIR/bin or DIR/build/bin, ggml-MODEL-{q8_0,q5_0,q4_0,f16}.bin in DIR or DIR/models), beside
whisper.cpp in the same run over the same WAV files. Warm: the model is loaded and one pass is behind; of whisper.cpp its own
total without loading.
"""

import os
import subprocess
import sys
from pathlib import Path

import _bench
import _floors
import _wer
from _peer import QUANTIZATIONS, Peer

RECORDING_SECONDS = (300, 400)
OURS_COLUMNS = ["model", "compute type", "material", "× real time", "seconds", "floor s", "× floor", "encode s", "prefill s", "step s",
                "other s", "windows", "steps", "rows per step", "WER %", "whole process × real time", "whole process s"]
PEER_COLUMNS = ["build", "model", "quantization", "flags", "material", "× real time", "seconds", "encode s", "decode s", "mel s", "WER %",
                "whole process × real time", "whole process s"]
RATIO_COLUMNS = ["model", "material", "ours", "best of whisper.cpp", "its build", "ratio warm", "ratio whole process"]


class Material:
    """Recordings that are measured as one thing."""

    def __init__(self, name, rows, folder):
        self.name = name
        self.files = [_bench.as_wav(row["path"], folder) for row in rows]
        self.seconds = sum(row["duration_s"] for row in rows)
        self.transcript = " ".join(row["transcript"] for row in rows)
        self.names = [row["file"] for row in rows]

    def wer(self, text):
        return _wer.rate([_wer.errors(self.transcript, text)])


def materials(options, folder):
    clips = _bench.spread(_bench.librispeech(options), options.clips)
    found = [Material(f"{len(clips)} clips", clips, folder)]
    if not options.no_recording:
        low, high = RECORDING_SECONDS
        long = [row for row in _bench.manifest(options) if row["language"] == "en" and low <= row["duration_s"] <= high]
        found.append(Material("recording", long[:1], folder))
    return found


def passes(engine, material, together, rounds):
    """One pass to warm up, then the run of median time: (seconds, counters, text)."""

    def one_pass():
        if together:
            results = engine.transcribe_all([str(file) for file in material.files], language="en", temperature=0)
        else:
            results = [engine.transcribe(str(file), language="en", temperature=0) for file in material.files]
        return " ".join(result.text for result in results)

    one_pass()
    return _bench.middle([_bench.counted(engine, one_pass) for _ in range(rounds)])


def process_command(options, model, compute_type, files):
    """The command line, or the Python sample's way where it was not built."""
    if _bench.COMMAND_LINE.exists() and not options.no_command_line:
        return [_bench.COMMAND_LINE, "transcribe", *files, "--model", model, "--language", "en", "--compute_type", compute_type,
                "--threads", options.threads, "--beam_size", "1", "--temperature_increment_on_fallback", "None"]
    script = ("import sys, whispertrt\n"
              "model, kind, threads, *files = sys.argv[1:]\n"
              "with whispertrt.Model(model, compute_type=kind, cpu_threads=int(threads)) as m, m.engine() as e:\n"
              "    print(*(r.text for r in e.transcribe_all(files, language='en', temperature=0)), sep='\\n')\n")
    return [sys.executable, "-c", script, model, compute_type, options.threads, *files]


def whole_process(options, model, compute_type, material):
    command = [str(part) for part in process_command(options, model, compute_type, material.files)]
    times = []
    for _ in range(options.rounds):
        seconds, _done = _bench.timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment()))
        times.append(seconds)
    return _bench.median(times)


def environment():
    return {**os.environ, "PYTHONPATH": str(_bench.PACKAGE)}


def measure_ours(options, name, compute_type, found, peaks, rows, ours):
    _bench.note(f"{name} {compute_type}")
    with _bench.load(options, name, compute_type) as model, model.engine() as engine:
        floor = _floors.Floor(model.info, compute_type, peaks, _bench.cache_bytes())
        for material in found:
            for together in (False, True) if len(material.files) > 1 else (False,):
                seconds, stats, text = passes(engine, material, together, options.rounds)
                parts = floor.run_seconds(stats)
                least = sum(parts.values())
                label = material.name + (", together" if together else ", one by one" if len(material.files) > 1 else "")
                spent = [stats["encode_seconds"], stats["prefill_seconds"], stats["step_seconds"]]
                # A process takes all its files at once, so its time belongs beside the pass that does.
                alone = not together and len(material.files) > 1
                process = None if alone else whole_process(options, _bench.model_path(options, name), compute_type, material)
                rows.append([name, compute_type, label, material.seconds / seconds, seconds, least, seconds / least, *spent,
                             seconds - sum(spent), stats["windows"], stats["steps"], stats["step_rows"] / max(1, stats["steps"]),
                             material.wer(text), process and material.seconds / process, process])
                ours[name, compute_type, label] = (seconds, process)
        return {"window ms": floor.window_seconds * 1e3, "token ms, one row": floor.step_seconds() * 1e3,
                "weights per step MB": floor.weight_bytes / 1e6, "row per step MB": floor.row_bytes / 1e6}


def measure_peer(options, peer, name, found, rows, theirs):
    for material in found:
        for quantization in QUANTIZATIONS:
            _bench.note(f"whisper.cpp {name} {quantization} {material.name}")
            run = peer.best(name, quantization, material.files, options.rounds)
            if run is None:
                continue
            phases = run["phases"]
            decode = sum(phases.get(part, 0) for part in ("decode", "batchd", "prompt", "sample"))
            rows.append([peer.name, name, quantization, run["variant"], material.name, material.seconds / run["warm"], run["warm"],
                         phases.get("encode"), decode, phases.get("mel"), material.wer(run["text"]),
                         material.seconds / run["seconds"], run["seconds"]])
            theirs.setdefault((name, material.name), []).append((run["warm"], run["seconds"], quantization, peer.name))


def ratios(ours, theirs):
    for (name, compute_type, label), (warm, process) in ours.items():
        runs = theirs.get((name, label.split(",")[0]))
        if runs:
            best, best_process = min(runs), min(run[1] for run in runs)
            yield [name, label, compute_type, best[2], best[3], best[0] / warm, process and best_process / process]


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--models", type=_bench.names, default=["tiny.en", "base"])
    parser.add_argument("--compute-types", type=_bench.names, default=["float32", "bfloat16", "int8"])
    parser.add_argument("--clips", type=int, default=10, help="LibriSpeech clips (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="passes whose median counts (default 3)")
    parser.add_argument("--no-recording", action="store_true", help="the clips alone")
    parser.add_argument("--no-command-line", action="store_true", help="the whole process is Python's, not the command line's")
    parser.add_argument("--whisper-cpp", type=Path, action="append", default=[], help="folder of the peer, see above; more than one: each build")
    options = parser.parse_args()
    report = _bench.Report("speed", __doc__, options)
    ours_rows, peer_rows, ours, theirs = [], [], {}, {}
    with _bench.scratch() as folder:
        found = materials(options, folder)
        peaks = _floors.ceilings(options.threads, folder)
        report.detail("ceilings", peaks)
        floors = []
        peers = [Peer(folder, options.threads) for folder in options.whisper_cpp]
        for name in options.models:
            for compute_type in options.compute_types:
                floors.append([name, compute_type, *measure_ours(options, name, compute_type, found, peaks, ours_rows, ours).values()])
            for peer in peers:
                measure_peer(options, peer, name, found, peer_rows, theirs)
    report.table("Ours", OURS_COLUMNS, ours_rows)
    report.table("Ceilings, measured here", ["what", "10⁹ per second"], [[what, rate / 1e9] for what, rate in peaks.items()])
    report.table("Floors by arithmetic", ["model", "compute type", "window ms", "token ms, one row", "weights per step MB", "row per step MB"],
                 floors)
    if peers:
        report.table("whisper.cpp", PEER_COLUMNS, peer_rows)
        report.table("Ours over the best quantization of whisper.cpp (bar: base int8 ≥ 2)", RATIO_COLUMNS, list(ratios(ours, theirs)))
    for peer in peers:
        report.note(f"whisper.cpp {peer.version or ''} ({peer.name}) system_info: {peer.system_info}")
    for material in found:
        report.note(f"{material.name}: {material.seconds:.1f} s: {', '.join(material.names)}")
    report.finish()


if __name__ == "__main__":
    main()
